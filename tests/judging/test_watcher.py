"""The watcher on real files: what it writes, what it refuses, and what a judgement costs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from watched_models import Linear, candidate, damaged, digits, fitted, shuffled, split

from pipeline.contracts import Candidate, Deployment, Verdict
from pipeline.errors import ModelError, StoreError
from pipeline.judging import explain, gate
from pipeline.judging.policy import GatePolicy, from_table
from pipeline.store import ledger_files, production, verdicts, versions
from pipeline.store.deployments import Record
from pipeline.store.home import Home
from pipeline.watcher import Watcher, read_ledger

# A linear model fitted with few small images: the floors ask less of it than of a network on MNIST.
RELAXED = {"accuracy_floor": 0.5, "recall_floor": 0.0, "calibration_limit": "off", "robustness_margin_pp": 20.0}
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
    return production.install(home, version.folder, Record(**facts))


def spent(home: Home) -> int:
    return sum(
        entry["kind"] == "debit"
        for entry in read_ledger(home, split().benchmark_sha256, versions.list_versions(home)).entries
    )


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if check.outcome != "pass"}


@pytest.fixture
def champion(home: Home) -> Deployment:
    """The home's champion: trained with all 600 images."""
    return promote(home, candidate(home, "champion", fitted().onnx()))


@pytest.fixture
def weak_champion(home: Home) -> Deployment:
    """A champion that is easily beaten: trained with 60 images."""
    return promote(home, candidate(home, "weak", fitted(60).onnx()))


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
    assert verdict.comparison["gain_pp"] > 1
    assert verdict.ledger["judged"] == 1
    assert verdict.ledger["horizon"] == 200
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
    assert "indistinguishable" in " ".join(check.sentence for check in verdict.checks)


def test_the_same_pair_is_judged_once_and_replayed_at_no_cost(home, champion):
    first = judge(home, candidate(home, "one", fitted(400).onnx()), UNSCREENED)
    second = judge(home, candidate(home, "two", fitted(400).onnx()), UNSCREENED)
    assert second == replace(first, candidate_id="20260101-two")
    assert spent(home) == 1
    assert (home.staging / "20260101-two" / "scores.json").is_file()
    other_policy = from_table(RELAXED | {"screen_alpha": "off", "alpha": 0.04})
    judge(home, candidate(home, "three", fitted(400).onnx()), other_policy)
    assert spent(home) == 2


def test_a_crash_between_debit_and_comparison_costs_the_debit_once(home, champion, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    challenger = candidate(home, "crashed", fitted(400).onnx())
    with monkeypatch.context() as patch:
        patch.setattr(gate, "_compared", crash)
        with pytest.raises(KeyboardInterrupt):
            judge(home, challenger, UNSCREENED)
    assert spent(home) == 1
    assert not (challenger.folder / "verdict.json").exists()
    verdict = judge(home, challenger, UNSCREENED)
    assert verdict.ledger["judged"] == 1
    assert spent(home) == 1, "the debit stands, and the same pair is not charged twice"


def test_the_debit_is_on_disk_before_the_comparison(home, champion, monkeypatch):
    seen = []
    compared = gate._compared
    monkeypatch.setattr(gate, "_compared", lambda *a: (seen.append(spent(home)), compared(*a))[1])
    judge(home, candidate(home, "other", fitted(400).onnx()), UNSCREENED)
    assert seen == [1]


def test_shuffling_and_renaming_the_images_earns_no_fresh_ledger(home, champion):
    judge(home, candidate(home, "one", fitted(400).onnx()), UNSCREENED)
    data, rows = shuffled()
    current = production.current(home, "digits")
    verdict = Watcher(home, UNSCREENED).run(candidate(home, "two", fitted(300).onnx()), current, data, rows)
    assert verdict.ledger["judged"] == 2


def test_the_end_of_the_horizon_fails_closed(home, weak_champion):
    policy = from_table(RELAXED | {"horizon": 1, "screen_alpha": "off"})
    judge(home, candidate(home, "one", fitted(50).onnx()), policy)
    verdict = judge(home, candidate(home, "two", fitted().onnx()), policy)
    assert failed(verdict) == {"judgements_left"}
    assert verdict.outcome == "fail"
    assert "gate extend" in verdict.checks[-1].sentence


@pytest.mark.parametrize("tamper", ["changed line", "line missing", "ledger deleted", "ledger and head deleted"])
def test_a_tampered_ledger_stops_the_judging(home, champion, tamper):
    judged = candidate(home, "one", fitted(400).onnx())
    versions.publish(home, judged, judge(home, judged, UNSCREENED))
    path = ledger_files.file(home, split().benchmark_sha256)
    lines = path.read_text().splitlines(keepends=True)
    if tamper == "changed line":
        path.write_text("".join([lines[0], lines[1].replace("0.00025", "0.00001"), *lines[2:]]))
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
    policy = from_table(RELAXED | {"mode": "non-inferior", "margin_pp": 8.0, "class_alpha": "off"})
    promote(home, candidate(home, "best", fitted().onnx()), policy)
    assert judge(home, candidate(home, "close", fitted(590).onnx()), policy).outcome == "pass"
    promote(home, candidate(home, "smaller", fitted(500).onnx()), policy)
    verdict = judge(home, candidate(home, "creeping", fitted(80).onnx()), policy)
    assert "proven_not_inferior" in failed(verdict) or "validation_screen" in failed(verdict)
    assert verdict.outcome == "fail"


def test_a_refusal_explains_itself_as_documented(home, champion):
    verdict = judge(home, candidate(home, "refused", fitted(550).onnx()), UNSCREENED)
    text = "\n".join(explain.lines(verdict))
    for said in (
        "FAIL  20260101-refused against champion 20260101-champion, on digits benchmark, 1,000 images",
        "judged 1 of 200", "fixed ", "made ", "points (95 %:", "needs p <= 0.00025", "4 times in 5", "The rule of 2018",
    ):  # fmt: skip
        assert said in text
