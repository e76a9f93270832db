"""What a verdict records and says: whom it compared, what it cost, and the sentence of each check at its boundaries."""

from dataclasses import replace

import numpy as np
import pytest
from evidence_builder import judged, make_evidence, probabilities

from pipeline.contracts import Check
from pipeline.facts.manifest_facts import Parity
from pipeline.judging import benchmark_checks, claims, free_checks, gate, rules
from pipeline.judging.evidence import Evidence, NearCopyCount
from pipeline.judging.intervals import clopper_pearson
from pipeline.judging.policy import PRESETS, from_table
from pipeline.judging.words import not_passed

GUARDED, AS_GOOD, GROWING = (PRESETS[name] for name in ("guarded", "as-good", "growing"))


def recorded(evidence: Evidence):
    judgement = judged(GUARDED, evidence)
    return gate.verdict(GUARDED, evidence, judgement, "2026-11-22T00:00:00Z")


@pytest.mark.parametrize(("fixed", "cost"), [(130, 0.0), (31, 1.0)], ids=["a promotion has its level back", "refused"])
def test_a_verdict_names_both_models_and_what_it_cost(fixed, cost):
    evidence = make_evidence(fixed, 30)
    found = recorded(evidence)
    assert (found.candidate_id, found.candidate_digest) == (evidence.challenger.id, evidence.challenger.digest)
    assert (found.champion_id, found.champion_digest) == (evidence.champion.id, evidence.champion.digest)
    assert found.ledger.spent == pytest.approx(cost * found.ledger.level)
    assert (found.ledger.alpha, found.ledger.judged) == (GUARDED.alpha, 1)


def test_the_first_verdict_names_no_champion_and_costs_nothing():
    found = recorded(make_evidence(champion=False))
    assert (found.outcome, found.champion_id, found.champion_digest, found.ledger) == ("pass", None, None, None)


def test_what_the_rule_of_2018_would_have_done_is_said_of_a_refusal():
    passed, refused = (" ".join(recorded(make_evidence(fixed, 30)).explanation) for fixed in (130, 31))
    assert "2018" in refused
    assert "2018" not in passed


@pytest.mark.parametrize(
    ("outcome", "words"), [("fail", "failed “better than dummy”"), ("error", "could not decide “better than dummy”")]
)
def test_a_check_that_did_not_pass_is_named_as_such(outcome, words):
    assert not_passed(Check("beats_dummy", "better than dummy", outcome, None, None, "")) == words


def test_nothing_is_compared_without_a_champion():
    evidence = make_evidence()
    screening = gate.screen(GUARDED, evidence)
    grant = judged(GUARDED, evidence).grant
    with pytest.raises(ValueError, match="nothing to compare"):
        gate.compare(GUARDED, replace(evidence, champion=None), screening, grant)


def made(evidence: Evidence, **changes) -> Evidence:
    return replace(evidence, provenance=replace(evidence.provenance, **changes))


SOUND = make_evidence()
ITSELF = replace(SOUND, challenger=replace(SOUND.challenger, digest=SOUND.champion.digest))
STRANGER = replace(SOUND, champion=replace(SOUND.champion, benchmark_sha256="c" * 64))


@pytest.mark.parametrize(
    ("check", "evidence", "sentence"),
    [
        (free_checks.no_shared_image, SOUND, "None of the 10,000 benchmark images was among the training images."),
        (
            free_checks.no_shared_image,
            made(SOUND, shared_images=1),
            "1 of the 10,000 benchmark images was among the training images.",
        ),
        (
            free_checks.no_shared_image,
            made(SOUND, shared_images=2_500),
            "2,500 of the 10,000 benchmark images were among the training images.",
        ),
        (free_checks.same_benchmark, SOUND, "All scored on identical images."),
        (free_checks.same_benchmark, STRANGER, "Scored on other images: champion."),
        (free_checks.not_the_champion, SOUND, "The challenger is a different model from the champion."),
        (free_checks.not_the_champion, ITSELF, "This is the champion itself."),
    ],
)
def test_what_is_checked_for_free_is_said(check, evidence, sentence):
    assert check(evidence).sentence == sentence


