"""Plans: the normal approximation is checked against exact enumeration, and against simulation."""

import numpy as np
import pytest

from pipeline.judging import paired, power


@pytest.mark.parametrize(
    ("images", "level", "gain_pp"),
    [
        pytest.param(10_000, 0.05, 0.21, id="one test"),
        pytest.param(10_000, 0.001, 0.32, id="a thousandth"),
        pytest.param(10_000, 0.00025, 0.35, id="a two-hundredth of 0.05"),
    ],
)
def test_smallest_gain_of_ten_thousand_images(images, level, gain_pp):
    found = power.findable(images, 0, 0.05, fixed_level=level)
    assert found is not None
    assert 100 * found[0] == pytest.approx(gain_pp, abs=0.011)


def test_a_budget_weighted_by_validation_finds_smaller_gains_than_equal_shares():
    weighted = power.findable(10_000, 6_000, 0.05)
    equal = power.findable(10_000, 6_000, 0.05, fixed_level=0.05 / 200)
    assert 100 * weighted[0] == pytest.approx(0.26, abs=0.01)
    assert weighted[0] < 0.8 * equal[0]


@pytest.mark.parametrize(
    ("images", "errors"),
    [(359, 12), (359, 13), (359, 30), (1600, 28), (10_000, 12), (10_000, 80)],
)
def test_no_findable_gain_is_larger_than_the_champions_errors_leave_room_for(images, errors):
    for made in (0, 2, 30):
        gain = power.findable_gain(images, errors, made, 0.00025)
        assert 0 < gain <= errors / images
    assert power.findable_gain(images, 11, 0, 0.00025) is None


def test_the_findable_gain_is_found_four_times_in_five():
    images, errors, level = 1600, 40, 0.001
    gain = power.findable_gain(images, errors, 8.0, level)
    rng = np.random.default_rng(0)
    made_mean = min(8.0, errors - gain * images)
    fixed = rng.binomial(errors, (gain * images + made_mean) / errors, 40_000)
    made = rng.poisson(made_mean, 40_000)
    assert float((paired.p_better(fixed, made) <= level).mean()) == pytest.approx(0.8, abs=0.02)


def test_exact_power_agrees_with_simulation():
    fixed_rate, made_rate = power.usual_rates(0.004)
    drawn = np.random.default_rng(0).multinomial(10_000, [fixed_rate, made_rate, 1 - fixed_rate - made_rate], 20_000)
    simulated = (paired.p_better(drawn[:, 0], drawn[:, 1]) <= 0.00025).mean()
    assert power.exact_power(10_000, 0.004, fixed_rate + made_rate, 0.00025) == pytest.approx(simulated, abs=0.006)


@pytest.mark.parametrize(("gain", "disagreement"), [(0.001, 0.0075), (0.004, 0.0063), (0.01, 0.0105), (0.05, 0.05)])
def test_planned_images_find_the_gain_and_a_tenth_fewer_do_not(gain, disagreement):
    images = power.images_needed(gain, disagreement, 0.00025)
    assert images is not None
    assert power.exact_power(images, gain, disagreement, 0.00025) >= 0.8
    assert power.exact_power(int(0.9 * images), gain, disagreement, 0.00025) < 0.8


@pytest.mark.parametrize(
    ("gain", "disagreement"),
    [
        pytest.param(0.0, 0.01, id="no gain"),
        pytest.param(-0.01, 0.01, id="a loss"),
        pytest.param(0.02, 0.01, id="more gain than disagreement"),
        pytest.param(1e-9, 0.01, id="beyond any benchmark"),
    ],
)
def test_what_no_number_of_images_can_show(gain, disagreement):
    assert power.images_needed(gain, disagreement, 0.00025) is None


def test_too_few_images_for_any_gain():
    assert power.findable(11, 0, 0.05, fixed_level=0.00025) is None
    assert power.fewest_fixes(0.00025) == 12
    assert power.findable(359, 143, 0.0) is None


def test_plans_are_rounded_up_to_two_digits():
    assert [power.rounded(images) for images in (7, 99, 101, 141_029)] == [7, 99, 110, 150_000]
