"""What helps where only the proof of a gain is lacking: how many more images, and the exact commands."""

import re
from dataclasses import replace
from typing import Any

import pytest
from evidence_builder import judged, make_evidence

from pipeline.contracts import Charge, Verdict
from pipeline.judging import advice, claims, power
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import PRESETS

LEVEL = 0.00025


def verdict_of(evidence: Evidence, **changes: Any) -> Verdict:
    judgement = judged(PRESETS["guarded"], evidence, LEVEL)
    verdict = Verdict(
        judgement.outcome, "new", "a", "old", "b", "toy", "c", len(evidence.labels), "guarded", "d", judgement.checks,
        comparison=judgement.comparison, ledger=Charge(LEVEL),
    )  # fmt: skip
    return replace(verdict, **changes)


@pytest.mark.parametrize(
    ("fixed", "made", "helped"),
    [
        pytest.param(21, 14, True, id="a gain that is not proven"),
        pytest.param(14, 14, False, id="no gain"),
        pytest.param(60, 14, False, id="promoted"),
    ],
)
def test_what_helps_is_said_where_only_the_proof_is_lacking(fixed, made, helped):
    said = advice.of_verdict(verdict_of(make_evidence(fixed, made, validation=(5, 5))))
    assert (said is not None) == helped
    if said:
        assert said.startswith("10,000 benchmark images cannot prove a gain of 0.07 points. What helps: about ")
        assert "`simulator.py judge new --gate as-good`, which promotes on a lead that may be due to chance" in said


def test_the_number_of_images_that_it_names_is_enough():
    said = advice.of_verdict(verdict_of(make_evidence(21, 14, validation=(5, 5)))) or ""
    more, labelled = (int(text.replace(",", "")) for text in re.findall(r"[\d,]{3,}(?= more)", said))
    assert labelled == 5 * more
    assert power.exact_power(10_000 + more, 0.0007, 0.0035, LEVEL) >= 0.8
    assert power.exact_power(10_000 + more // 2, 0.0007, 0.0035, LEVEL) < 0.8


@pytest.mark.parametrize(
    ("fixed", "made", "grown", "named"),
    [
        pytest.param(21, 14, True, True, id="proven less than the margin worse"),
        pytest.param(21, 14, False, False, id="another recipe"),
        pytest.param(450, 440, True, False, id="not even that is proven"),
    ],
)
def test_growing_is_named_where_it_would_let_the_challenger_through(fixed, made, grown, named):
    said = advice.of_verdict(verdict_of(make_evidence(fixed, made, validation=(5, 5)), grown=grown)) or ""
    assert ("`simulator.py judge new --gate growing`" in said) == named
    assert "cannot prove" in said


@pytest.mark.parametrize(("images", "named"), [(2_000, True), (2_010, False)])
def test_folds_are_named_for_small_benchmarks(images, named):
    said = advice.of_verdict(verdict_of(make_evidence(12, 6, both_wrong=20, images=images, validation=(5, 5)))) or ""
    assert ("the same run with `--folds 5 --gate cross-fit`" in said) == named
    assert ("trains on the benchmark for good" in said) == named
    assert "cannot prove" in said


def test_out_of_fold_more_images_alone_help():
    evidence = make_evidence(12, 6, both_wrong=20, images=1_000, validation=(5, 5))
    said = advice.of_verdict(verdict_of(evidence, out_of_fold=True)) or ""
    assert said.startswith("1,000 images out of fold cannot prove")
    assert "more labelled images." in said
    assert "--gate" not in said


def test_no_advice_where_something_else_is_wrong():
    evidence = make_evidence(21, 14, validation=(5, 5))
    less_robust = replace(evidence.challenger, corrupted={"fog": 0.1})
    assert advice.of_verdict(verdict_of(replace(evidence, challenger=less_robust))) is None


@pytest.mark.parametrize(
    ("preset", "grown", "helped"), [("guarded", False, True), ("growing", True, False)], ids=["better", "not inferior"]
)
def test_where_nothing_can_be_proven_a_likely_gain_counts(preset, grown, helped):
    evidence = make_evidence(2, 0, both_wrong=2, images=400, grown=grown)
    evidence = replace(evidence, former=(evidence.champion,))
    impossible = claims.out_of_reach(PRESETS[preset], evidence, 0.001)
    assert impossible is not None
    verdict = replace(verdict_of(evidence), outcome="fail", checks=(impossible,), comparison=None, ledger=None)
    said = advice.of_verdict(verdict)
    assert (said is not None) == helped
    if said:
        assert "cannot prove a gain of 0.5 points" in said, "half of the champion's 4 errors"


def test_a_benchmark_that_proves_no_likely_gain_says_what_helps():
    lack = advice.likely(359, 12, 0.002)
    assert lack is not None and lack.gain == pytest.approx(6 / 359)
    said = advice.of_benchmark(lack)
    assert "half of the champion's errors (1.7 points)" in said
    assert all(name in said for name in ("--gate growing", "--folds 5 --gate cross-fit", "--gate as-good"))
    assert "--gate" not in advice.of_benchmark(replace(lack, out_of_fold=True))
    assert "cross-fit" not in advice.of_benchmark(replace(lack, images=5_000))
    assert advice.likely(359, 0, 0.002) is None
