"""Monitors over the life of a dataset: one probability for all of them, and the same result however images arrive."""

import numpy as np
import pytest

from pipeline.monitoring.image_scores import BINS, GENERAL
from pipeline.monitoring.martingales import Martingale
from pipeline.monitoring.monitor import ALPHA, Raised, follow, level

SCORES = len(GENERAL) + 2


def fresh() -> Martingale:
    counts = np.zeros((SCORES, BINS), np.int64)
    counts[: len(GENERAL)] = 10
    counts[len(GENERAL) :, :2] = 500
    return Martingale(counts, np.array([0.0] * len(GENERAL) + [0.5, 0.5]))


def served(count: int, low: int, seed: int) -> np.ndarray:
    """Bins of images whose general scores are at least ``low``."""
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 2, (count, 1))
    return np.concatenate([generator.integers(low, BINS, (count, len(GENERAL))), first, 1 - first], axis=1)


def test_the_levels_of_all_monitors_sum_to_the_promise() -> None:
    levels = [level(number) for number in range(1, 2001)]
    assert sum(levels) < ALPHA
    assert sum(levels) == pytest.approx(ALPHA, rel=1e-3)
    assert levels == sorted(levels, reverse=True)


def test_images_that_come_in_parts_give_the_same_alarm_as_all_at_once() -> None:
    stream = np.concatenate([served(200, 0, 1), served(200, 3 * BINS // 4, 2)])
    whole, parts = fresh(), fresh()
    at_once = follow(whole, stream, level=0.001, seed=(7, 1))
    piecewise = [follow(parts, part, level=0.001, seed=(7, 1)) for part in np.split(stream, [1, 40, 199, 250])]
    assert isinstance(at_once, Raised)
    assert at_once.rise
    assert 200 < at_once.image < 240
    assert abs(at_once.since - 200) < 15
    assert next(found for found in piecewise if found) == at_once


def test_a_stream_without_a_change_raises_no_alarm_and_is_counted() -> None:
    monitor = fresh()
    assert follow(monitor, served(300, 0, 3), level=0.001, seed=(7, 1)) is None
    assert monitor.steps == 300
    assert (monitor.counts - fresh().counts).sum(axis=1).tolist() == [300] * SCORES
