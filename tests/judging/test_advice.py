"""What helps where only the proof is lacking: how many more images, and the exact commands."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from evidence_builder import judged, make_evidence

from pipeline.contracts import Check, Lack, Verdict
from pipeline.judging import advice, gate, paired, power, spending
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import PRESETS

LEVEL = 0.00025


def verdict_of(evidence: Evidence, preset: str = "guarded", **changes: Any) -> Verdict:
    policy = PRESETS[preset]
    screening = gate.screen(policy, evidence)
    impossible = gate.out_of_reach(policy, evidence, screening, LEVEL, LEVEL)
    judgement = impossible or judged(policy, evidence, LEVEL)
    verdict = gate.verdict(policy, evidence, judgement, "2026-11-21T12:00:00Z")
    return replace(verdict, candidate_id="new", **changes)


def advised(verdict: Verdict, champion: str | None = "champion") -> str | None:
    return advice.of_verdict(verdict, champion)


def unproven(fixed: int = 21, made: int = 14, **changes: Any) -> Evidence:
    evidence = make_evidence(fixed, made, validation=(5, 5), **changes)
    return replace(evidence, former=(evidence.champion,))


@pytest.mark.parametrize(
    ("fixed", "made", "helped"),
    [
        pytest.param(21, 14, True, id="a gain that is not proven"),
        pytest.param(14, 14, False, id="no gain"),
        pytest.param(60, 14, False, id="promoted"),
    ],
)
def test_what_helps_is_said_where_only_the_proof_is_lacking(fixed, made, helped):
    said = advised(verdict_of(unproven(fixed, made)))
    assert (said is not None) == helped
    if said:
        assert said.startswith("10,000 benchmark images cannot prove a gain of 0.07 points at p <= 0.00025. ")
        assert "What helps: about " in said
        assert "`simulator.py judge new --gate as-good`, which promotes whatever is at least as accurate" in said


def test_the_number_of_images_that_it_names_is_enough():
    said = advised(verdict_of(unproven())) or ""
    more, labelled = (int(text.replace(",", "")) for text in re.findall(r"[\d,]{3,}(?= more)", said))
    assert labelled == 5 * more
    assert power.exact_power(10_000 + more, 0.0007, 0.0035, LEVEL) >= 0.8
    assert power.exact_power(10_000 + round(0.9 * more), 0.0007, 0.0035, LEVEL) < 0.8, "and no more than it takes"


@pytest.mark.parametrize(("fixed", "images"), [(10, 359), (7, 359), (9, 713)])
def test_a_number_is_named_however_the_measured_gain_is_rounded(fixed, images):
    said = advised(verdict_of(unproven(fixed, 0, both_wrong=20, images=images))) or ""
    assert "What helps: about " in said and "than anybody has" not in said


def test_where_only_the_margin_is_not_proven_more_images_help_without_a_gain():
    evidence = unproven(3, 3, images=955, grown=True, both_wrong=20)
    said = advised(verdict_of(evidence, "growing")) or ""
    found = re.match(
        r"955 benchmark images cannot prove that a model as accurate as the champion is less than 0.5 points worse "
        r"than the champion, at p <= 0.00025. What helps: about ([\d,]+) more benchmark images",
        said,
    )
    assert found, said
    assert int(found[1].replace(",", "")) + 955 == pytest.approx(power.images_for(0.0, 6 / 955, LEVEL, 0.005), rel=0.05)


def test_so_many_images_rule_a_loss_out_4_times_in_5():
    gain, disagreement, margin = 0.0056, 0.0072, 0.005
    images = power.images_for(gain, disagreement, 0.0008, margin)
    rng = np.random.default_rng(0)
    for scale, least, most in ((1.0, 0.7, 0.95), (0.5, 0.0, 0.6)):
        n = int(scale * images)
        fixed, made, _ = rng.multinomial(n, [0.0064, 0.0008, 1 - disagreement], 300).T
        assert least <= (paired.p_non_inferior(fixed, made, n, margin) <= 0.0008).mean() <= most
    assert power.images_for(0.0, 0.5, 1e-9, 1e-6) is None
    assert power.images_for(0.004, 0.01, 0.001) == power.images_needed(0.004, 0.01, 0.001)


@pytest.mark.parametrize(
    ("fixed", "made", "grown", "named"),
    [
        pytest.param(21, 14, True, True, id="proven less than the margin worse"),
        pytest.param(21, 14, False, False, id="another recipe"),
        pytest.param(450, 440, True, False, id="not even that is proven"),
    ],
)
def test_growing_is_named_where_it_would_let_the_challenger_through(fixed, made, grown, named):
    said = advised(verdict_of(unproven(fixed, made, grown=grown))) or ""
    assert ("`simulator.py judge new --gate growing`" in said) == named
    assert "cannot prove" in said


@pytest.mark.parametrize(
    ("images", "in_folds", "named"),
    [
        pytest.param(2_000, 10_000, True, id="a small benchmark"),
        pytest.param(2_010, 10_000, False, id="a large one"),
        pytest.param(2_000, 556, True, id="ten errors are expected, as many as must be fixed"),
        pytest.param(
            2_000, 500, False, id="the champion was trained on nearly all others, and answers none out of fold"
        ),
        pytest.param(2_000, None, False, id="not known"),
    ],
)
def test_folds_are_named_for_small_benchmarks_where_they_could_prove_something(images, in_folds, named):
    evidence = unproven(16, 6, both_wrong=20, images=images, images_in_folds=in_folds)
    said = advised(verdict_of(evidence)) or ""
    assert ("the same run with `--folds 5 --gate cross-fit`" in said) == named
    assert ("trains on the benchmark for good" in said) == named
    assert "cannot prove" in said


def test_out_of_fold_more_images_alone_help():
    said = advised(verdict_of(unproven(16, 6, both_wrong=20, images=1_000, out_of_fold=True))) or ""
    assert said.startswith("1,000 images out of fold cannot prove")
    assert "more labelled images." in said
    assert "--gate" not in said


def test_no_advice_where_something_else_is_wrong():
    evidence = unproven()
    less_robust = replace(evidence.challenger, corrupted={"fog": 0.1})
    assert verdict_of(replace(evidence, challenger=less_robust)).lack is None
    assert verdict_of(replace(evidence, champion=None, former=())).lack is None
    assert advised(verdict_of(unproven(60))) is None
    assert advised(verdict_of(unproven())) is not None
    assert advised(verdict_of(unproven()), "its successor") is None, "it was judged against another champion"


def test_a_model_that_is_too_weak_is_told_what_makes_better_ones():
    verdict = verdict_of(make_evidence(0, 0, both_wrong=1_500, champion=False))
    assert "accuracy_floor" in {check.name for check in verdict.checks if check.outcome == "fail"}
    assert advised(verdict, None) == "What helps: more training images, a higher `--effort`, or another model."


@pytest.mark.parametrize(("images", "helped"), [(36, False), (35, True)])
def test_a_benchmark_too_small_for_the_least_accuracy_is_named(images, helped):
    found = Check("accuracy_floor", "accuracy at least 90 %", "fail", 0.8, 0.9, "80 %.")
    said = advised(replace(verdict_of(unproven()), lack=None, checks=(found,), benchmark_images=images))
    small = f"{images} benchmark images cannot prove an accuracy of at least 90 %, even without an error; 36 can."
    assert (said == small) == helped
    if not helped:
        assert said.startswith("What helps: more training images")


def test_where_nothing_can_be_proven_a_likely_gain_counts():
    verdict = verdict_of(unproven(2, 0, both_wrong=2, images=400))
    assert verdict.checks[-1].name == "within_reach"
    assert (verdict.lack.gain, verdict.lack.margin, verdict.lack.measured) == (0.005, 0, False)
    assert "cannot prove a likely gain, half of the champion's errors (0.5 points)," in advised(verdict)


@pytest.mark.parametrize(
    ("grown", "images", "named"), [(True, 10_000, True), (True, 400, False), (False, 10_000, False)]
)
def test_a_champion_without_errors_is_named_with_what_helps(grown, images, named):
    verdict = verdict_of(unproven(0, 0, both_wrong=0, images=images, grown=grown))
    assert (
        f"champion makes no error on these {images:,} images, so nothing can be proven" in verdict.checks[-1].sentence
    )
    assert "p = 1" not in verdict.checks[-1].sentence
    said = advised(verdict) or ""
    assert "cannot prove any gain, since the champion makes no error on them," in said
    assert "What helps: at least " in said
    assert ("`simulator.py judge new --gate growing`" in said) == named
    more = int(re.findall(r"[\d,]{3,}(?= more)", said)[0].replace(",", ""))
    most = 1 - 0.025 ** (1 / images)
    assert power.exact_power(images + more, most, most, LEVEL) >= 0.8


def test_growth_beside_a_champion_without_errors_needs_images_that_rule_a_loss_out():
    verdict = verdict_of(unproven(0, 0, both_wrong=0, images=400, grown=True), "growing")
    assert "makes no error on these 400 images: making none either would give p = 0.13" in verdict.checks[-1].sentence
    said = advised(verdict) or ""
    assert "a model with no error, like the champion, is less than 0.5 points worse than the champion, at p <=" in said
    more = int(re.findall(r"about ([\d,]{3,})(?= more)", said)[0].replace(",", ""))
    assert paired.p_non_inferior(0, 0, 400 + more, 0.005) <= LEVEL
    assert paired.p_non_inferior(0, 0, 400 + more // 2, 0.005) > LEVEL


@pytest.mark.parametrize("made", [0, 1])
def test_as_good_is_not_named_for_a_challenger_that_is_behind(made):
    said = advised(verdict_of(unproven(0, made, both_wrong=4, images=400))) or ""
    assert ("--gate as-good" in said) == (made == 0)


def test_a_perfect_model_with_more_images_is_not_refused_without_a_word():
    """On scikit-learn's digits: 359 benchmark images, a champion with four errors, a challenger without any."""
    verdict = verdict_of(unproven(4, 0, both_wrong=0, images=359, grown=True, images_in_folds=1_438), "growing")
    assert verdict.checks[-1].name == "within_reach" and verdict.lack.margin == 0.005
    said = advised(verdict)
    assert "a model with half of the champion's errors (a gain of 0.56 points) is less than 0.5 points worse" in said
    assert "--folds 5 --gate cross-fit" in said and "--gate as-good" in said and "--gate growing" not in said


