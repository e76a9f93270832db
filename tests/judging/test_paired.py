"""The exact paired tests: level, boundaries, and agreement with other libraries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from pipeline.judging import paired

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


@settings(max_examples=25)
@given(
    st.integers(20, 120),
    st.floats(0.01, 0.2),
    st.just(0.0) | st.floats(1e-9, 0.3),  # scipy's binom.pmf overflows at rates like 1e-308
    st.sampled_from([0.05, 0.01]),
)
def test_non_inferiority_keeps_its_level_by_exact_enumeration(images, margin, extra, level):
    """A challenger exactly ``margin`` worse passes with probability at most ``level``, whatever the disagreement."""
    fixed_rate = extra * (1 - margin) / 2
    made_rate = fixed_rate + margin
    made = np.arange(images + 1)[:, None]
    fixed = np.arange(images + 1)[None, :]
    possible = fixed + made <= images
    p = paired.p_non_inferior(np.where(possible, fixed, 0), np.where(possible, made, 0), images, margin, level)
    weight = binom.pmf(made, images, made_rate) * binom.pmf(
        fixed, np.maximum(images - made, 0), fixed_rate / (1 - made_rate)
    )
    assert float((weight * possible * (p <= level)).sum()) <= level


def test_non_inferiority_lets_a_nearly_identical_model_through_and_stops_a_worse_one():
    level = 0.00025
    assert paired.p_non_inferior(1, 3, 10_000, 0.003, level) <= level
    assert paired.p_non_inferior(0, 0, 10_000, 0.003, level) <= level
    assert paired.p_non_inferior(30, 60, 10_000, 0.003, level) > level
    assert paired.p_non_inferior(0, 0, 100, 0.003, level) > level


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


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
def test_holms_correction_agrees_with_statsmodels_and_with_the_veto(p):
    corrected = paired.holm(p)
    assert corrected == pytest.approx(multipletests(p, method="holm")[1])
    assert (corrected.min() <= 0.05) == (min(p) * len(p) <= 0.05)


@given(COUNTS, COUNTS)
def test_interval_holds_the_gain_and_agrees_with_the_test(fixed, made):
    low, high = paired.gain_interval(fixed, made, 1000)
    assert low <= (fixed - made) / 1000 <= high
    if fixed + made:
        assert (low > 0) == (paired.p_better(fixed, made) < 0.025)


def test_counts_are_by_true_class():
    labels = np.array([0, 0, 1, 1, 2])
    mine = np.array([True, False, True, True, False])
    theirs = np.array([False, True, True, False, False])
    fixed, made = paired.count_by_class(mine, theirs, labels, 3)
    assert fixed.tolist() == [1, 1, 0]
    assert made.tolist() == [1, 0, 0]
