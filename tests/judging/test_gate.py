"""The gate: what passes, what never does, in which order, and at which boundary."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from evidence_builder import judged, make_evidence, probabilities
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.facts.manifest_facts import Parity
from pipeline.judging import gate, paired
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.ledger import Refusal
from pipeline.judging.policy import LIMITS, PRESETS, from_table
from pipeline.judging.rules import registered

GUARDED = PRESETS["guarded"]
LEVEL = 2.0**-12


def outcome_of(judgement: gate.Judgement, name: str) -> str:
    return next(check.outcome for check in judgement.checks if check.name == name)


def sentence_of(judgement: gate.Judgement, name: str) -> str:
    return next(check.sentence for check in judgement.checks if check.name == name)


def with_challenger(evidence: Evidence, **changes) -> Evidence:
    return replace(evidence, challenger=replace(evidence.challenger, **changes))


def with_champion(evidence: Evidence, **changes) -> Evidence:
    return replace(evidence, champion=replace(evidence.champion, **changes))


def made_otherwise(evidence: Evidence, **changes) -> Evidence:
    return replace(evidence, provenance=replace(evidence.provenance, **changes))


def test_a_planted_gain_of_a_point_passes_every_check():
    judgement = judged(GUARDED, make_evidence(fixed=130, made=30))
    assert judgement.outcome == "pass"
    assert {check.name for check in judgement.checks} == {
        "predictions_usable", "onnx_parity", "no_training_image", "same_benchmark", "not_the_champion",
        "accuracy_floor", "recall_floor", "calibration", "calibration_margin", "validation_screen", "proven_better",
        "no_class_worse", "robustness",
    }  # fmt: skip
    assert (judgement.comparison.fixed, judgement.comparison.made) == (130, 30)
    assert judgement.comparison.gain_pp == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fixed", "made", "promoted"),
    [
        pytest.param(0, 0, False, id="the same mistakes: a tie"),
        pytest.param(40, 40, False, id="as many fixed as made: a tie"),
        pytest.param(1, 0, False, id="one image better"),
        pytest.param(11, 0, False, id="one fix short of the level"),
        pytest.param(12, 0, True, id="exactly enough: p equals the level"),
        pytest.param(40, 41, False, id="one worse"),
        pytest.param(10, 110, False, id="a point worse"),
        pytest.param(110, 10, True, id="a point better"),
    ],
)
def test_the_headline_rule(fixed, made, promoted):
    assert (judged(GUARDED, make_evidence(fixed, made, validation=(5, 5)), LEVEL).outcome == "pass") is promoted


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
        lambda e: replace(e, former=(replace(e.champion, digest="another", benchmark=NAN),)),
        "predictions_usable",
        "error",
        id="a former champion that gives NaN",
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
    pytest.param(lambda e: made_otherwise(e, parity=Parity(0, 0, 0.0)), "onnx_parity", "error", id="parity not shown"),
    pytest.param(lambda e: made_otherwise(e, parity=Parity(9, 1, 0.0)), "onnx_parity", "fail", id="a label changed"),
    pytest.param(lambda e: made_otherwise(e, parity=Parity(9, 0, 1.1e-4)), "onnx_parity", "fail", id="other figures"),
    pytest.param(lambda e: made_otherwise(e, parity=Parity(9, 0, np.nan)), "onnx_parity", "error", id="parity NaN"),
    pytest.param(lambda e: made_otherwise(e, shared_images=1), "no_training_image", "fail", id="one image shared"),
    pytest.param(lambda e: made_otherwise(e, shared_images=None), "no_training_image", "error", id="no record"),
    pytest.param(lambda e: with_champion(e, benchmark_sha256="c" * 64), "same_benchmark", "error", id="other images"),
    pytest.param(
        lambda e: with_challenger(e, digest=e.champion.digest), "not_the_champion", "fail", id="the champion itself"
    ),
    pytest.param(
        lambda e: with_challenger(e, validation=probabilities(e.validation_labels, np.arange(1000) > 100)),
        "validation_screen",
        "fail",
        id="clearly worse on validation images",
    ),
]


@pytest.mark.parametrize(("spoil", "name", "outcome"), REFUSED_FOR_FREE)
def test_what_is_refused_for_free_is_never_compared(spoil: Callable[[Evidence], Evidence], name: str, outcome: str):
    judgement = gate.screen(GUARDED, spoil(make_evidence(130, 30))).judgement
    assert judgement.outcome == outcome
    assert outcome_of(judgement, name) == outcome
    assert judgement.grant is None
    assert judgement.comparison is None


def test_nothing_is_compared_that_was_decided_before():
    evidence = made_otherwise(make_evidence(130, 30), shared_images=1)
    with pytest.raises(ValueError, match="nothing to compare"):
        gate.compare(GUARDED, evidence, gate.screen(GUARDED, evidence), None)


def test_what_reads_the_benchmark_is_paid_for_also_where_it_refuses():
    evidence = with_challenger(make_evidence(130, 30), benchmark=BAD)
    assert gate.screen(GUARDED, evidence).judgement is None
    judgement = judged(GUARDED, evidence)
    assert outcome_of(judgement, "accuracy_floor") == judgement.outcome == "fail"
    assert judgement.grant is not None


def test_a_screened_out_challenger_is_told_the_truth_about_the_benchmark():
    evidence = make_evidence(130, 30, validation=(5, 60))
    sentence = sentence_of(gate.screen(GUARDED, evidence).judgement, "validation_screen")
    assert "not compared with the champion on the benchmark" in sentence
    assert "its own benchmark figures are recorded" in sentence
    assert "not touched" not in sentence


def test_every_reason_is_reported_not_just_the_first():
    evidence = made_otherwise(make_evidence(130, 30), shared_images=3, parity=Parity(9, 1, 0.0))
    checks = gate.screen(GUARDED, evidence).checks
    assert [check.name for check in checks if check.outcome == "fail"] == ["onnx_parity", "no_training_image"]


def test_predictions_alone_can_be_judged_without_a_record_of_their_making():
    evidence = replace(make_evidence(130, 30), provenance=None)
    judgement = judged(GUARDED, evidence)
    assert judgement.outcome == "pass"
    assert {"onnx_parity", "no_training_image"}.isdisjoint(check.name for check in judgement.checks)


def test_one_class_proven_worse_vetoes_a_better_model():
    evidence = make_evidence(fixed=0, made=0, both_wrong=0)
    mine, theirs = np.ones(10_000, bool), np.ones(10_000, bool)
    theirs[np.flatnonzero(evidence.labels != 4)[:100]] = False
    mine[np.flatnonzero(evidence.labels == 4)[:20]] = False
    evidence = with_challenger(evidence, benchmark=probabilities(evidence.labels, mine))
    evidence = with_champion(evidence, benchmark=probabilities(evidence.labels, theirs))
    judgement = judged(GUARDED, evidence)
    assert outcome_of(judgement, "proven_better") == "pass"
    assert outcome_of(judgement, "no_class_worse") == judgement.outcome == "fail"
    assert "Proven worse: 4" in sentence_of(judgement, "no_class_worse")


@pytest.mark.parametrize(
    ("champion", "fog", "outcome"),
    [
        pytest.param(0.85, 0.800, "pass", id="five points below: the limit itself"),
        pytest.param(0.93, 0.880, "pass", id="the limit itself, where floats miss it"),
        pytest.param(float(np.float32(0.93)), float(np.float32(0.88)), "pass", id="the limit itself, as it is kept"),
        pytest.param(0.85, 0.799, "fail", id="just beyond"),
        pytest.param(0.85, float("nan"), "error", id="NaN"),
    ],
)
def test_robustness_margin(champion, fog, outcome):
    evidence = with_champion(make_evidence(130, 30), corrupted={"fog": champion})
    judgement = judged(GUARDED, with_challenger(evidence, corrupted={"fog": fog}))
    assert outcome_of(judgement, "robustness") == judgement.outcome == outcome


def test_robustness_cannot_ratchet_down_from_champion_to_champion():
    evidence = with_champion(make_evidence(130, 30), corrupted={"fog": 0.80})
    best = replace(evidence.champion, id="once the best", digest="another", corrupted={"fog": 0.84})
    evidence = with_challenger(evidence, corrupted={"fog": 0.76})
    assert outcome_of(judged(GUARDED, evidence), "robustness") == "pass"
    judgement = judged(GUARDED, replace(evidence, former=(evidence.champion, best)))
    assert outcome_of(judgement, "robustness") == judgement.outcome == "fail"
    assert "once the best" in sentence_of(judgement, "robustness")


def test_robustness_that_was_not_measured_is_an_error():
    judgement = judged(GUARDED, with_challenger(make_evidence(130, 30), corrupted={}))
    assert outcome_of(judgement, "robustness") == judgement.outcome == "error"


@pytest.mark.parametrize(
    ("confidence", "failed"),
    [
        pytest.param(0.95, set(), id="as the champion"),
        pytest.param(0.90, {"calibration_margin"}, id="more than five points above the champion's"),
        pytest.param(0.75, {"calibration", "calibration_margin"}, id="beyond the absolute limit, too"),
    ],
)
def test_calibration_is_held_against_a_limit_and_against_the_champion(confidence, failed):
    evidence = make_evidence(130, 30)
    right = evidence.challenger.benchmark.argmax(1) == evidence.labels
    evidence = with_challenger(evidence, benchmark=probabilities(evidence.labels, right, confidence=confidence))
    judgement = judged(GUARDED, evidence)
    assert {check.name for check in judgement.checks if check.outcome == "fail"} == failed


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
    assert judged(policy, evidence).outcome == outcome


def test_the_accuracy_floor_is_reached_by_the_lower_bound_not_by_the_point():
    policy = from_table({"accuracy_floor": 0.9, "recall_floor": "off"})
    for wrong, outcome in ((95, "fail"), (70, "pass")):
        evidence = make_evidence(fixed=0, made=0, both_wrong=wrong, images=1000, champion=False)
        assert outcome_of(judged(policy, evidence), "accuracy_floor") == outcome


def of_class_three(images: int, right: int, others: int = 50) -> Evidence:
    labels = np.concatenate([np.full(images, 3), np.repeat([k for k in range(10) if k != 3], others)])
    hits = np.ones(len(labels), bool)
    hits[: images - right] = False
    evidence = make_evidence(champion=False, images=len(labels))
    found = probabilities(labels, hits)
    return replace(with_challenger(evidence, benchmark=found), labels=labels)


@pytest.mark.parametrize(
    ("images", "right", "outcome"),
    [
        pytest.param(10, 10, "pass", id="ten images, all right: no proof of anything, and no refusal"),
        pytest.param(36, 34, "pass", id="a good class of 36"),
        pytest.param(36, 24, "pass", id="67 % of 36 may still be 80 %"),
        pytest.param(36, 23, "fail", id="64 % of 36 is proven below 80 %"),
        pytest.param(1000, 775, "pass", id="77.5 % of 1,000 may be 80 %"),
        pytest.param(1000, 774, "fail", id="77.4 % of 1,000 is proven below"),
    ],
)
def test_the_recall_floor_refuses_what_is_proven_below_it(images, right, outcome):
    judgement = judged(from_table({"accuracy_floor": "off"}), of_class_three(images, right))
    assert outcome_of(judgement, "recall_floor") == outcome


def test_a_hundred_images_can_have_a_champion():
    assert judged(GUARDED, make_evidence(0, 0, 2, images=100, champion=False)).outcome == "pass"


def test_a_class_with_too_few_images_to_say_anything_is_named():
    policy = from_table({"accuracy_floor": "off"})
    assert "Too few images to judge: 3." in sentence_of(judged(policy, of_class_three(2, 0)), "recall_floor")
    assert "Too few" not in sentence_of(judged(policy, of_class_three(3, 3)), "recall_floor")


def test_first_champion_spends_nothing_and_must_beat_dummy():
    judgement = gate.screen(GUARDED, make_evidence(champion=False)).judgement
    assert judgement.outcome == "pass"
    assert outcome_of(judgement, "beats_dummy") == "pass"
    assert "no champion" in judgement.explanation[0]
    assert judgement.grant is None
    assert {check.name for check in judgement.checks} == {
        "predictions_usable", "onnx_parity", "no_training_image", "accuracy_floor", "recall_floor", "calibration",
        "beats_dummy",
    }, "nothing that compares it with a champion"  # fmt: skip


def test_a_first_champion_no_better_than_dummy_is_refused_without_any_floor():
    labels = np.arange(10_000) % 10
    evidence = with_challenger(make_evidence(champion=False), benchmark=probabilities(labels, labels == 1))
    judgement = judged(PRESETS["as-good"], evidence)
    assert outcome_of(judgement, "beats_dummy") == judgement.outcome == "fail"


def test_nothing_left_fails_closed_and_says_how_to_go_on():
    screening = gate.screen(GUARDED, make_evidence(130, 30))
    judgement = gate.refused(screening, Refusal(0.05, 0.05, "Raise alpha."))
    assert judgement.outcome == "fail"
    assert judgement.checks[-1].sentence == "Raise alpha."
    assert judgement.comparison is None


@pytest.mark.parametrize(
    ("errors", "reachable"),
    [
        pytest.param(11, False, id="2 to the 11th is one fix short"),
        pytest.param(12, True, id="all twelve errors fixed are just enough"),
    ],
)
def test_a_comparison_that_nobody_could_win_is_not_made(errors, reachable):
    evidence = make_evidence(fixed=1, made=0, both_wrong=errors - 1, images=359)
    judgement = gate.out_of_reach(GUARDED, evidence, gate.screen(GUARDED, evidence), LEVEL, LEVEL)
    assert (judgement is None) == reachable
    if judgement:
        assert judgement.outcome == "fail"
        assert judgement.comparison is None
        assert f"makes {errors} errors on these 359 images" in judgement.checks[-1].sentence
        assert "No challenger can be promoted here" in judgement.checks[-1].sentence
        assert "nothing was spent" in judgement.checks[-1].sentence
        easier = gate.out_of_reach(GUARDED, evidence, gate.screen(GUARDED, evidence), LEVEL, 0.015)
        said = easier.checks[-1].sentence
        assert "This challenger cannot be promoted here" in said
        assert "the larger the p-value that is enough, up to 0.015" in said


def test_a_benchmark_too_small_for_the_margin_is_out_of_reach_too():
    policy = from_table({"preset": "growing", "margin_pp": 0.1})
    evidence = make_evidence(fixed=1, made=0, both_wrong=2, images=300, grown=True)
    evidence = replace(evidence, former=(evidence.champion,))
    assert gate.out_of_reach(policy, evidence, gate.screen(policy, evidence), 0.001, 0.001) is not None
    assert gate.out_of_reach(policy, replace(evidence, grown=False), gate.screen(policy, evidence), 0.2, 0.2) is None


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
    assert judged(PRESETS[preset], make_evidence(fixed, made)).outcome == outcome


def former(evidence: Evidence, right: np.ndarray) -> Contender:
    found = probabilities(evidence.labels, right)
    return replace(evidence.champion, id="long ago", digest="another", benchmark=found)


def test_non_inferior_is_measured_against_every_former_champion_so_that_losses_cannot_creep():
    policy = from_table({"mode": "non-inferior", "margin_pp": 0.3, "class_alpha": "off"})
    evidence = make_evidence(fixed=2, made=4)
    assert judged(policy, replace(evidence, former=(evidence.champion,)), LEVEL).outcome == "pass"
    best = former(evidence, np.ones(10_000, bool))
    for order in ((evidence.champion, best), (best, evidence.champion)):
        judgement = judged(policy, replace(evidence, former=order), LEVEL)
        assert judgement.outcome == "fail"
        assert "Against long ago, the hardest of 2" in sentence_of(judgement, "proven_not_inferior")


def test_non_inferiority_is_proven_where_p_equals_the_level():
    policy = from_table({"mode": "non-inferior", "margin_pp": 0.3, "class_alpha": "off"})
    evidence = make_evidence(1, 4)
    evidence = replace(evidence, former=(evidence.champion,))
    p = float(paired.p_non_inferior(1, 4, len(evidence.labels), 0.003))
    for level, outcome in ((p, "pass"), (p * 0.999, "fail")):
        assert outcome_of(judged(policy, evidence, level), "proven_not_inferior") == outcome


@pytest.mark.parametrize("changes", [{"former": ()}, {"lost": ("20260101-gone",)}])
def test_non_inferior_to_a_champion_that_cannot_be_measured_is_an_error_and_free(changes):
    policy = from_table({"mode": "non-inferior", "margin_pp": 0.3})
    evidence = make_evidence(fixed=2, made=4)
    evidence = replace(evidence, **{"former": (evidence.champion,), **changes})
    judgement = gate.screen(policy, evidence).judgement
    assert outcome_of(judgement, "proven_not_inferior") == judgement.outcome == "error"


@pytest.mark.parametrize(
    ("fixed", "made", "grown", "outcome"),
    [
        pytest.param(19, 8, True, "pass", id="more images: not proven better, but proven not 0.5 points worse"),
        pytest.param(19, 8, False, "fail", id="another recipe must be proven better"),
        pytest.param(8, 9, True, "fail", id="more images, but not as good"),
        pytest.param(40, 8, False, "pass", id="another recipe, proven better"),
    ],
)
def test_growing(fixed, made, grown, outcome):
    evidence = make_evidence(fixed, made, 10, images=1600, grown=grown, validation=(12, 4))
    evidence = replace(evidence, former=(evidence.champion,))
    assert judged(PRESETS["growing"], evidence, 0.0005).outcome == outcome


def test_growing_measures_losses_from_the_best_ever():
    evidence = make_evidence(19, 8, 10, images=1600, grown=True)
    best = former(evidence, np.ones(1600, bool))
    judgement = judged(PRESETS["growing"], replace(evidence, former=(evidence.champion, best)), 0.0005)
    assert next((c.value >= 0, c.limit) for c in judgement.checks if c.name == "as_good") == (True, 0.0)
    assert outcome_of(judgement, "proven_not_inferior") == judgement.outcome == "fail"


def test_every_limit_of_the_policy_is_one_registered_check_that_says_on_whom_the_proof_is():
    fields = [rule.field for rule in registered().values() if rule.field]
    assert sorted(fields) == sorted(LIMITS)
    for rule in registered().values():
        assert rule.burden in ("proven good", "not proven bad", "as measured")
        assert rule.why.endswith(".")
    burdens = {rule.field: rule.burden for rule in registered().values()}
    assert (burdens["accuracy_floor"], burdens["recall_floor"]) == ("proven good", "not proven bad")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.integers(0, 200), st.sampled_from([*PRESETS.values()]))
def test_a_pass_means_that_every_check_passed_and_a_loss_never_passes(fixed, made, both_wrong, policy):
    judgement = judged(policy, make_evidence(fixed, made, both_wrong))
    assert (judgement.outcome == "pass") == all(check.outcome == "pass" for check in judgement.checks)
    if fixed < made or (fixed == made and policy.preset != "as-good"):
        assert judgement.outcome != "pass"


@pytest.mark.slow
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
    first, second = (judged(GUARDED, e) for e in (evidence, shuffled))
    assert first.outcome == second.outcome
    assert first.comparison == second.comparison


def without_validation(evidence: Evidence) -> Evidence:
    nothing = evidence.challenger.validation[:0]
    evidence = with_champion(with_challenger(evidence, validation=nothing), validation=nothing)
    return replace(evidence, validation_labels=evidence.validation_labels[:0])


@pytest.mark.parametrize(
    ("policy", "evidence", "known"),
    [
        pytest.param(GUARDED, make_evidence(130, 30), 1.118e-5, id="better on validation images"),
        pytest.param(
            from_table({"screen_alpha": "off"}),
            without_validation(make_evidence(130, 30)),
            None,
            id="no validation image",
        ),
        pytest.param(PRESETS["as-good"], make_evidence(130, 30), None, id="nothing is to be proven"),
    ],
)
def test_what_validation_says_of_the_claim(policy, evidence, known):
    found = gate.screen(policy, evidence).p_validation
    assert found == (None if known is None else pytest.approx(known, rel=1e-3))


def test_growth_is_weighed_by_its_own_claim_on_validation_images():
    evidence = make_evidence(19, 8, 10, images=1600, grown=True, validation=(5, 5))
    evidence = replace(evidence, former=(evidence.champion,))
    policy = from_table({"preset": "growing", "margin_pp": 2.0})
    grown, other = (gate.screen(policy, replace(evidence, grown=flag)).p_validation for flag in (True, False))
    assert grown < 0.01
    assert other > 0.5


def test_a_gate_that_proves_nothing_has_no_comparison_out_of_reach():
    evidence = make_evidence(fixed=1, made=0, both_wrong=0, images=359)
    policy = PRESETS["as-good"]
    assert gate.out_of_reach(policy, evidence, gate.screen(policy, evidence), 1e-9, 1e-9) is None