@pytest.mark.parametrize(
    ("count", "outcome", "sentence"),
    [
        (NearCopyCount(0, 0.0, 1.0, 900), "pass", "No benchmark image nearly equals a training image."),
        (NearCopyCount(3, 0.0, 1.0, 0), "pass", "it is not known how many are so by chance"),
        (NearCopyCount(30, 2.5, 0.001, 900), "fail", "2.5 were expected from the validation images"),
        (NearCopyCount(30, 2.5, 0.0011, 900), "pass", "30 of the 10,000 benchmark images nearly equal"),
    ],
)
def test_near_copies_are_counted_and_compared_with_chance(count, outcome, sentence):
    found = free_checks.near_copies(replace(SOUND, near_copies=count), 0.001)
    assert found.outcome == outcome
    assert sentence in found.sentence
    assert ("No benchmark image" in found.sentence) is (count.found == 0)


def test_parity_and_classes_are_said():
    changed = made(SOUND, parity=Parity(9, 1, 0.0))
    assert "1" in free_checks.onnx_parity(changed).sentence
    without = replace(SOUND, labels=np.where(SOUND.labels == 3, 4, SOUND.labels))
    assert "The benchmark has no image of: 3." in free_checks.usable(without).sentence
    empty = replace(SOUND, labels=SOUND.labels[:0])
    assert "no labelled images" in free_checks.usable(empty).sentence


def test_a_difference_of_exactly_the_largest_is_no_difference():
    allowed = free_checks.LARGEST_DIFFERENCE
    for difference, outcome in ((allowed, "pass"), (np.nextafter(allowed, 1), "fail")):
        assert free_checks.onnx_parity(made(SOUND, parity=Parity(9, 0, float(difference)))).outcome == outcome


@pytest.mark.parametrize(
    ("who", "named"),
    [("challenger", "challenger"), ("champion", "champion"), ("former", None)],
)
def test_validation_answers_are_needed_of_the_two_that_are_compared_on_them(who, named):
    broken = np.full_like(SOUND.champion.validation, np.nan)
    if who == "former":
        evidence = replace(SOUND, former=(replace(SOUND.champion, id="former", digest="f", validation=broken),))
    else:
        evidence = replace(SOUND, **{who: replace(getattr(SOUND, who), validation=broken)})
    found = free_checks.usable(evidence)
    assert (f"{named} on validation images" in found.sentence) if named else found.outcome == "pass"


def test_no_answer_out_of_fold_comes_from_a_member_that_saw_the_image():
    found = free_checks.no_shared_image(replace(SOUND, out_of_fold=True))
    assert (found.outcome, found.value, found.limit) == ("pass", 0, 0)


def test_no_record_of_the_training_images_is_an_error_with_the_limit():
    found = free_checks.no_shared_image(made(SOUND, shared_images=None))
    assert (found.outcome, found.value, found.limit) == ("error", None, 0)


def test_a_screen_refuses_at_exactly_its_level():
    p = free_checks.screen(SOUND, 0.5).value
    assert free_checks.screen(SOUND, p).outcome == "fail"
    assert free_checks.screen(SOUND, np.nextafter(p, 0)).outcome == "pass"


@pytest.mark.parametrize(
    ("latency", "champions", "outcome"),
    [
        (1.0, 1.0, "pass"),
        (2.0, 1.0, "pass"),
        (2.1, 1.0, "fail"),
        (None, 1.0, "error"),
        (1.0, None, "error"),
        (np.nan, 1.0, "error"),
        (1.0, np.inf, "error"),
        (1.0, 0.0, "error"),
        (1.0, -1.0, "error"),
    ],
)
def test_a_budget_needs_both_figures(latency, champions, outcome):
    evidence = replace(
        SOUND,
        challenger=replace(SOUND.challenger, latency_ms=latency),
        champion=replace(SOUND.champion, latency_ms=champions),
    )
    assert free_checks.latency(evidence, 2.0).outcome == outcome
    assert free_checks.latency(replace(evidence, champion=None), 2.0) is None