def test_growth_that_is_compared_and_not_proven_is_helped_too():
    verdict = verdict_of(unproven(12, 8, both_wrong=20, images=1_500, grown=True), "growing")
    assert {check.name for check in verdict.checks if check.outcome != "pass"} == {"proven_not_inferior"}
    assert "is less than 0.5 points worse than the champion" in advised(verdict)


def test_a_benchmark_that_proves_no_likely_gain_says_what_helps():
    missing = advice.likely(359, 12, 0.002)
    assert missing == Lack(6 / 359, missing.disagreement, 0.002, measured=False, champion_errors=12)
    missing = replace(missing, images_in_folds=1_797)
    said = advice.of_benchmark(missing, 359, out_of_fold=False, growing=True)
    assert "half of the champion's errors (1.7 points), at p <= 0.002." in said
    assert all(name in said for name in ("--gate growing", "--folds 5 --gate cross-fit", "--gate as-good"))
    assert "--gate growing" not in advice.of_benchmark(missing, 359, out_of_fold=False, growing=False)
    assert "--gate" not in advice.of_benchmark(missing, 359, out_of_fold=True, growing=False)
    assert "cross-fit" not in advice.of_benchmark(missing, 5_000, out_of_fold=False, growing=False)


@pytest.mark.parametrize(("accuracy", "possible"), [(None, True), (0.979, True), (1.0, False)])
def test_growing_is_not_possible_where_validation_images_cannot_show_it(accuracy, possible):
    """Scikit-learn's digits, and a champion with seven errors: where it errs on no validation image, 0.0008 is paid."""
    assert advice.can_grow(359, 7, 143, accuracy, left=0.05) == possible


@pytest.mark.parametrize(
    ("images", "errors", "possible"),
    [
        pytest.param(359, 4, False, id="scikit-learn's digits: p = 0.0074, and 0.0008 is paid for"),
        pytest.param(3_590, 40, True, id="ten times as many"),
        pytest.param(10_000, 0, True, id="a champion without errors"),
    ],
)
def test_growing_is_possible_where_a_challenger_without_errors_passes(images, errors, possible):
    validation = images * 2 // 5
    assert advice.can_grow(images, errors, validation, None, left=0.05) == possible
    evidence = unproven(errors, 0, both_wrong=0, images=images, grown=True)
    p = float(paired.p_non_inferior(round(validation * errors / images), 0, validation, 0.005))
    level = spending.level(0.05, p)
    growing = PRESETS["growing"]
    reached = gate.out_of_reach(growing, evidence, gate.screen(growing, evidence), level, level) is None
    assert reached == possible
