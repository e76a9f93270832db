"""The gate: what passes, what never does, in which order, and at which boundary."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from evidence_builder import make_evidence, probabilities
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.facts.manifest import Parity
from pipeline.judging import gate
from pipeline.judging.evidence import Evidence
from pipeline.judging.ledger import Grant, Refusal
from pipeline.judging.policy import PRESETS, from_table

GUARDED = PRESETS["guarded"]
LEVEL = GUARDED.level


def granted() -> Grant:
    return Grant(level=LEVEL, entry=1)


def forbidden() -> Grant:
    raise AssertionError("nothing may be spent here")


def outcome_of(judgement: gate.Judgement, name: str) -> str:
    return next(check.outcome for check in judgement.checks if check.name == name)


def with_challenger(evidence: Evidence, **changes) -> Evidence:
    return replace(evidence, challenger=replace(evidence.challenger, **changes))


def with_champion(evidence: Evidence, **changes) -> Evidence:
    return replace(evidence, champion=replace(evidence.champion, **changes))


def test_a_planted_gain_of_a_point_passes_every_check():
    judgement = gate.judge(GUARDED, make_evidence(fixed=130, made=30), granted)
    assert judgement.outcome == "pass"
    assert {check.name for check in judgement.checks} == {
        "predictions_usable", "onnx_parity", "no_training_image", "same_benchmark", "not_the_champion",
        "accuracy_floor", "recall_floor", "calibration", "validation_screen", "proven_better", "no_class_worse",
        "robustness",
    }  # fmt: skip
    assert (judgement.comparison["fixed"], judgement.comparison["made"]) == (130, 30)
    assert judgement.comparison["gain_pp"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fixed", "made", "promoted"),
    [
        pytest.param(0, 0, False, id="the same mistakes: a tie"),
        pytest.param(40, 40, False, id="as many fixed as made: a tie"),
        pytest.param(1, 0, False, id="one image better"),
        pytest.param(11, 0, False, id="one fix short of the level"),
        pytest.param(12, 0, True, id="exactly enough"),
        pytest.param(40, 41, False, id="one worse"),
        pytest.param(10, 110, False, id="a point worse"),
        pytest.param(110, 10, True, id="a point better"),
    ],
)
def test_the_headline_rule(fixed, made, promoted):
    evidence = make_evidence(fixed, made, validation=(5, 5))
    assert (gate.judge(GUARDED, evidence, granted).outcome == "pass") is promoted


def test_a_p_value_equal_to_the_level_passes():
    judgement = gate.judge(GUARDED, make_evidence(12, 0), lambda: Grant(level=2.0**-12))
    assert outcome_of(judgement, "proven_better") == "pass"


BAD = probabilities(np.arange(10_000) % 10, np.arange(10_000) % 5 > 0)
NAN = np.full((10_000, 10), np.nan, np.float32)

REFUSED_FOR_FREE: list = [
    pytest.param(lambda e: with_challenger(e, benchmark=NAN), "predictions_usable", "error", id="NaN"),
    pytest.param(
        lambda e: with_champion(e, benchmark=NAN), "predictions_usable", "error", id="a champion that gives NaN"
    ),
    pytest.param(
        lambda e: replace(e, champion=None, problem="It cannot be loaded."),
        "predictions_usable",
        "error",
        id="unloadable champion",
    ),
    pytest.param(
        lambda e: with_champion(e, benchmark=e.champion.benchmark[:, :9]),
        "predictions_usable",
        "error",
        id="other classes",
    ),
    pytest.param(
        lambda e: replace(
            with_champion(with_challenger(e, benchmark=NAN[:0]), benchmark=NAN[:0]), labels=np.zeros(0, int)
        ),
        "predictions_usable",
        "error",
        id="empty benchmark",
    ),
    pytest.param(
        lambda e: replace(e, labels=np.where(e.labels == 3, 4, e.labels)),
        "predictions_usable",
        "error",
        id="a class without benchmark images",
    ),
    pytest.param(
        lambda e: replace(
            with_champion(with_challenger(e, validation=NAN[:0]), validation=NAN[:0]),
            validation_labels=np.zeros(0, int),
        ),
        "validation_screen",
        "error",
        id="no validation image",
    ),
    pytest.param(lambda e: replace(e, parity=Parity(0, 0, 0.0)), "onnx_parity", "error", id="parity never shown"),
    pytest.param(lambda e: replace(e, parity=Parity(9, 1, 0.0)), "onnx_parity", "fail", id="a label changed"),
    pytest.param(lambda e: replace(e, parity=Parity(9, 0, 1.1e-4)), "onnx_parity", "fail", id="probabilities differ"),
    pytest.param(lambda e: replace(e, parity=Parity(9, 0, np.nan)), "onnx_parity", "error", id="parity NaN"),
    pytest.param(lambda e: replace(e, shared_images=1), "no_training_image", "fail", id="one training image shared"),
    pytest.param(lambda e: replace(e, shared_images=None), "no_training_image", "error", id="no record of training"),
    pytest.param(lambda e: with_champion(e, benchmark_sha256="c" * 64), "same_benchmark", "error", id="other images"),
    pytest.param(
        lambda e: with_challenger(e, digest=e.champion.digest), "not_the_champion", "fail", id="the champion itself"
    ),
    pytest.param(lambda e: with_challenger(e, benchmark=BAD), "accuracy_floor", "fail", id="below the floor"),
    pytest.param(
        lambda e: with_challenger(e, validation=probabilities(e.validation_labels, np.arange(1000) > 100)),
        "validation_screen",
        "fail",
        id="clearly worse on validation images",
    ),
]


@pytest.mark.parametrize(("spoil", "name", "outcome"), REFUSED_FOR_FREE)
def test_what_is_refused_for_free_spends_nothing_and_shows_no_comparison(
    spoil: Callable[[Evidence], Evidence], name: str, outcome: str
):
    judgement = gate.judge(GUARDED, spoil(make_evidence(130, 30)), forbidden)
    assert judgement.outcome == outcome
    assert outcome_of(judgement, name) == outcome
    assert judgement.grant is None
    assert judgement.comparison == {}


def test_every_reason_is_reported_not_just_the_first():
    evidence = replace(make_evidence(130, 30), shared_images=3, parity=Parity(9, 1, 0.0))
    failed = [check.name for check in gate.judge(GUARDED, evidence, forbidden).checks if check.outcome == "fail"]
    assert failed == ["onnx_parity", "no_training_image"]


def test_one_class_proven_worse_vetoes_a_better_model():
    evidence = make_evidence(fixed=0, made=0, both_wrong=0)
    mine, theirs = np.ones(10_000, bool), np.ones(10_000, bool)
    theirs[np.flatnonzero(evidence.labels != 4)[:100]] = False
    mine[np.flatnonzero(evidence.labels == 4)[:20]] = False
    evidence = with_challenger(evidence, benchmark=probabilities(evidence.labels, mine))
    evidence = with_champion(evidence, benchmark=probabilities(evidence.labels, theirs))
    judgement = gate.judge(GUARDED, evidence, granted)
    assert outcome_of(judgement, "proven_better") == "pass"
    assert outcome_of(judgement, "no_class_worse") == judgement.outcome == "fail"
    assert "Proven worse: 4" in next(c.sentence for c in judgement.checks if c.name == "no_class_worse")


@pytest.mark.parametrize(
    ("fog", "outcome"),
    [
        pytest.param(0.800, "pass", id="five points below: the limit itself"),
        pytest.param(0.799, "fail", id="just beyond"),
        pytest.param(float("nan"), "error", id="NaN"),
    ],
)
def test_robustness_margin(fog, outcome):
    evidence = with_champion(make_evidence(130, 30), corrupted={"fog": 0.85})
    judgement = gate.judge(GUARDED, with_challenger(evidence, corrupted={"fog": fog}), granted)
    assert outcome_of(judgement, "robustness") == judgement.outcome == outcome


def test_robustness_that_was_not_measured_is_an_error():
    judgement = gate.judge(GUARDED, with_challenger(make_evidence(130, 30), corrupted={}), granted)
    assert outcome_of(judgement, "robustness") == judgement.outcome == "error"


@pytest.mark.parametrize(
    ("latency", "size", "outcome"),
    [
        pytest.param(2.0, 500, "pass", id="at both limits"),
        pytest.param(2.001, 500, "fail", id="too slow"),
        pytest.param(2.0, 501, "fail", id="too large"),
        pytest.param(None, 500, "error", id="latency not measured"),
    ],
)
def test_budgets_are_ratios_to_the_champion(latency, size, outcome):
    policy = from_table({"latency_ratio": 2.0, "size_ratio": 0.5})
    evidence = with_challenger(make_evidence(130, 30), latency_ms=latency, model_bytes=size)
    assert gate.judge(policy, evidence, granted).outcome == outcome


def test_a_floor_is_reached_by_the_lower_bound_not_by_the_point():
    policy = from_table({"accuracy_floor": 0.9, "recall_floor": "off"})
    evidence = make_evidence(fixed=0, made=0, both_wrong=95, images=1000, champion=False)
    assert outcome_of(gate.judge(policy, evidence, forbidden), "accuracy_floor") == "fail"
    assert (
        outcome_of(gate.judge(policy, make_evidence(0, 0, 70, 1000, champion=False), forbidden), "accuracy_floor")
        == "pass"
    )


def test_first_champion_spends_nothing_and_must_beat_dummy():
    judgement = gate.judge(GUARDED, make_evidence(champion=False), forbidden)
    assert judgement.outcome == "pass"
    assert outcome_of(judgement, "beats_dummy") == "pass"
    assert "no champion" in judgement.explanation[0]


def test_a_first_champion_no_better_than_dummy_is_refused_without_any_floor():
    labels = np.arange(10_000) % 10
    evidence = make_evidence(champion=False)
    evidence = with_challenger(evidence, benchmark=probabilities(labels, labels == 1))
    judgement = gate.judge(PRESETS["as-good"], evidence, forbidden)
    assert outcome_of(judgement, "beats_dummy") == judgement.outcome == "fail"


def test_nothing_left_fails_closed_and_says_how_to_go_on():
    judgement = gate.judge(GUARDED, make_evidence(130, 30), lambda: Refusal(200, 200, "Use a fresh benchmark."))
    assert judgement.outcome == "fail"
    assert judgement.checks[-1].sentence == "Use a fresh benchmark."
    assert judgement.comparison == {}


def test_no_checks_no_pass():
    assert gate.outcome([]) == "error"


@pytest.mark.parametrize(
    ("preset", "fixed", "made", "outcome"),
    [
        pytest.param("as-good", 40, 40, "pass", id="2018: a tie passes, which is what is wrong with it"),
        pytest.param("as-good", 40, 41, "fail", id="2018: one worse"),
        pytest.param("each-test", 5, 0, "pass", id="each test: five fixed, p = 1/32"),
        pytest.param("each-test", 4, 0, "fail", id="each test: four fixed, p = 1/16"),
    ],
)
def test_the_other_presets(preset, fixed, made, outcome):
    policy = PRESETS[preset]
    assert gate.judge(policy, make_evidence(fixed, made), lambda: Grant(policy.level)).outcome == outcome


def test_non_inferior_is_measured_against_the_best_ever_so_that_losses_cannot_creep():
    policy = from_table({"mode": "non-inferior", "margin_pp": 0.3, "class_alpha": "off"})
    evidence = make_evidence(fixed=2, made=4)
    same_as_champion = replace(evidence, best_ever=evidence.champion)
    assert gate.judge(policy, same_as_champion, granted).outcome == "pass"
    better = replace(evidence.champion, benchmark=probabilities(evidence.labels, np.ones(10_000, bool)))
    assert gate.judge(policy, replace(evidence, best_ever=better), granted).outcome == "fail"
    assert gate.judge(policy, evidence, granted).outcome == "error"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.integers(0, 200), st.sampled_from([*PRESETS.values()]))
def test_a_pass_means_that_every_check_passed_and_a_loss_never_passes(fixed, made, both_wrong, policy):
    judgement = gate.judge(policy, make_evidence(fixed, made, both_wrong), lambda: Grant(policy.level))
    assert (judgement.outcome == "pass") == all(check.outcome == "pass" for check in judgement.checks)
    if fixed < made or (fixed == made and policy.preset != "as-good"):
        assert judgement.outcome != "pass"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.randoms(use_true_random=False))
def test_order_of_images_changes_nothing(fixed, made, random):
    evidence = make_evidence(fixed, made, images=2000)
    order = np.array(random.sample(range(2000), 2000))
    shuffled = replace(
        evidence,
        labels=evidence.labels[order],
        challenger=replace(evidence.challenger, benchmark=evidence.challenger.benchmark[order]),
        champion=replace(evidence.champion, benchmark=evidence.champion.benchmark[order]),
    )
    first, second = (gate.judge(GUARDED, e, granted) for e in (evidence, shuffled))
    assert first.outcome == second.outcome
    assert first.comparison == second.comparison
