"""The exact paired tests: level, boundaries, and agreement with other libraries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, multinomial
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from pipeline.judging import intervals, paired

COUNTS = st.integers(0, 200)


@pytest.mark.parametrize(
    ("fixed", "made", "expected"),
    [
        pytest.param(0, 0, 1.0, id="no disagreement proves nothing"),
        pytest.param(1, 0, 0.5, id="one image"),
        pytest.param(0, 1, 1.0, id="one image lost"),
        pytest.param(11, 0, 2.0**-11, id="eleven fixed, none made"),
        pytest.param(12, 0, 2.0**-12, id="twelve are the fewest that prove 0.00025"),
    ],
)
def test_p_of_small_counts(fixed, made, expected):
    assert float(paired.p_better(fixed, made)) == pytest.approx(expected, rel=1e-12)


@given(COUNTS, COUNTS)
def test_p_agrees_with_scipy_and_statsmodels(fixed, made):
    p = float(paired.p_better(fixed, made))
    if fixed + made:
        assert p == pytest.approx(binomtest(fixed, fixed + made, 0.5, alternative="greater").pvalue, abs=1e-12)
    if fixed > made:
        two_sided = mcnemar([[0, fixed], [made, 0]], exact=True).pvalue
        assert 2 * p == pytest.approx(two_sided, rel=1e-9)


@given(COUNTS, COUNTS)
def test_a_tie_or_a_loss_is_never_proven_better(fixed, made):
    if fixed <= made:
        assert paired.p_better(fixed, made) >= 0.5


@given(COUNTS, COUNTS)
def test_one_more_fix_never_hurts_and_one_more_error_never_helps(fixed, made):
    p = paired.p_better(fixed, made)
    assert paired.p_better(fixed + 1, made) <= p
    assert paired.p_better(fixed, made + 1) >= p


def test_canary_on_an_exact_null():
    """Real-like vectors; where they differ a coin decides who was right: promotions stay within alpha."""
    rng = np.random.default_rng(7)
    for disagreements, level in [(35, 0.05), (80, 0.05), (120, 0.00025), (11, 0.00025)]:
        fixed = rng.binomial(1, 0.5, (10_000, disagreements)).sum(axis=1)
        promoted = int((paired.p_better(fixed, disagreements - fixed) <= level).sum())
        assert promoted <= binom.isf(1e-4, 10_000, level)


@pytest.mark.parametrize("images", [6, 40])
@pytest.mark.parametrize("margin", [0.02, 0.2])
@pytest.mark.parametrize(("fixed", "made"), [(0, 0), (3, 1), (1, 3), (0, 6), (6, 0)])
def test_non_inferiority_is_the_sum_over_all_results(fixed, made, images, margin):
    """Every pair of counts is weighed by its multinomial probability, at each rate of disagreement."""
    b, c = (counts.ravel() for counts in np.meshgrid(np.arange(images + 1), np.arange(images + 1)))
    b, c = b[b + c <= images], c[b + c <= images]
    seen = intervals.tango_statistic(fixed, made, images, -margin)
    as_good = intervals.tango_statistic(b, c, images, -margin) >= seen - paired.TIE
    low, high = intervals.clopper_pearson(fixed + made, images, 1 - paired.NUISANCE)
    p = 0.0
    for rate in np.linspace(max(float(low), margin), min(float(high), 1.0), paired.NUISANCE_STEPS):
        chances = [max((rate - margin) / 2, 0), (rate + margin) / 2, max(1 - rate, 0)]
        weight = multinomial.pmf(np.stack([b, c, images - b - c], axis=1), images, chances)
        p = max(p, float(weight[as_good].sum()))
    expected = min(p + paired.NUISANCE, 1.0)
    assert float(paired.p_non_inferior(fixed, made, images, margin)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("images", [20, 60])
@pytest.mark.parametrize("margin", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
def test_non_inferiority_keeps_its_level_by_exact_enumeration(images, margin, level):
    """A challenger ``margin`` or more worse passes with probability at most ``level``, whatever the disagreement."""
    made, fixed = np.meshgrid(np.arange(images + 1), np.arange(images + 1), indexing="ij")
    possible = fixed + made <= images
    accepted = np.zeros(possible.shape, bool)
    accepted[possible] = paired.p_non_inferior(fixed[possible], made[possible], images, margin) <= level
    worst = 0.0
    for deeper in (0.0, 0.02, 0.1):
        for disagreement in np.linspace(margin + deeper, 0.8, 60):
            made_rate, fixed_rate = (disagreement + margin + deeper) / 2, (disagreement - margin - deeper) / 2
            weight = binom.pmf(made, images, made_rate) * binom.pmf(
                fixed, np.maximum(images - made, 0), max(fixed_rate, 0) / (1 - made_rate)
            )
            worst = max(worst, float((weight * accepted * possible).sum()))
    assert worst <= level
    assert worst >= 0.4 * level, "an exact test need not waste more than the jumps of small counts"


@pytest.mark.parametrize(
    ("fixed", "made", "images", "margin", "proven"),
    [
        pytest.param(1, 3, 10_000, 0.003, True, id="nearly identical"),
        pytest.param(0, 0, 10_000, 0.003, True, id="identical"),
        pytest.param(30, 60, 10_000, 0.003, False, id="just the margin worse"),
        pytest.param(0, 0, 100, 0.003, False, id="too few images"),
        pytest.param(19, 8, 1600, 0.005, True, id="better, though not proven better"),
        pytest.param(20, 20, 1600, 0.005, False, id="as good, and the images do not show more"),
    ],
)
def test_non_inferiority_lets_a_nearly_identical_model_through_and_stops_a_worse_one(
    fixed, made, images, margin, proven
):
    assert (paired.p_non_inferior(fixed, made, images, margin) <= 0.0005) is np.bool_(proven)


def test_non_inferiority_is_elementwise_and_grows_with_losses():
    p = paired.p_non_inferior(np.full((2, 3), 5), np.array([[1, 4, 9], [2, 5, 30]]), 1600, 0.005)
    assert p.shape == (2, 3)
    assert np.all(np.diff(p, axis=1) > 0)


@pytest.mark.parametrize(
    ("fixed", "made", "worse"),
    [
        pytest.param([0] * 10, [0] * 10, False, id="no disagreement"),
        pytest.param([0] * 10, [7] + [0] * 9, False, id="seven lost in one class: p = 10/128"),
        pytest.param([0] * 10, [8] + [0] * 9, True, id="eight lost in one class: p = 10/256"),
        pytest.param([8] * 10, [8] * 10, False, id="ties"),
        pytest.param([50] * 9 + [0], [0] * 9 + [8], True, id="better overall, one class worse"),
    ],
)
def test_veto_of_a_class(fixed, made, worse):
    assert bool(paired.any_class_worse(fixed, made, 0.05)) is worse


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
def test_holms_correction_agrees_with_statsmodels_and_with_the_veto(p):
    corrected = paired.holm(p)
    assert corrected == pytest.approx(multipletests(p, method="holm")[1])
    assert (corrected.min() <= 0.05) == (min(p) * len(p) <= 0.05)


@pytest.mark.parametrize(
    ("p", "limit", "shown"),
    [
        pytest.param(0.16, 0.00025, ("p = 0.16", "0.00025"), id="far apart"),
        pytest.param(0.000251, 0.00025, ("p = 0.000251", "0.00025"), id="missed by rounding"),
        pytest.param(0.0499999, 0.05, ("p = 0.0499999", "0.05"), id="met by rounding"),
        pytest.param(0.05, 0.05, ("p = 0.05", "0.05"), id="met exactly"),
        pytest.param(2.0**-12, 2.0**-12, ("p = 0.000244", "0.000244"), id="met exactly, rounded alike"),
        pytest.param(1e-15, 0.0123, ("p < 1e-09", "0.0123"), id="tiny"),
    ],
)
def test_a_p_value_is_never_shown_as_equal_to_a_limit_that_it_is_not(p, limit, shown):
    assert paired.against_limit(p, limit) == shown


@given(st.floats(1e-8, 1), st.floats(-1e-9, 1e-9))
def test_shown_p_values_compare_with_the_limit_as_they_do(limit, off):
    p = min(max(limit * (1 + off), 0), 1)
    shown, against = (float(text.removeprefix("p = ")) for text in paired.against_limit(p, limit))
    assert (shown <= against) == (p <= limit)


def test_counts_are_by_true_class():
    labels = np.array([0, 0, 1, 1, 2])
    mine = np.array([True, False, True, True, False])
    theirs = np.array([False, True, True, False, False])
    fixed, made = paired.count_by_class(mine, theirs, labels, 3)
    assert fixed.tolist() == [1, 1, 0]
    assert made.tolist() == [1, 0, 0]