@pytest.mark.parametrize("missing", [(), ("20260101-gone", "20260102-gone")])
def test_a_former_champion_that_is_lost_is_named(missing):
    policy = from_table({"mode": "non-inferior", "margin_pp": 0.3})
    found = claims.unknown_former(policy, replace(SOUND, lost=missing))
    assert ("(20260101-gone, 20260102-gone)" in found.sentence) is bool(missing)
    assert ("(" in found.sentence) is bool(missing)
    assert claims.unknown_former(policy, replace(SOUND, former=(SOUND.champion,))) is None
    assert claims.unknown_former(GUARDED, SOUND) is None


def test_validation_says_nothing_of_a_claim_that_is_not_there():
    assert claims.p_on_validation(GUARDED, SOUND) is not None
    assert claims.p_on_validation(GUARDED, replace(SOUND, champion=None)) is None
    assert claims.p_on_validation(AS_GOOD, SOUND) is None


def test_only_a_claim_can_be_out_of_reach():
    few = make_evidence(fixed=1, made=0, both_wrong=0, images=400)
    assert claims.out_of_reach(GUARDED, few, 0.01, 0.01) is not None
    assert claims.out_of_reach(GUARDED, replace(few, champion=None), 0.01, 0.01) is None
    assert claims.out_of_reach(AS_GOOD, few, 0.01, 0.01) is None


def test_as_good_is_the_difference_of_the_shares():
    found = claims.as_good(make_evidence(19, 8, images=1600), make_evidence(19, 8, images=1600).champion)
    assert (found.outcome, found.value) == ("pass", pytest.approx(11 / 1600))
    worse = make_evidence(8, 9, images=1600)
    assert claims.as_good(worse, worse.champion).outcome == "fail"


@pytest.mark.parametrize(("fixed", "made", "same"), [(0, 0, True), (4, 4, False), (4, 0, False), (0, 4, False)])
def test_models_that_agree_on_every_image_are_said_to(fixed, made, same):
    evidence = make_evidence(fixed, made)
    (check,) = claims.headline(GUARDED, evidence, evidence.champion, 0.001)
    assert ("right and wrong on the same images" in check.sentence) is same


def counts(first: int, last: int) -> list[int]:
    """Two classes, so that what is added up over classes shows."""
    return [first, last]


@pytest.mark.parametrize(
    ("policy", "grown", "fixed", "made", "accepted"),
    [
        (AS_GOOD, False, counts(1, 3), counts(3, 1), True),
        (AS_GOOD, False, counts(1, 3), counts(3, 2), False),
        (GROWING, True, counts(5, 14), counts(4, 4), True),
        (GROWING, True, counts(4, 4), counts(4, 5), False),
        (GROWING, False, counts(5, 14), counts(4, 4), False),
        (GROWING, False, counts(20, 20), counts(4, 4), True),
        (from_table({"mode": "non-inferior", "margin_pp": 0.5}), False, counts(4, 4), counts(4, 5), True),
        (GUARDED, False, counts(6, 6), counts(0, 0), True),
        (GUARDED, False, counts(6, 5), counts(0, 0), False),
    ],
)
def test_what_is_accepted_of_counts_by_class(policy, grown, fixed, made, accepted):
    level = 2.0**-12 if policy is GUARDED else 0.001
    images = 1600 if policy is GROWING else 10_000
    assert bool(claims.accepted(policy, fixed, made, images, level, grown=grown)) is accepted


def test_a_loss_that_is_proven_small_is_no_growth():
    for fixed, accepted in ((counts(4, 4), False), (counts(5, 4), True)):
        found = claims.accepted(GROWING, fixed, counts(4, 5), 10_000, 0.001, grown=True)
        assert bool(found) is accepted


def test_the_hardest_former_champion_is_named_where_there_are_several():
    twin = replace(SOUND.champion, id="twin", digest="twin" * 8)
    for former, several in (((SOUND.champion,), False), ((SOUND.champion, twin), True)):
        evidence = replace(SOUND, former=former, grown=True)
        first, *_ = claims.headline(GROWING, evidence, SOUND.champion, 0.001)
        assert ("the hardest of 2" in first.sentence) is several
        assert ("hardest" in first.sentence) is several


