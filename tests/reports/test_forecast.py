"""Power laws and what they promise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SettingsError, StoreError
from pipeline.reports import tables
from pipeline.reports.forecast import CAVEAT, fit_power_law, forecast

SIZES = np.array([42, 126, 210, 462, 840, 4_200, 8_400, 16_800, 25_200, 33_600])


def curve(errors, sizes=SIZES, images=10_000, recipe="cnn", dataset="mnist", benchmark="b", settings=""):
    return pd.DataFrame(
        {
            "dataset": dataset,
            "benchmark_sha256": benchmark,
            "benchmark_images": images,
            "recipe": recipe,
            "settings": settings,
            "train_size": sizes,
            "accuracy": 1 - np.asarray(errors),
            "error": errors,
        }
    )


@settings(max_examples=40, deadline=None)
@given(st.floats(0.5, 4), st.floats(0.25, 0.9), st.sampled_from([0.0, 0.002, 0.01, 0.05]))
def test_a_law_without_noise_is_found_again(scale, exponent, floor):
    sizes = np.array([500, 1_000, 4_000, 16_000, 64_000, 256_000])
    errors = scale * sizes**-exponent + floor
    law = fit_power_law(sizes, errors, 10**9)
    assert law.error(sizes) == pytest.approx(errors, rel=0.01)
    assert law.floor == pytest.approx(floor, abs=0.1 * errors.min())


def test_an_error_that_halves_with_each_fourfold_size_is_carried_on():
    (found,) = forecast(curve(2 * SIZES**-0.5), accuracy=0.995)
    assert found.size == pytest.approx((2 / 0.005) ** 2, rel=0.02)
    assert found.low < found.size < (found.high or np.inf)
    assert found.sentence.startswith("cnn would reach 99.5 % at about 160,000 training images (95 % interval: ")
    assert "4.8 times the largest measured" in found.sentence
    (far,) = forecast(curve(2 * SIZES**-0.5), accuracy=0.9995)
    assert "480 times the largest measured" in far.sentence


def test_a_floor_above_the_goal_means_never():
    (found,) = forecast(curve(2 * SIZES**-0.6 + 0.05, images=10**6), accuracy=0.96)
    assert (found.size, found.high) == (None, None)
    assert "never reaches 96 % at the rate seen between 42 and 33,600 images" in found.sentence
    assert "level off near 5 %" in found.sentence


def test_errors_that_do_not_fall_mean_never():
    (found,) = forecast(curve(np.full(len(SIZES), 0.9)), accuracy=0.99)
    assert found.size is None and "hardly fall" in found.sentence


def test_what_is_already_reached_is_said_so():
    (found,) = forecast(curve(2 * SIZES**-0.5), accuracy=0.95)
    assert found.reached_at == 4_200
    assert found.sentence == "cnn already reached 95 % with 4,200 training images, averaged over its runs."
    (few,) = forecast(curve([0.3, 0.2, 0.0], SIZES[:3], images=359), accuracy=0.998)
    assert few.sentence.endswith("; on 359 benchmark images, the 95 % interval of its accuracy starts at 98.98 %.")


def test_too_few_sizes_give_a_sentence_and_no_number():
    (found,) = forecast(curve([0.3, 0.2], SIZES[:2]), accuracy=0.99)
    assert (found.law, found.size) == (None, None)
    assert "2 of the at least 3 training sizes" in found.sentence
    with pytest.raises(SettingsError, match="at least 3 training sizes; there are 2"):
        fit_power_law([42, 42, 126], [0.4, 0.5, 0.3], 1_000)


def test_from_three_sizes_a_law_without_a_floor_is_carried_on_and_the_interval_allows_for_one():
    sizes = np.array([1_200, 12_000, 60_000])
    (found,) = forecast(curve(2 * sizes**-0.5, sizes), accuracy=0.995)
    assert found.law is not None and found.law.floor == 0
    assert found.size == pytest.approx((2 / 0.005) ** 2, rel=0.1)
    assert found.low < 0.7 * found.size and found.high is None
    assert "three sizes do not show where they level off, which the interval allows for" in found.sentence
    (more,) = forecast(curve(2 * SIZES**-0.5), accuracy=0.995)
    assert more.high is not None and "three sizes" not in more.sentence


def test_the_interval_of_three_sizes_covers_laws_with_a_floor():
    rng = np.random.default_rng(0)
    sizes, inside = np.array([1_200, 12_000, 60_000]), []
    for floor in np.resize([0.0, 0.002, 0.01], 15):
        expected = 0.01 * (sizes / sizes[-1]) ** -0.5 + floor
        drawn = rng.binomial(10_000, expected * np.exp(rng.normal(0, 0.05, 3))) / 10_000
        (found,) = forecast(curve(drawn, sizes), accuracy=1 - floor - 0.005)
        truth = 4 * sizes[-1]
        inside.append(found.reached_at is None and (found.low or np.inf) <= truth <= (found.high or np.inf))
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize("accuracy", [0.0, 1.0, 99.8, float("nan")])
def test_an_impossible_accuracy_is_refused(accuracy):
    with pytest.raises(SettingsError, match=r"between 0 and 1, such as 0\.998"):
        forecast(curve(2 * SIZES**-0.5), accuracy)


def test_other_settings_of_a_recipe_have_their_own_forecast_and_name_it():
    both = pd.concat([curve(2 * SIZES**-0.5, settings=f"effort={effort}") for effort in ("max", "quick")])
    sentences = [found.sentence for found in forecast(both, 0.995)]
    assert [sentence.split(" would")[0] for sentence in sentences] == ["cnn effort=max", "cnn effort=quick"]


def test_each_recipe_has_its_own_forecast_and_the_same_seed_the_same_interval():
    both = pd.concat([curve(2 * SIZES**-0.5), curve(3 * SIZES**-0.5, recipe="mlp")], ignore_index=True)
    first, again, other = forecast(both, 0.995), forecast(both, 0.995), forecast(both, 0.995, seed=1)
    assert [found.recipe for found in first] == ["cnn", "mlp"]
    assert first == again
    assert first[0].low != other[0].low


def test_the_dataset_and_the_benchmark_are_named_where_there_are_several():
    parts = [curve(2 * SIZES**-0.5, dataset=dataset, benchmark=name) for dataset, name in ("am", "bn", "bo")]
    found = forecast(pd.concat(parts, ignore_index=True), 0.95)
    subjects = [one.sentence.split(" already")[0] for one in found]
    assert subjects == ["cnn on a", "cnn on b (benchmark n)", "cnn on b (benchmark o)"]
    assert [one.benchmark_sha256 for one in found] == ["m", "n", "o"]


def test_without_any_measurement_it_is_said_what_to_run():
    with pytest.raises(StoreError, match=r"nothing to forecast from yet: train at least 3 sizes.*--train-sizes"):
        forecast(curve([], sizes=[]), 0.95)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = (2 / 0.005) ** (1 / 0.5)
    covered = 0
    for _ in range(40):
        errors = rng.binomial(10_000, np.minimum(2 * SIZES**-0.5, 0.9)) / 10_000
        (found,) = forecast(curve(errors), 0.995)
        covered += (found.low or np.inf) <= truth <= (found.high or np.inf)
    assert covered >= 33


def test_a_perfect_benchmark_counts_as_half_an_error():
    (found,) = forecast(curve([0.1, 0.05, 0.02, 0.0], SIZES[:4], images=100), accuracy=0.9999)
    assert found.reached_at == SIZES[3]
    assert np.isfinite(found.law.error(1_000))


def test_the_law_follows_the_curve_of_2018():
    for _, rows in tables.curve_2018().groupby("recipe"):
        errors = 1 - rows["accuracy"].to_numpy()
        law = fit_power_law(rows["train_images"], errors, rows["test_images"])
        assert law.error(rows["train_images"]) == pytest.approx(errors, rel=0.1)
        assert law.spread < 0.06


def test_the_caveat_says_that_it_is_a_guess():
    assert "guess" in CAVEAT and "only holds if" in CAVEAT
