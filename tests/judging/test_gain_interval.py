"""Tango's interval of a gain: against published values, against the score test itself, and its coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlogy

from benchmarks import gain_interval
from pipeline.judging.comparisons import PairedComparison, paired_result
from pipeline.judging.intervals import clopper_pearson, tango, upper_bound
from pipeline.judging.intervals import gain_interval as in_use

COUNTS = st.integers(0, 60)


@pytest.mark.parametrize(
    ("fixed", "made", "images", "low", "high"),
    [
        pytest.param(200, 0, 10_000, 0.0174, 0.0229, id="one model clearly wins"),
        pytest.param(6, 16, 161, -0.1240, -0.0054, id="Cavo and others 2012, in R's contingencytables"),
        pytest.param(1, 7, 21, -0.5172, -0.0260, id="Bentur and others 2009, Fagerland and others 2017, table 8.11"),
        pytest.param(0, 0, 10_000, -0.00038, 0.00038, id="never different: still a length"),
    ],
)
def test_published_values(fixed, made, images, low, high):
    found = tango(fixed, made, images)
    assert (float(found.low), float(found.high)) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def score_statistic(fixed: int, made: int, images: int, gain: float) -> float:
    """The squared score test of a gain, its nuisance parameter found by maximising the likelihood itself."""

    def loss(rate: float) -> float:
        agree = max(images - fixed - made, 0)
        return -float(xlogy(fixed, rate + gain) + xlogy(made, rate) + xlogy(agree, 1 - 2 * rate - gain))

    low, high = max(0.0, -gain), (1 - gain) / 2
    rate = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = images * (2 * rate + gain - gain**2)
    return (fixed - made - images * gain) ** 2 / variance


@settings(max_examples=60, deadline=None)
@given(COUNTS, COUNTS, st.integers(130, 2000))
def test_the_ends_are_just_what_the_score_test_does_not_reject(fixed, made, images):
    found = tango(fixed, made, images)
    for end in (float(found.low), float(found.high)):
        assert score_statistic(fixed, made, images, end) == pytest.approx(1.959964**2, rel=2e-3)


@given(COUNTS, COUNTS)
def test_it_holds_the_gain_and_mirrors_when_the_models_change_places(fixed, made):
    found, mirrored = tango(fixed, made, 200), tango(made, fixed, 200)
    assert found.low <= (fixed - made) / 200 <= found.high
    assert float(found.low) == pytest.approx(-float(mirrored.high), abs=1e-12)


def test_it_is_elementwise():
    found = tango(np.array([3, 0]), np.array([1, 0]), 100)
    assert found.low.shape == (2,)
    assert float(found.low[0]) == float(tango(3, 1, 100).low)


@pytest.mark.parametrize("images", gain_interval.IMAGES)
@pytest.mark.parametrize(("fixed_rate", "made_rate"), gain_interval.RATES)
def test_coverage(images, fixed_rate, made_rate):
    used, _ = gain_interval.coverage(images, fixed_rate, made_rate, repetitions=10_000)
    assert used >= 0.93
    if images * (fixed_rate + made_rate) >= 5:
        assert used <= 0.97


def test_the_interval_before_it_missed_where_one_model_clearly_wins():
    used, before = gain_interval.coverage(10_000, 0.02, 0.0, repetitions=5_000)
    assert used > 0.93
    assert before < 0.3


@pytest.mark.parametrize("images", [100, 359, 10_000])
def test_exact_coverage_also_in_lopsided_corners(images):
    lowest, low, high = gain_interval.extremes(in_use, images, gain_interval.rates(thin=3))
    assert lowest >= 0.93 and low >= 0.93 and high <= 0.975


def test_tangos_own_interval_falls_short_in_a_corner():
    lowest, _, _ = gain_interval.extremes(tango, 100, np.array([[5.5, 0.0]]))
    assert lowest < 0.93


def test_the_interval_in_use_is_tangos_where_counts_are_large():
    for found, known in zip(in_use(2_000, 1_500, 100_000), tango(2_000, 1_500, 100_000), strict=True):
        assert float(found) == pytest.approx(float(known), rel=1e-4)
    assert in_use(5, 0, 1_000).low < tango(5, 0, 1_000).low
    assert in_use(5, 0, 1_000).high > tango(5, 0, 1_000).high


def test_bounds_of_a_proportion_at_its_ends():
    assert float(upper_bound(0, 100, 0.05)) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert float(upper_bound(100, 100, 0.05)) == 1.0
    none, all_of_them = clopper_pearson(0, 10), clopper_pearson(10, 10)
    assert (float(none.low), float(all_of_them.high)) == (0.0, 1.0)
    assert float(none.high) == pytest.approx(1 - float(all_of_them.low)) == pytest.approx(1 - 0.025 ** (1 / 10))


def test_a_gain_is_shown_in_points_with_its_interval():
    found = paired_result(21, 14, 10_000)
    assert (found.fixed, found.made) == (21, 14)
    assert found.gain_pp == pytest.approx(0.07)
    low, high = in_use(21, 14, 10_000)
    assert (found.gain_low_pp, found.gain_high_pp) == pytest.approx((100 * float(low), 100 * float(high)))


def test_gain_and_disagreement_are_shares_of_all_images():
    compared = PairedComparison(np.array([3, 1]), np.array([1, 0]), images=100, other_errors=9)
    assert (compared.gain, compared.disagreement) == (0.03, 0.05)