def test_robustness_needs_the_champions_own_figures_and_names_who_is_lost():
    former = replace(SOUND.champion, id="former", digest="former" * 8)
    unmeasured = replace(SOUND, champion=replace(SOUND.champion, corrupted={}), former=(former,))
    assert benchmark_checks.robustness(unmeasured, 5.0).outcome == "error"
    assert benchmark_checks.robustness(SOUND, 5.0).sentence.endswith("(+0.00 points)."), "nothing is lost"
    lost = benchmark_checks.robustness(replace(SOUND, lost=("20260101-gone",)), 5.0)
    assert lost.sentence.endswith(" Not measured: 20260101-gone.")


def test_a_first_champion_is_compared_with_the_most_frequent_class():
    evidence = make_evidence(champion=False, fixed=0, made=100, both_wrong=0)
    labels = np.where(np.arange(10_000) % 10 < 7, 1, 2)
    answers = probabilities(labels, np.arange(10_000) < 9_900)
    challenger = replace(evidence.challenger, benchmark=answers)
    found = benchmark_checks.beats_dummy(replace(evidence, labels=labels, challenger=challenger))
    assert found.sentence.startswith("99.00 % against 70.00 % of always answering 1; p < 1e-09 for being no better, ")
    assert found.outcome == "pass"
    assert benchmark_checks.beats_dummy(SOUND) is None


def test_figures_of_the_floors_are_shown_as_measured():
    evidence = make_evidence(fixed=0, made=100, both_wrong=0)
    found = benchmark_checks.accuracy_floor(evidence, 0.9)
    assert found.title == "accuracy at least 90 %"
    assert found.sentence == "99.00 % (at least 98.79 %, with 95 % confidence)."
    assert benchmark_checks.accuracy_floor(evidence, found.value).outcome == "pass", "exactly at the floor"
    assert benchmark_checks.accuracy_floor(evidence, np.nextafter(found.value, 1)).outcome == "fail"
    recall = benchmark_checks.recall_floor(evidence, 0.8)
    assert recall.title == "no class proven below 80 %"
    assert recall.sentence.startswith("Lowest: 0, 99.00 % (at most 99.")
    assert benchmark_checks.recall_floor(evidence, recall.value).outcome == "pass", "exactly at the floor"
    assert benchmark_checks.recall_floor(evidence, np.nextafter(recall.value, 1)).outcome == "fail"


def test_a_class_whose_bound_is_the_floor_itself_says_nothing():
    few = make_evidence(images=100)
    bound = float(clopper_pearson(0, 10).high)
    assert "Too few images to judge: 0, 1" in benchmark_checks.recall_floor(few, bound).sentence
    assert "Too few" not in benchmark_checks.recall_floor(few, np.nextafter(bound, 1)).sentence


def sure(evidence: Evidence, name: str, confidence: float) -> Evidence:
    one = getattr(evidence, name)
    right = one.benchmark.argmax(axis=1) == evidence.labels
    answers = probabilities(evidence.labels, right, confidence=confidence)
    return replace(evidence, **{name: replace(one, benchmark=answers)})


def test_calibration_is_shown_in_points_and_passes_at_the_limit():
    evidence = sure(sure(make_evidence(fixed=0, made=0, both_wrong=0), "challenger", 0.75), "champion", 0.875)
    alone = benchmark_checks.calibration(evidence, 0.25)
    assert alone.title == "calibration error at most 25 points"
    assert alone.sentence == "Confidence and accuracy differ by 25.00 points on average."
    assert alone.outcome == "pass", "exactly at the limit"
    assert benchmark_checks.calibration(evidence, 0.2499).outcome == "fail"
    against = benchmark_checks.calibration_margin(evidence, 0.125)
    assert against.title == "calibration error at most 12.5 points above the champion's"
    assert against.sentence == "25.00 points against the champion's 12.50."
    assert against.outcome == "pass", "exactly at the margin"
    assert benchmark_checks.calibration_margin(evidence, 0.1249).outcome == "fail"


