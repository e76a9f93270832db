"""The watcher on real files: what it writes, what it refuses, and what a judgement costs."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from watched_models import Linear, candidate, damaged, digits, fitted, shuffled, split

from pipeline.contracts import Candidate, Deployment, LabelledImages, Split, Verdict
from pipeline.data.digests import ERASED, contained, image_digests, set_digest
from pipeline.errors import ModelError, StoreError
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.inference import more_images, near_copy_record
from pipeline.inference.contenders import Gatherer
from pipeline.inference.measure import MeasuredModel
from pipeline.judging import chain, explain, gate, ledger
from pipeline.judging.policy import GatePolicy, from_table
from pipeline.store import atomic, ledger_files, production, verdicts, version_arrays, versions
from pipeline.store.home import Home
from pipeline.watcher import Watcher

# A linear model fitted with few small images: the floors ask less of it than of a network on MNIST.
RELAXED = {
    "accuracy_floor": 0.5, "recall_floor": 0.0, "calibration_limit": "off", "calibration_margin": "off",
    "robustness_margin_pp": 20.0,
}  # fmt: skip
POLICY = from_table(RELAXED)
UNSCREENED = from_table(RELAXED | {"screen_alpha": "off"})


def judge(home: Home, challenger: Candidate, policy: GatePolicy = POLICY) -> Verdict:
    return Watcher(home, policy).run(challenger, production.current(home, "digits"), digits(), split())


def promote(home: Home, challenger: Candidate, policy: GatePolicy = POLICY) -> Deployment:
    verdict = judge(home, challenger, policy)
    assert verdict.outcome == "pass", explain.lines(verdict)
    version = versions.publish(home, challenger, verdict)
    facts = {
        "dataset": "digits", "id": version.id, "digest": challenger.digest, "previous_id": None, "action": "promote",
        "reason": "", "promoted_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return production.install(home, version.folder, DeploymentRecord(**facts))


def spent(home: Home) -> int:
    return sum(isinstance(entry, ledger.DebitEntry) for entry in ledger_files.read(home, "digits").entries)


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if check.outcome != "pass"}


@pytest.fixture
def champion(starting_from: Callable[..., Home]) -> Deployment | None:
    """The home's champion: trained with all 600 images."""

    def make(home: Home) -> None:
        promote(home, candidate(home, "champion", fitted().onnx()))

    return production.current(starting_from(make), "digits")


@pytest.fixture
def weak_champion(starting_from: Callable[..., Home]) -> Deployment | None:
    """A champion that is easily beaten: trained with 60 images."""

    def make(home: Home) -> None:
        promote(home, candidate(home, "weak", fitted(60).onnx()))

    return production.current(starting_from(make), "digits")


def test_a_first_champion_leaves_its_files_and_costs_nothing(home):
    first = candidate(home, "first", fitted().onnx())
    verdict = judge(home, first)
    assert verdict.outcome == "pass"
    assert verdict.champion_id is None
    assert spent(home) == 0
    scores = json.loads((first.folder / "scores.json").read_text())
    assert scores["images"] == 1000
    assert scores["accuracy"]["value"] > 0.9
    assert len(scores["robustness"]["by_corruption"]) == 15
    assert set(scores["latency_ms"]) == {"single_p50", "single_p95", "per_image_in_batch"}
    assert scores["model_bytes"] == (first.folder / "model.onnx").stat().st_size
    with np.load(first.folder / "predictions.npz") as arrays:
        assert set(arrays.files) == {"probabilities", "labels", "digests"}
        assert (arrays["probabilities"].argmax(1) != arrays["labels"]).sum() == scores["errors"]
    assert verdicts.read(first.folder) == verdict


