"""What is shown of a refused version whose policy discloses verdicts only."""

from dataclasses import replace

import known_facts
import numpy as np
import pytest
from evidence_builder import judged, make_evidence

from pipeline.contracts import Charge, Verdict, Version
from pipeline.errors import DataError
from pipeline.facts.score_facts import Robustness, Scores
from pipeline.judging import disclosure, metrics
from pipeline.judging.policy import PRESETS

LEVEL = 0.00025


def verdict(fixed: int = 21, made: int = 14, disclose: str = "verdict") -> Verdict:
    judgement = judged(PRESETS["guarded"], make_evidence(fixed, made, validation=(5, 5)), LEVEL)
    return Verdict(
        judgement.outcome, "new", "a", "old", "b", "toy", "c", 10_000, "guarded", "d", judgement.checks,
        explanation=judgement.explanation, comparison=judgement.comparison, ledger=Charge(LEVEL), disclose=disclose,
    )  # fmt: skip


def scores() -> Scores:
    labels = np.arange(100) % 10
    figures = metrics.score(np.eye(10, dtype=np.float32)[labels], labels, tuple("0123456789"))
    robust = Robustness(mean_accuracy=0.9, by_corruption={"fog": 0.9})
    return Scores(**dict(figures), benchmark_sha256="b" * 64, robustness=robust, model_bytes=7)


@pytest.mark.parametrize(
    ("fixed", "disclose", "withheld"),
    [(21, "verdict", True), (21, "full", False), (90, "verdict", False)],
    ids=["refused", "disclosed in full", "passed"],
)
def test_figures_are_withheld_of_what_was_refused(fixed, disclose, withheld):
    given = verdict(fixed, disclose=disclose)
    shown = disclosure.shown_verdict(given)
    assert disclosure.withholds(given) == withheld
    assert (shown == given) == (not withheld)


def test_what_read_nothing_of_the_benchmark_is_shown():
    shown = disclosure.shown_verdict(verdict())
    assert {check.name for check in shown.checks} - {disclosure.WITHHELD} <= disclosure.FREE
    assert len(shown.checks) > 4
    assert (shown.checks[-1].name, shown.checks[-1].outcome) == (disclosure.WITHHELD, "fail")
    assert (shown.explanation, shown.comparison, shown.outcome) == ((), None, "fail")
    text = repr(shown)
    assert all(figure not in text for figure in ("21", "14 new", "0.07 points", "p = 0.16"))


def test_a_refusal_before_the_benchmark_is_shown_as_it_is():
    given = verdict()
    free = replace(given, checks=tuple(check for check in given.checks if check.name in disclosure.FREE))
    shown = disclosure.shown_verdict(free)
    assert shown.checks == free.checks
    assert shown.comparison is None and shown.explanation == free.explanation


def test_no_figure_is_left_in_the_scores():
    shown = disclosure.shown_scores(scores())
    assert (shown.images, shown.model_bytes) == (100, 7)
    assert (shown.accuracy.value, shown.errors, shown.robustness, shown.per_class) == (None, None, None, ())


@pytest.mark.parametrize("earlier", [(), (verdict(),)], ids=["judged once", "judged again"])
def test_a_version_is_shown_without_them(tmp_path, earlier):
    version = Version("new", tmp_path, None, scores(), verdict(), earlier=earlier)
    shown = disclosure.shown(version)
    assert shown.scores.accuracy.value is None
    assert all(one.comparison is None for one in shown.verdicts)
    passed = replace(version, verdict=verdict(90))
    assert disclosure.shown(passed).scores.accuracy.value == 1
    with pytest.raises(DataError, match=r"new was refused .* discloses verdicts only.* Look elsewhere\."):
        disclosure.require_shown(version, "Look elsewhere.")
    disclosure.require_shown(passed)


def test_a_version_without_scores_is_shown_without_them(tmp_path):
    version = Version("new", tmp_path, None, None, verdict())
    assert disclosure.shown(version).known_scores is None


@pytest.mark.parametrize(
    ("disclose", "in_folds", "withheld"),
    [("verdict", True, True), ("verdict", False, False), ("full", True, False)],
    ids=["benchmark in the folds", "benchmark apart", "disclosed in full"],
)
def test_what_training_measured_is_withheld_where_the_folds_hold_the_benchmark(tmp_path, disclose, in_folds, withheld):
    made = known_facts.manifest_of(rows={"benchmark_in_folds": in_folds})
    version = Version("new", tmp_path, made, scores(), verdict(disclose=disclose))
    assert disclosure.withholds_training(version) is withheld