def test_the_class_that_lost_most_is_named():
    labels = SOUND.labels
    theirs, mine = np.ones(10_000, bool), np.ones(10_000, bool)
    mine[np.flatnonzero(labels == 7)[:3]] = False
    evidence = replace(
        SOUND,
        challenger=replace(SOUND.challenger, benchmark=probabilities(labels, mine)),
        champion=replace(SOUND.champion, benchmark=probabilities(labels, theirs)),
    )
    found = benchmark_checks.no_class_worse(evidence, 0.05)
    assert found.sentence.startswith("None proven worse; nearest 7: fixed 0, made 3, ")
    assert found.value == 1.0, "1/8, times ten classes"
    mine[np.flatnonzero(labels == 7)[:10]] = False
    worse = replace(evidence, challenger=replace(SOUND.challenger, benchmark=probabilities(labels, mine)))
    vetoed = benchmark_checks.no_class_worse(worse, 10 / 1024)
    assert (vetoed.outcome, vetoed.value) == ("fail", pytest.approx(10 / 1024))
    assert vetoed.sentence.startswith("Proven worse: 7. 7: fixed 0, made 10, ")


def test_robustness_has_its_limit_on_the_negative_side_and_names_the_hardest():
    found = benchmark_checks.robustness(
        replace(SOUND, challenger=replace(SOUND.challenger, corrupted={"fog": 0.8, "shear": 0.79})), 5.5
    )
    assert (found.outcome, found.value, found.limit) == ("pass", pytest.approx(-5.5), -5.5)
    assert "most is lost on fog" in found.sentence
    unmeasured = replace(SOUND, challenger=replace(SOUND.challenger, corrupted={}))
    assert benchmark_checks.robustness(unmeasured, 5.5).limit == -5.5
    odd = replace(SOUND.champion, id="odd", corrupted={"fog": np.nan})
    assert benchmark_checks.robustness(replace(SOUND, former=(odd,)), 5.5).outcome == "pass", "a former one is left out"


def with_corrupted(contender, accuracy):
    return replace(contender, corrupted={"fog": accuracy})


@pytest.mark.parametrize(("points", "outcome"), [(2.00004, "pass"), (2.0002, "fail")])
def test_robustness_is_compared_to_a_hundredth_of_a_point(points, outcome):
    evidence = replace(
        SOUND,
        challenger=with_corrupted(SOUND.challenger, 0.9 - points / 100),
        champion=with_corrupted(SOUND.champion, 0.9),
    )
    assert benchmark_checks.robustness(evidence, 2.0).outcome == outcome


def test_a_former_champion_whose_robustness_is_no_number_is_no_best_champion():
    former = with_corrupted(replace(SOUND.champion, id="former", digest="f"), np.nan)
    found = benchmark_checks.robustness(replace(SOUND, former=(former,)), 2.0)
    assert found.outcome == "pass"
    assert "of champion" in found.sentence
    unknown = replace(SOUND, champion=with_corrupted(SOUND.champion, np.nan))
    assert benchmark_checks.robustness(unknown, 2.0).outcome == "error"


@pytest.mark.parametrize(("shared", "said"), [(0, "None of the"), (1, "1 of the"), (2, "2 of the")])
def test_how_many_shared_images_are_said(shared, said):
    found = free_checks.no_shared_image(made(SOUND, shared_images=shared))
    assert found.sentence.startswith(said)
    assert (found.value, found.limit) == (shared, 0)
    assert (" were " in found.sentence) is (shared > 1)


def test_one_image_is_enough_to_compare_the_exported_model():
    assert free_checks.onnx_parity(made(SOUND, parity=Parity(1, 0, 0.0))).outcome == "pass"
    assert free_checks.onnx_parity(made(SOUND, parity=Parity(0, 0, 0.0))).outcome == "error"


def test_without_a_champion_nothing_was_fixed_or_made():
    assert free_checks.validation_counts(replace(SOUND, champion=None)) == (0, 0)


def test_a_budget_records_the_ratio():
    dear = replace(
        SOUND,
        challenger=replace(SOUND.challenger, latency_ms=5.0),
        champion=replace(SOUND.champion, latency_ms=2.0),
    )
    assert free_checks.latency(dear, 2.0).value == 2.5


def test_a_rule_is_put_into_words_as_the_policy_has_it():
    register = rules.registered()
    in_folds = register["no_shared_image"]
    assert in_folds.in_words(GUARDED) == in_folds.words
    assert in_folds.in_words(PRESETS["cross-fit"]) == in_folds.words_in_folds
    assert in_folds.field is None
    assert register["robustness"].in_words(GUARDED)
    assert register["robustness"].in_words(from_table({"robustness_margin_pp": "off"})) is None