def test_a_true_gain_is_promoted_and_paid_for(home, weak_champion):
    better = candidate(home, "better", fitted().onnx())
    verdict = judge(home, better)
    assert verdict.outcome == "pass", explain.lines(verdict)
    assert verdict.comparison.gain_pp > 1
    assert (verdict.ledger.judged, verdict.ledger.lineage, verdict.ledger.alpha) == (1, "digits", 0.05)
    assert verdict.ledger.spent == 0, "a promotion gets its level back"
    assert verdict.champion_digest == weak_champion.digest
    with np.load(better.folder / "predictions.npz") as arrays:
        assert arrays["champion_probabilities"].shape == (1000, 10)


@pytest.mark.parametrize(
    "how", ["two classes swapped", "pixels inverted", "pixels not scaled", "weights damaged by noise"]
)
def test_planted_regressions_are_blocked(home, champion, how):
    verdict = judge(home, candidate(home, "regression", damaged(fitted(), how).onnx()))
    assert verdict.outcome == "fail", explain.lines(verdict)


def test_a_class_dropped_from_training_is_blocked_also_without_floors(home, champion):
    policy = from_table({"accuracy_floor": "off", "recall_floor": "off", "screen_alpha": "off"})
    verdict = judge(home, candidate(home, "dropped", fitted(without=3).onnx()), policy)
    assert failed(verdict) >= {"proven_better", "no_class_worse"}


def test_an_older_version_and_the_champion_itself_are_blocked(home, weak_champion):
    promote(home, candidate(home, "better", fitted().onnx()))
    older = judge(home, candidate(home, "older", fitted(60).onnx()))
    assert older.outcome == "fail"
    before = spent(home)
    again = judge(home, candidate(home, "again", fitted().onnx()))
    assert failed(again) == {"not_the_champion"}
    assert spent(home) == before


def test_a_tie_is_not_a_pass(home, champion):
    nearly = Linear(fitted().weights, fitted().bias + 1e-6)
    verdict = judge(home, candidate(home, "tie", nearly.onnx()))
    assert failed(verdict) == {"proven_better"}
    assert "neither is proven better" in " ".join(check.sentence for check in verdict.checks)


def test_the_same_pair_is_judged_once_and_replayed_at_no_cost(home, champion):
    first = judge(home, candidate(home, "one", fitted(400).onnx()), UNSCREENED)
    second = judge(home, candidate(home, "two", fitted(400).onnx()), UNSCREENED)
    assert second == replace(first, candidate_id="20260101-two")
    assert spent(home) == 1
    entries = ledger_files.read(home, "digits").entries
    assert sum(isinstance(entry, ledger.VerdictEntry) for entry in entries) == 1, "replayed, not judged once more"
    assert (home.staging / "20260101-two" / "scores.json").is_file()
    other_policy = from_table(RELAXED | {"screen_alpha": "off", "alpha": 0.04})
    judge(home, candidate(home, "three", fitted(400).onnx()), other_policy)
    assert spent(home) == 2


def test_a_published_version_is_judged_again_and_left_as_it_is(home, champion):
    challenger = candidate(home, "refused", fitted(300).onnx())
    before = judge(home, challenger, UNSCREENED)
    versions.publish(home, challenger, before)
    version = versions.find(home, "refused")
    stored = {path: path.read_bytes() for path in version.folder.rglob("*") if path.is_file()}
    stricter = from_table(RELAXED | {"screen_alpha": "off", "alpha": 0.04})

    watcher = Watcher(home, stricter)
    verdict = watcher.again(replace(challenger, folder=version.folder), champion, digits(), split())

    assert (verdict.outcome, verdict.champion_id) == (before.outcome, champion.id)
    assert {path: path.read_bytes() for path in version.folder.rglob("*") if path.is_file()} == stored
    assert list((home.cache / "predictions").iterdir()), "the next judgement need not predict"


def test_a_challenger_that_cannot_be_measured_is_an_error_against_the_champion(home, champion):
    nan = Linear(np.full((64, 10), np.nan), np.zeros(10))
    verdict = judge(home, candidate(home, "nan", nan.onnx()))
    assert (verdict.outcome, verdict.champion_id, verdict.champion_digest) == ("error", champion.id, champion.digest)
    assert spent(home) == 0


