"""What a person reads after a verdict."""

import pytest
from evidence_builder import make_evidence

from pipeline.judging import explain, gate
from pipeline.judging.comparison_checks import compare
from pipeline.judging.ledger import Grant, Terms
from pipeline.judging.policy import PRESETS

TERMS = Terms(alpha=0.05, horizon=200, spent=0.003, judged=12)


def told(fixed: int, made: int, images: int = 10_000, preset: str = "guarded", both_wrong: int = 50) -> str:
    grant = Grant(PRESETS[preset].level, 24, TERMS if preset == "guarded" else None)
    evidence = make_evidence(fixed, made, both_wrong, images, validation=(5, 5))
    judgement = gate.judge(PRESETS[preset], evidence, lambda: grant)
    return " ".join([*(check.sentence for check in judgement.checks), *judgement.explanation])


@pytest.mark.parametrize(
    "said",
    [
        "fixed 21 errors, made 14 new ones: +0.07 points (95 %: -0.06 to +0.18), p = 0.16, needs p <= 0.00025",
        "With 10,000 images this gate finds a gain of 0.25 points 4 times in 5.",
        "To prove +0.07 points it would need about 140,000 images.",
        "The rule of 2018 (accuracy >= previous) would have promoted it.",
        "Judged 12 of 200 on this benchmark, 0.003 of 0.05 spent",
        "stays at most 0.05",
    ],
)
def test_a_gain_that_is_not_proven(said):
    assert said in told(21, 14)


@pytest.mark.parametrize(
    ("fixed", "made", "said"),
    [
        pytest.param(14, 21, "would have refused it too", id="a loss"),
        pytest.param(20, 20, "would have promoted it", id="a tie"),
        pytest.param(1, 0, "fixed 1 error, made 0 new ones", id="one image"),
    ],
)
def test_the_rule_of_2018(fixed, made, said):
    assert said in told(fixed, made)


def test_a_loss_needs_no_more_images():
    assert "it would need" not in told(14, 21)


@pytest.mark.parametrize(
    ("errors", "images", "said"),
    [
        pytest.param(1, 359, "The champion makes 1 error on these 359 images", id="one error"),
        pytest.param(11, 10_000, "at least 12 fixed and none made: no challenger can be proven", id="one too few"),
        pytest.param(12, 10_000, "this gate finds a gain of", id="just enough"),
        pytest.param(12, 359, "the champion's errors leave room for 3.34", id="a gain larger than what is left"),
    ],
)
def test_a_champion_with_too_few_errors_cannot_be_beaten_and_the_refusal_says_so(errors, images, said):
    evidence = make_evidence(fixed=1, made=0, both_wrong=errors - 1, images=images)
    told = explain.of_comparison(
        PRESETS["guarded"], compare(evidence, evidence.champion), Grant(0.00025, 1, TERMS), False
    )
    assert said in told[0]


@pytest.mark.parametrize(
    ("preset", "said"),
    [("each-test", "over many of them nothing is promised"), ("as-good", "This gate proves nothing")],
)
def test_gates_without_a_promise_say_so(preset, said):
    assert said in told(30, 30, preset=preset)
