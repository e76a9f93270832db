"""What a person reads after a verdict."""

import pytest
from evidence_builder import judged, make_evidence

from pipeline.judging import gate
from pipeline.judging.ledger import Balance, Grant
from pipeline.judging.policy import PRESETS, from_table

BEFORE = Balance(alpha=0.05, spent=0.003, judged=11)


def read(fixed: int, made: int, images: int = 10_000, policy=PRESETS["guarded"], level: float = 0.00025) -> str:
    grant = Grant(level, 24, "toy", BEFORE if policy.promises else None)
    evidence = make_evidence(fixed, made, images=images, validation=(5, 5))
    judgement = gate.compare(policy, evidence, gate.screen(policy, evidence), grant)
    return " ".join([*(check.sentence for check in judgement.checks), *judgement.explanation])


@pytest.mark.parametrize(
    "said",
    [
        "fixed 21 errors, made 14 new ones: +0.07 points (95 %: -0.05 to +0.20); p = 0.16 for being no better, needs",
        "With 10,000 images, of which the champion gets 71 wrong, this judgement finds a gain of 0.32 points",
        "To prove +0.07 points it would need about 140,000 images.",
        "The rule of 2018 (accuracy >= previous) would have promoted it.",
        "It cost 0.00025: 0.0467 of 0.05 is left after 12 judgements.",
        "the probability that this gate ever promotes a challenger that is no better",
    ],
)
def test_a_gain_that_is_not_proven(said):
    assert said in read(21, 14)


def test_a_promotion_gets_its_level_back():
    assert "A promotion gets its 0.00025 back: 0.047 of 0.05 is left after 12 judgements." in read(60, 14)


@pytest.mark.parametrize(
    ("fixed", "made", "said"),
    [
        pytest.param(14, 21, "would have refused it too", id="a loss"),
        pytest.param(20, 20, "would have promoted it", id="a tie"),
        pytest.param(1, 0, "fixed 1 error, made 0 new ones", id="one image"),
        pytest.param(2, 1, "fixed 2 errors, made 1 new one:", id="one error"),
    ],
)
def test_the_rule_of_2018(fixed, made, said):
    assert said in read(fixed, made)


def test_a_loss_needs_no_more_images():
    assert "it would need" not in read(14, 21)


def test_a_non_inferior_challenger_is_not_promised_to_be_better():
    policy = from_table({"mode": "non-inferior", "margin_pp": 0.3, "class_alpha": "off"})
    evidence = make_evidence(1, 4)
    judgement = judged(policy, make_evidence(1, 4, former=(evidence.champion,)), 0.00025)
    assert judgement.outcome == "pass"
    said = " ".join(judgement.explanation)
    assert "0.3 points or more worse than any champion before it" in said
    assert "no better" not in said


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("each-test", "with a probability of at most 0.05; over many judgements nothing is promised"),
        ("as-good", "This gate promises nothing"),
    ],
)
def test_gates_without_a_promise_say_so(preset, said):
    assert said in read(30, 30, policy=PRESETS[preset])
