"""Conformal test martingales: fair bets, uniform ranks, few false alarms, and alarms where images change."""

import numpy as np
import pytest

from pipeline.monitoring.martingales import (
    BETS,
    FIRST_EPOCH,
    RISING,
    Martingale,
    bets,
    limits,
    placed,
    restart_weight,
)

BINS = 100


def test_every_bet_is_fair() -> None:
    ranks = (np.arange(1_000_000) + 0.5) / 1_000_000
    means = bets(ranks[:, None], np.array([0.1])).mean(axis=0)
    assert means.shape == (1, BETS)
    assert means == pytest.approx(1, abs=0.01)
    assert bets(ranks[::10, None], np.array([0.5])).mean(axis=0)[0, -1] == pytest.approx(1, abs=0.01)


def test_the_stakes_of_a_score_sum_to_one() -> None:
    shares = placed(np.array([0.0, 0.1, 0.5]))
    assert shares.sum(axis=-1) == pytest.approx(1)
    assert shares[0, -1] == 0  # a score that is no indicator has no class to vanish


def test_the_error_probability_is_shared_among_the_scores() -> None:
    assert (1 / limits(0.01, (0.5, 0.25, 0.25), 10)).sum() == pytest.approx(0.01)
    assert len(limits(0.01, (0.5, 0.25, 0.25), 3)) == 6


def test_the_restarts_sum_to_one_in_a_life_without_end() -> None:
    weights = [restart_weight(step) for step in range(1, 3 * FIRST_EPOCH + 1)]
    assert sum(weights) == pytest.approx(1 / 2 + 1 / 6)
    masses = [restart_weight(FIRST_EPOCH * (2**j - 1) + 1) * FIRST_EPOCH * 2**j for j in range(30)]
    assert sum(masses) == pytest.approx(30 / 31)


def alarms(reference: np.ndarray, streams: np.ndarray, alpha: float, seed: int, vanishing: float = 0.0) -> np.ndarray:
    """The image of each stream of bins, ``[S, N]``, at which the alarm is raised, counted from 1; 0 where none is."""
    generator = np.random.default_rng(seed)
    counts = np.stack([np.bincount(own, minlength=BINS) for own in reference])[:, None]
    monitor = Martingale(counts, np.full((len(streams), 1), vanishing))
    found = np.zeros(len(streams), int)
    for step, bins in enumerate(streams.T, 1):
        evidence = monitor.update(bins[:, None], 1 - generator.random((len(streams), 1)))
        found[(evidence[:, 0] >= 1 / alpha) & (found == 0)] = step
    return found


@pytest.mark.parametrize("reference", [500, 30])
def test_streams_like_the_reference_rarely_raise_an_alarm(reference: int) -> None:
    """Ranks against a small fixed reference would drift from uniform; ranks against all images so far do not."""
    generator = np.random.default_rng(reference)
    drawn = generator.integers(0, BINS, (200, reference)), generator.integers(0, BINS, (200, 1500))
    assert (alarms(*drawn, 0.05, 0) > 0).sum() <= 17  # 10 expected at most; more than 17 has probability 0.01


def test_a_shift_of_the_scores_is_found_soon_after_it_happens() -> None:
    generator = np.random.default_rng(0)
    clean, shifted = generator.integers(0, BINS, (20, 300)), generator.integers(BINS // 2, BINS, (20, 200))
    found = alarms(generator.integers(0, BINS, (20, 2000)), np.concatenate([clean, shifted], axis=1), 0.002, 0)
    assert ((found > 300) & (found < 500)).all()
    assert np.median(found) < 420


def test_a_few_extreme_images_are_found() -> None:
    generator = np.random.default_rng(1)
    streams = generator.integers(0, BINS - 1, (20, 1000))
    streams[generator.random(streams.shape) < 0.1] = BINS - 1
    found = alarms(generator.integers(0, BINS - 1, (20, 2000)), streams, 0.002, 1)
    assert ((found > 0) & (found < 300)).all()
    assert np.median(found) < 100


def test_a_class_that_vanishes_is_found() -> None:
    generator = np.random.default_rng(2)
    reference, clean = ((generator.random((20, n)) < 0.1).astype(int) for n in (5000, 300))
    streams = np.concatenate([clean, np.zeros((20, 500), int)], axis=1)
    found = alarms(reference, streams, 0.002, 2, vanishing=0.1)
    assert ((found > 300) & (found < 700)).all()


@pytest.mark.parametrize(("low", "high", "rises"), [(BINS // 2, BINS, True), (0, BINS // 2, False)])
def test_the_onset_and_the_side_of_a_change_are_known(low: int, high: int, rises: bool) -> None:
    generator = np.random.default_rng(3)
    monitor = Martingale(np.full((1, BINS), 20), np.zeros(1))
    for bin_ in np.concatenate([generator.integers(0, BINS, 300), generator.integers(low, high, 60)]):
        monitor.update([bin_], 1 - generator.random(1))
    assert abs(monitor.onset(0) - 300) <= 20
    assert monitor.is_rise(0) == rises
    assert len(RISING) == 6
