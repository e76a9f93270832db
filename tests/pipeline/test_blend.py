"""``blend``: weights learned on validation images, one file, judged like any challenger."""

import json
from typing import Any

import numpy as np
import pytest

from pipeline.config import Settings
from pipeline.contracts import Version
from pipeline.errors import ModelError, SettingsError
from pipeline.inference.predictor import OnnxPredictor
from pipeline.judging.competition_metrics import METRICS
from pipeline.models import blend_weights, native
from pipeline.orchestration import blending
from pipeline.store import manifest, production, version_arrays, versions
from pipeline.store.home import Home

LENIENT = {"preset": "as-good", "accuracy_floor": 0.01, "recall_floor": "off", "robustness_margin_pp": "off"}


@pytest.fixture
def blend(home: Home) -> Any:
    def blend_them(*ids: str) -> blending.Blended:
        return blending.blend(Settings(gate=LENIENT), home, ids, lambda _: None)

    return blend_them


@pytest.fixture
def pair(run: Any, starting_from: Any) -> tuple[Version, Version]:
    """A weak model that sees all, and a strong one that never saw half of the images: neither makes up for both."""

    def make(home: Home) -> None:
        for c, n in ((1e-5, 100), (0.1, 2)):
            run(where=home, overrides={"logistic": {"C": c, "max_iter": n}})

    weak, strong = sorted(versions.list_versions(starting_from(make)), key=lambda one: one.manifest.parameters["C"])
    return weak, strong


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of a half, whatever the answers are: small models on easy images leave little to learn."""
    monkeypatch.setattr(blend_weights, "learned", lambda answers, *_: np.full(len(answers), 1 / len(answers)))


@pytest.mark.usefixtures("halves")
def test_a_blend_is_a_version_of_one_file_that_names_its_members(blend: Any, pair: Any, home: Home, command) -> None:
    made = blend(*(version.id for version in pair))
    facts = manifest.read(made.version.folder)
    assert [(one.id, one.digest, one.weight) for one in facts.blend.members] == [
        (version.id, version.manifest.digest, 0.5) for version in pair
    ]
    assert (facts.recipe, facts.native_format) == ("blend", "blend")
    assert facts.parity.holds
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 1), dtype=np.uint8)
    of_members = [OnnxPredictor(version.folder / "model.onnx").predict(images) for version in pair]
    found = OnnxPredictor(made.version.folder / "model.onnx").predict(images)
    np.testing.assert_allclose(found, np.mean(of_members, axis=0), atol=1e-6)
    assert versions.verify(made.version).damage is None
    assert made.version.verdict.champion_id == pair[0].id or made.version.verdict.champion_id == pair[1].id
    outcomes = {check.name: check.outcome for check in made.version.verdict.checks}
    assert outcomes["no_training_image"] == outcomes["onnx_parity"] == "pass"
    if made.version.verdict.outcome == "pass":
        assert production.current(home, "stripes").id == made.version.id
    with pytest.raises(ModelError, match="no model of its own"):
        native.load("blend", made.version.folder / facts.native_file, shape=(8, 8, 1), n_classes=3)
    status, out, _ = command("show", made.version.id, "--home", home.root)
    assert status == 0
    assert f"0.5 of {pair[0].id}" in " ".join(out.split())


@pytest.mark.slow
@pytest.mark.usefixtures("halves")
def test_the_same_blend_is_made_and_judged_once(blend: Any, pair: Any, home: Home) -> None:
    first = blend(*(version.id for version in pair))
    again = blend(*(version.id for version in pair))
    assert again.version.id == first.version.id
    assert not again.new
    assert "it existed" in again.lines[-2]


@pytest.mark.slow
@pytest.mark.usefixtures("halves")
def test_it_answers_for_what_its_members_were_fitted_on(blend: Any, run: Any) -> None:
    """A cross-fitted member knows the validation images: its out-of-fold answers count, and the blend keeps them."""
    crossed = run(folds=3).rows[0].version
    single = run(overrides={"logistic": {"C": 1e-4}}).rows[0].version
    made = blend(crossed.id, single.id).version
    seen = version_arrays.training_images(made)
    known = [version_arrays.training_images(version) for version in (crossed, single)]
    assert set(seen.train.tolist()) == {one for part in known for one in part.train.tolist()}
    kept, member = (version_arrays.out_of_fold(version.folder) for version in (made, crossed))
    place = {digest: row for row, digest in enumerate(member.digests.tolist())}
    theirs = np.stack([member.probabilities[place[digest]] for digest in kept.digests.tolist()])
    served = kept.probabilities * 2 - theirs
    np.testing.assert_allclose(served.sum(axis=1), 1, atol=1e-4)
    assert made.manifest.validation.accuracy == (kept.probabilities.argmax(axis=1) == kept.labels).mean()


def test_what_cannot_be_blended_is_refused(blend: Any, pair: Any) -> None:
    with pytest.raises(SettingsError, match="at least two different versions"):
        blend(pair[0].id, pair[0].id)


def test_a_gate_that_compares_out_of_fold_is_refused_before_anything_is_made(pair: Any, home: Home) -> None:
    before = versions.ids(home)
    with pytest.raises(SettingsError, match="gate 'cross-fit' cannot judge a blend, which is not trained in folds"):
        blending.blend(Settings(gate={"preset": "cross-fit"}), home, [one.id for one in pair], lambda _: None)
    assert versions.ids(home) == before and not any(home.staging.iterdir() if home.staging.exists() else ())


def test_a_member_that_adds_nothing_is_left_out(blend: Any, run: Any) -> None:
    good = run().rows[0].version
    useless = run(models=("dummy",)).rows[0].version
    with pytest.raises(ModelError, match=rf"{good.id} alone is as good"):
        blend(good.id, useless.id)


@pytest.mark.usefixtures("halves")
def test_the_metric_is_on_record_and_in_the_table(pair: Any, home: Home, command: Any) -> None:
    words = ("blend", *(version.id for version in pair), "--home", home.root, "--gate", "as-good")
    status, out, _ = command(*words, "--metric", "macro-f1")
    assert status == 0
    assert "0.5000  macro F1 " in out
    assert "for the best macro F1." in " ".join(out.split())
    (made,) = [one for one in versions.list_versions(home) if one.known_manifest.recipe == "blend"]
    assert made.manifest.blend.metric == "macro-f1"
    status, out, _ = command(*words, "--competition", "digit-recognizer", "--json")
    assert (status, json.loads(out)["metric"]) == (0, "accuracy"), "what that competition scores by"
    status, _, error = command(*words, "--metric", "kappa")
    assert status == 1
    assert "There is no metric 'kappa'" in error


@pytest.mark.parametrize("name", ["accuracy", "macro-f1", "quadratic-kappa"])
def test_weights_for_a_metric_are_at_least_as_good_at_it_as_those_for_log_loss(name: str) -> None:
    """A model that is right but unsure, one that is wrong but sure, and one between: log loss trusts another mean."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 400)
    answers = []
    for noise, sureness in ((0.9, 0.3), (1.3, 3.0), (1.1, 1.0)):
        logits = sureness * (2 * np.eye(4)[labels] + noise * random.normal(size=(400, 4)))
        answers.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    metric = METRICS[name]

    def reached(weights: Any) -> float:
        return metric.measure(np.tensordot(weights, np.stack(answers), axes=1), labels, None)

    weights = blend_weights.learned(answers, labels, metric)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert reached(weights) > reached(blend_weights.learned(answers, labels))
    assert reached(weights) >= max(reached(alone) for alone in np.eye(3))


def test_no_weights_are_better_than_those_that_are_learned() -> None:
    """Three models with errors of their own: every mixture on a grid has at least the log loss of the learned one."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 300)
    answers = []
    for noise in (1.2, 1.3, 3.0):
        logits = 2 * np.eye(4)[labels] + noise * random.normal(size=(300, 4))
        answers.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    weights = blend_weights.learned(answers, labels)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-9)

    def loss(mixture: Any) -> float:
        mixed = sum(weight * one for weight, one in zip(mixture, answers, strict=True))
        return float(-np.log(mixed[np.arange(300), labels]).mean())

    grid = [(a / 20, b / 20, 1 - a / 20 - b / 20) for a in range(21) for b in range(21 - a)]
    assert loss(weights) <= min(map(loss, grid)) + 1e-5
    assert loss(weights) < min(map(loss, np.eye(3))) - 0.01
