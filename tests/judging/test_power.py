"""Plans: the normal approximation is checked against exact enumeration, and against simulation."""

import numpy as np
import pytest

from pipeline.judging import paired, power


@pytest.mark.parametrize(
    ("images", "level", "gain_pp"),
    [
        pytest.param(10_000, 0.05, 0.21, id="one test"),
        pytest.param(10_000, 0.001, 0.32, id="a thousandth"),
        pytest.param(10_000, 0.00025, 0.35, id="the default policy"),
    ],
)
def test_smallest_gain_of_ten_thousand_images(images, level, gain_pp):
    found = power.usual_smallest_gain(images, level)
    assert found is not None
    assert 100 * found[0] == pytest.approx(gain_pp, abs=0.011)


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
    assert power.smallest_gain(11, 0.5, 0.00025) is None
    assert power.fewest_fixes(0.00025) == 12
    assert power.smallest_gain(12, 0.5, 0.00025) == pytest.approx(1.0, abs=0.05)


def test_plans_are_rounded_up_to_two_digits():
    assert [power.rounded(images) for images in (7, 99, 101, 141_029)] == [7, 99, 110, 150_000]