def test_a_crash_between_debit_and_comparison_costs_the_debit_once(home, champion, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    challenger = candidate(home, "crashed", fitted(400).onnx())
    with monkeypatch.context() as patch:
        patch.setattr(gate, "compare", crash)
        with pytest.raises(KeyboardInterrupt):
            judge(home, challenger, UNSCREENED)
    assert spent(home) == 1
    assert not (challenger.folder / "verdict.json").exists()
    verdict = judge(home, challenger, UNSCREENED)
    assert verdict.ledger.judged == 1
    assert spent(home) == 1, "the debit stands, and the same pair is not charged twice"


def test_the_debit_is_on_disk_before_the_comparison(home, champion, monkeypatch):
    seen = []
    compare = gate.compare
    monkeypatch.setattr(gate, "compare", lambda *a: (seen.append(spent(home)), compare(*a))[1])
    judge(home, candidate(home, "other", fitted(400).onnx()), UNSCREENED)
    assert seen == [1]


def test_shuffling_and_renaming_the_images_earns_no_fresh_ledger(home, champion):
    judge(home, candidate(home, "one", fitted(400).onnx()), UNSCREENED)
    data, rows = shuffled()
    current = production.current(home, "digits")
    verdict = Watcher(home, UNSCREENED).run(candidate(home, "two", fitted(300).onnx()), current, data, rows)
    assert verdict.ledger.judged == 2


def test_an_empty_budget_fails_closed(home, weak_champion):
    old_ledger(home, spent=0.05)
    verdict = judge(home, candidate(home, "two", fitted().onnx()), UNSCREENED)
    assert failed(verdict) == {"budget_left"}
    assert verdict.outcome == "fail"
    assert "raise alpha" in verdict.checks[-1].sentence


def old_ledger(home: Home, spent: float, name: str = "a" * 64, dataset: str = "digits") -> None:
    """A ledger of one benchmark, as releases before kept them."""
    opened = {"kind": "open", "alpha": 0.05, "horizon": 200, "dataset": dataset, "images": 1000}
    first = chain.seal(name, 1, chain.GENESIS, opened)
    debit = {"kind": "debit", "cost": spent, "level": spent, "policy": "p", "candidate": "c", "champion": "d"}
    second = chain.seal(name, 2, first["digest"], debit)
    path = ledger_files.file(home, name)
    for entry in (first, second):
        atomic.append_line(path, json.dumps(entry, sort_keys=True))
    atomic.write_json(path.with_suffix(".head"), {"entry": 2, "digest": second["digest"]})


def test_ledgers_of_older_releases_count_and_are_imported_once(home, champion):
    old_ledger(home, 0.01, "a" * 64)
    old_ledger(home, 0.02, "c" * 64)
    old_ledger(home, 0.02, "d" * 64, dataset="another")
    assert ledger.balance(ledger_files.read(home, "digits"), POLICY).left == pytest.approx(0.02)
    assert not ledger_files.file(home, "digits").exists(), "reading writes nothing"
    for name, images in (("one", 400), ("two", 300)):
        verdict = judge(home, candidate(home, name, fitted(images).onnx()), UNSCREENED)
    book = ledger_files.read(home, "digits")
    assert sum(isinstance(entry, ledger.ImportEntry) for entry in book.entries) == book.entries[1].entry == 2
    assert verdict.ledger.judged == 4
    assert 0.03 < verdict.ledger.spent < 0.0305


def other_benchmark(size: int) -> Split:
    rows = split().benchmark[:size]
    return replace(split(), benchmark=rows, benchmark_sha256=set_digest(digits().digests[rows]))


def test_benchmarks_of_all_sizes_share_one_budget(home, champion):
    left = []
    for number, size in enumerate((400, 399, 398)):
        challenger = candidate(home, f"of{size}", fitted(400 - 20 * number).onnx())
        verdict = Watcher(home, UNSCREENED).run(challenger, champion, digits(), other_benchmark(size))
        left.append(verdict.ledger.alpha - verdict.ledger.spent)
        assert verdict.ledger.judged == number + 1
    assert left == sorted(left, reverse=True)
    book = ledger_files.read(home, "digits")
    assert sum(isinstance(entry, ledger.BenchmarkEntry) for entry in book.entries) == 3


def relabelled() -> LabelledImages:
    labels = digits().labels.copy()
    rows = split().benchmark[:60]
    labels[rows] = (labels[rows] + 1) % 10
    return replace(digits(), labels=labels)


def test_a_relabelled_benchmark_is_judged_anew(home, champion):
    challenger = candidate(home, "one", fitted(400).onnx())
    first = Watcher(home, UNSCREENED).run(challenger, champion, digits(), split())
    scores = json.loads((challenger.folder / "scores.json").read_text())
    second = Watcher(home, UNSCREENED).run(challenger, champion, relabelled(), split())
    again = json.loads((challenger.folder / "scores.json").read_text())
    assert (first.ledger.judged, second.ledger.judged) == (1, 2)
    assert first.truth_sha256 != second.truth_sha256
    assert again["errors"] > scores["errors"] + 40
    assert again["robustness"]["mean_accuracy"] < scores["robustness"]["mean_accuracy"] - 0.02
    champions = [sentence_of(verdict, "robustness") for verdict in (first, second)]
    assert champions[0] != champions[1], "the champion's kept figures are of other labels"


def sentence_of(verdict: Verdict, name: str) -> str:
    return next(check.sentence for check in verdict.checks if check.name == name)


def test_a_comparison_that_nobody_could_win_costs_nothing_and_says_so(home, champion):
    few = other_benchmark(60)
    challenger = candidate(home, "hopeless", fitted(400).onnx())
    verdict = Watcher(home, UNSCREENED).run(challenger, champion, digits(), few)
    assert verdict.outcome == "fail"
    assert "within_reach" in failed(verdict)
    assert verdict.ledger is None
    assert spent(home) == 0
    assert "A larger benchmark is needed." in sentence_of(verdict, "within_reach")
    seen = version_arrays.training_images_in(champion.folder)
    fitted_images = len(np.unique(np.concatenate([seen.train, seen.validation])))
    assert verdict.lack.images_in_folds == len(digits()) - fitted_images, "images that the champion never saw"


def test_a_blend_is_not_advised_to_train_in_folds(home, champion):
    facts = {"members": [{"id": "a", "digest": "d" * 64, "weight": 1.0}]}
    gathered = Gatherer(home, UNSCREENED, digits(), split())
    plain, blend = (candidate(home, name, fitted(400).onnx(), blend=one) for name, one in (("b", None), ("c", facts)))
    found = [gathered.evidence(one, MeasuredModel(fitted(400).onnx()), champion) for one in (plain, blend)]
    assert [one.images_in_folds is None for one in found] == [False, True]


def test_all_validation_images_decide_how_much_is_spent(home, champion):
    small = replace(split(), validation=split().validation[:20], screening=split().validation)
    challenger = candidate(home, "one", fitted(400).onnx())
    verdict = Watcher(home, POLICY).run(challenger, champion, digits(), small)
    assert "On 197 validation images" in sentence_of(verdict, "validation_screen")


def trained_on(home: Home, name: str, images: int, model: int, **facts) -> Candidate:
    """A candidate of one recipe whose record says that it was trained on the first images."""
    challenger = candidate(home, name, fitted(model).onnx(), **facts)
    seen = digits().digests[split().train[:images]]
    np.savez(challenger.folder / "training_images.npz", train=seen, validation=seen[:0])
    return challenger


def shortfall(home: Home, challenger: Candidate, champion: Candidate) -> str | None:
    return more_images.shortfall(home, digits(), challenger, champion.folder)


@pytest.mark.parametrize(
    ("images", "facts", "why_not"),
    [
        pytest.param(600, {}, None, id="more images"),
        pytest.param(300, {}, "with no image that the champion does not know", id="the same images"),
        pytest.param(200, {}, "it was trained without 100 of the champion's 300 images", id="fewer images"),
        pytest.param(600, {"parameters": {"depth": 2}}, "parameters are not the champion's (depth", id="parameters"),
        pytest.param(600, {"recipe": "another"}, "its recipe is another, the champion's ", id="another recipe"),
        pytest.param(600, {"folds": 5}, "trained in 5 folds, the champion in none", id="folds"),
    ],
)
def test_growth_is_the_champions_recipe_with_all_of_its_images_and_more(home, images, facts, why_not):
    champion = trained_on(home, "champion", 300, 300)
    found = shortfall(home, trained_on(home, "challenger", images, 290, **facts), champion)
    assert found == why_not if why_not is None else why_not in str(found)


def test_growth_with_a_lost_record_is_none(home):
    champion = trained_on(home, "champion", 300, 300)
    (champion.folder / "training_images.npz").unlink()
    assert "not recorded" in str(shortfall(home, trained_on(home, "challenger", 600, 290), champion))


@pytest.mark.parametrize(
    ("mine", "theirs", "grown"),
    [
        pytest.param(slice(5, 400), slice(0, 300), True, id="more images"),
        pytest.param(slice(5, 300), slice(0, 300), False, id="no other images"),
        pytest.param(slice(0, 300), slice(5, 300), False, id="the erased images alone"),
    ],
)
def test_an_erased_image_neither_counts_as_missing_nor_as_another_one(home, mine, theirs, grown):
    gone = digits().digests[split().train[:5]]
    champion, challenger = (trained_on(home, name, 600, 300) for name in ("champion", "challenger"))
    for one, images in ((champion, theirs), (challenger, mine)):
        seen = digits().digests[split().train[images]]
        known = np.where(contained(seen, gone), ERASED, seen)
        np.savez(one.folder / "training_images.npz", train=known, validation=known[:0])
    assert (shortfall(home, challenger, champion) is None) is grown


def test_growing_promotes_more_images_that_guarded_cannot_prove_better(home):
    growing = from_table(RELAXED | {"preset": "growing", "margin_pp": 4.0})
    promote(home, trained_on(home, "champion", 300, 300), growing)
    grown = judge(home, trained_on(home, "grown", 600, 400), growing)
    assert grown.outcome == "pass", explain.lines(grown)
    assert {"proven_not_inferior", "as_good"} <= {check.name for check in grown.checks}
    other = judge(home, trained_on(home, "fewer", 200, 390), growing)
    assert sentence_of(other, "proven_better").endswith(
        "It has to be proven better, not only as good, since it was trained without 100 of the champion's 300 images."
    )


def test_an_old_verdict_is_still_read(home, champion):
    stored = verdicts.to_json(judge(home, candidate(home, "one", fitted(400).onnx()), UNSCREENED))
    del stored["truth_sha256"]
    old = {"level": 0.00025, "entry": 2, "alpha": 0.05, "horizon": 200, "spent": 0.00025, "judged": 1}
    verdict = verdicts.from_json(stored | {"ledger": old})
    assert (verdict.ledger.level, verdict.ledger.entry, verdict.ledger.lineage) == (0.00025, 2, None)
    empty = verdicts.from_json(stored | {"ledger": {}, "comparison": {}})
    assert (empty.ledger, empty.comparison) == (None, None)
    with pytest.raises(StoreError, match=r"verdict.json is damaged: the field 'comparison\.fixed' is missing"):
        verdicts.from_json(stored | {"comparison": {"gain_pp": 1.0}})


@pytest.mark.parametrize("tamper", ["changed line", "line missing", "ledger deleted", "ledger and head deleted"])
def test_a_tampered_ledger_stops_the_judging(home, champion, tamper):
    judged = candidate(home, "one", fitted(400).onnx())
    versions.publish(home, judged, judge(home, judged, UNSCREENED))
    path = ledger_files.file(home, "digits")
    lines = path.read_text().splitlines(keepends=True)
    if tamper == "changed line":
        path.write_text("".join([lines[0], lines[1].replace('"cost": 0.0', '"cost": 0.00'), *lines[2:]]))
    elif tamper == "line missing":
        path.write_text("".join([lines[0], *lines[2:]]))
    else:
        path.unlink()
        if tamper == "ledger and head deleted":
            path.with_suffix(".head").unlink()
    with pytest.raises(StoreError, match="ledger"):
        judge(home, candidate(home, "two", fitted(300).onnx()), UNSCREENED)


def test_training_images_in_the_benchmark_are_found(home, champion):
    verdict = judge(home, candidate(home, "leak", fitted(400).onnx(), shared=2))
    check = next(check for check in verdict.checks if check.name == "no_training_image")
    assert (check.outcome, check.value) == ("fail", 2)
    unknown = candidate(home, "unknown", fitted(300).onnx())
    (unknown.folder / "training_images.npz").unlink()
    assert judge(home, unknown).outcome == "error"


def test_an_unloadable_or_tampered_champion_ends_the_run_and_is_not_held_against_the_challenger(home, weak_champion):
    (weak_champion.folder / "model.onnx").write_bytes(b"no model")
    challenger = candidate(home, "better", fitted().onnx())
    with pytest.raises(StoreError, match=r"model\.onnx was changed"):
        judge(home, challenger)
    assert not (challenger.folder / "verdict.json").exists()
    assert spent(home) == 0


def test_a_champion_of_other_classes_ends_the_run_and_says_so(home, weak_champion):
    data = replace(digits(), classes=tuple("abcdefghij"))
    challenger = candidate(home, "other", fitted().onnx())
    with pytest.raises(ModelError, match="another name"):
        Watcher(home, POLICY).run(challenger, weak_champion, data, split())
    assert not (challenger.folder / "verdict.json").exists()


def test_a_challenger_that_gives_nan_or_nothing_is_an_error_with_empty_scores(home):
    nan = Linear(np.full((64, 10), np.nan), np.zeros(10))
    for name, model in (("nan", nan.onnx()), ("junk", b"no model")):
        challenger = candidate(home, name, model)
        assert judge(home, challenger).outcome == "error"
        scores = json.loads((challenger.folder / "scores.json").read_text())
        assert scores["errors"] is None
        assert scores["accuracy"] == {"value": None, "low": None, "high": None}


def test_a_model_exchanged_after_training_is_refused(home):
    challenger = candidate(home, "exchanged", fitted(60).onnx())
    (challenger.folder / "model.onnx").write_bytes(fitted().onnx())
    with pytest.raises(StoreError, match="changed after it was trained"):
        judge(home, challenger)


def test_the_champions_predictions_are_computed_once(home, champion, monkeypatch):
    judge(home, candidate(home, "one", fitted(400).onnx()))
    kept = {path: path.stat().st_mtime_ns for path in (home.cache / "predictions").iterdir()}
    assert len(kept) == 3
    judge(home, candidate(home, "two", fitted(300).onnx()))
    assert {path: path.stat().st_mtime_ns for path in (home.cache / "predictions").iterdir()} == kept
    for path in kept:
        path.write_bytes(b"damaged")
    verdict = judge(home, candidate(home, "three", fitted(200).onnx()))
    assert verdict.outcome == "fail"


def test_small_losses_cannot_creep_past_the_best_champion_ever(home):
    """The challenger is within the margin of the present champion, but not of the best there ever was."""
    policy = from_table(
        RELAXED | {"mode": "non-inferior", "margin_pp": 8.0, "class_alpha": "off", "screen_alpha": "off"}
    )
    promote(home, candidate(home, "best", fitted().onnx()), policy)
    slightly_worse = candidate(home, "worse", fitted(70).onnx())
    served = versions.publish(home, slightly_worse, judge(home, slightly_worse, policy))
    facts = {
        "dataset": "digits", "id": served.id, "digest": slightly_worse.digest, "previous_id": None,
        "action": "override", "reason": "test", "promoted_at": "2026-01-02T00:00:00Z",
    }  # fmt: skip
    production.install(home, served.folder, DeploymentRecord(**facts))
    alone = from_table(policy.model_dump() | {"mode": "better", "margin_pp": None, "robustness_margin_pp": "off"})
    creeping = candidate(home, "creeping", fitted(69).onnx())
    assert judge(home, creeping, alone).comparison.gain_low_pp > -8.0, "harmless beside the present champion"
    verdict = judge(home, creeping, policy)
    assert "proven_not_inferior" in failed(verdict)
    assert "20260101-best, the hardest of 2" in sentence_of(verdict, "proven_not_inferior")


def test_a_refusal_explains_itself_as_documented(home, champion):
    verdict = judge(home, candidate(home, "refused", fitted(550).onnx()), UNSCREENED)
    text = "\n".join(explain.lines(verdict))
    for said in (
        "FAIL  20260101-refused against champion 20260101-champion, on digits benchmark, 1,000 images",
        "judgement 1 of this dataset, 0.04", "fixed ", "made ", "points (95 %:", "needs p <= 0.00", "4 times in 5",
            "The rule of 2018",
        "is left after 1 judgement.", "Over the life of this dataset",
    ):  # fmt: skip
        assert said in text


def with_planted_copies(images: int) -> tuple[LabelledImages, Split]:
    """The digits, with so many benchmark images shifted by one pixel among those to train with."""
    data, parts = digits(), split()
    rows = parts.benchmark[:images]
    shifted = np.pad(data.images[rows], ((0, 0), (1, 0), (0, 0), (0, 0)), mode="edge")[:, :-1]
    more = replace(
        data,
        images=np.concatenate([data.images, shifted]),
        labels=np.concatenate([data.labels, data.labels[rows]]),
        digests=np.concatenate([data.digests, image_digests(shifted)]),
    )
    planted = np.arange(len(data), len(more))
    return more, replace(parts, train=np.concatenate([parts.train, planted]))


@pytest.mark.parametrize(("planted", "outcome"), [(0, "pass"), (300, "fail")])
def test_near_copies_of_the_benchmark_among_the_training_images_are_refused_beyond_chance(home, planted, outcome):
    data, parts = with_planted_copies(planted)
    first = candidate(home, "first", fitted().onnx())
    np.savez(
        first.folder / "training_images.npz",
        train=data.digests[parts.train],
        validation=data.digests[parts.validation],
    )
    verdict = Watcher(home, POLICY).run(first, None, data, parts)
    (check,) = [one for one in verdict.checks if one.name == "near_copies"]
    assert check.outcome == outcome, check
    assert verdict.outcome == outcome
    (kept,) = (home.cache / "near-copies").iterdir()
    before = kept.stat()
    assert Watcher(home, POLICY).run(first, None, data, parts).outcome == outcome
    assert kept.stat().st_mtime_ns == before.st_mtime_ns, "searched once"


def test_of_very_many_validation_images_some_are_the_reference(home, monkeypatch):
    data, parts = with_planted_copies(0)
    rows = replace(parts, screening=np.sort(np.concatenate([parts.validation, parts.train[:100]])), pool=parts.train)
    fitted_on = data.digests[parts.train]
    assert near_copy_record.count(home, data, rows, fitted_on).reference == len(rows.screening)
    monkeypatch.setattr(near_copy_record, "REFERENCES", 10)
    few = replace(rows, benchmark=parts.benchmark[:20])
    assert near_copy_record.count(home, data, few, fitted_on).reference == 20, "as many as benchmark images"


def test_copies_of_what_a_model_was_not_fitted_on_do_not_count_against_it(home):
    data, parts = with_planted_copies(300)
    part = candidate(home, "part", fitted().onnx())
    verdict = Watcher(home, POLICY).run(part, None, data, parts)
    assert [one.outcome for one in verdict.checks if one.name == "near_copies"] == ["pass"]
