"""Conformal test martingales: fair bets, uniform ranks, few false alarms, and alarms where images change."""

import numpy as np
import pytest

from pipeline.monitoring.martingales import BETS, FIRST_EPOCH, Martingale, bets, restart_weight, threshold

BINS = 100


def test_every_bet_is_fair() -> None:
    ranks = (np.arange(2_000_000) + 0.5) / 2_000_000
    for share in (0.0, 0.1, 0.5):
        means = bets(ranks[:, None], np.array([share])).mean(axis=0)
        assert means.shape == (1, BETS)
        assert means == pytest.approx(1, abs=0.01)


def test_the_restarts_sum_to_one_in_a_life_without_end() -> None:
    weights = [restart_weight(step) for step in range(1, 3 * FIRST_EPOCH + 1)]
    assert sum(weights) == pytest.approx(1 / 2 + 1 / 6)
    masses = [restart_weight(FIRST_EPOCH * (2**j - 1) + 1) * FIRST_EPOCH * 2**j for j in range(30)]
    assert sum(masses) == pytest.approx(30 / 31)


def alarm(reference: np.ndarray, stream: np.ndarray, alpha: float, seed: int, vanishing: float = 0.0) -> int | None:
    """The image of a stream of bins at which the alarm is raised, counted from 1."""
    generator = np.random.default_rng(seed)
    monitor = Martingale(np.bincount(reference, minlength=BINS)[None], np.array([vanishing]))
    for step, bin_ in enumerate(stream, 1):
        if monitor.update([bin_], 1 - generator.random(1)).max() >= threshold(alpha, 1):
            return step
    return None


def test_a_stream_like_the_reference_rarely_raises_an_alarm() -> None:
    generator = np.random.default_rng(0)
    alarms = [
        alarm(generator.integers(0, BINS, 500), generator.integers(0, BINS, 1500), 0.05, seed) for seed in range(60)
    ]
    assert sum(step is not None for step in alarms) <= 7  # 3 expected at most; more than 7 has probability 0.01


def test_a_reference_that_is_off_by_chance_alone_raises_no_alarm() -> None:
    """Ranks against a small fixed reference would drift from uniform; ranks against all images so far do not."""
    generator = np.random.default_rng(1)
    alarms = [
        alarm(generator.integers(0, BINS, 30), generator.integers(0, BINS, 1500), 0.05, seed) for seed in range(60)
    ]
    assert sum(step is not None for step in alarms) <= 7


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_of_the_scores_is_found_soon_after_it_happens(seed: int) -> None:
    generator = np.random.default_rng(seed)
    clean, shifted = generator.integers(0, BINS, 300), generator.integers(BINS // 2, BINS, 200)
    found = alarm(generator.integers(0, BINS, 2000), np.concatenate([clean, shifted]), 0.002, seed)
    assert found is not None
    assert 300 < found < 450


@pytest.mark.parametrize("seed", range(3))
def test_a_class_that_vanishes_is_found(seed: int) -> None:
    generator = np.random.default_rng(seed)
    reference, clean = ((generator.random(n) < 0.1).astype(int) for n in (5000, 300))
    found = alarm(reference, np.concatenate([clean, np.zeros(500, int)]), 0.002, seed, vanishing=0.1)
    assert found is not None
    assert 300 < found < 700
