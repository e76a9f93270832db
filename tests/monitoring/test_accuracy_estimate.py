"""Accuracy in production: exact at its edges, and covered at every reading."""

import numpy as np
import pytest

from pipeline.monitoring.accuracy import accuracy_estimate


def test_without_audits_nothing_is_claimed() -> None:
    estimate = accuracy_estimate(0, 0)
    assert (estimate.accuracy, estimate.low, estimate.high) == (None, 0.0, 1.0)


@pytest.mark.parametrize(("right", "labels"), [(0, 10), (10, 10), (297, 300), (150, 300)])
def test_the_interval_holds_the_estimate_and_narrows(right: int, labels: int) -> None:
    one, ten = accuracy_estimate(right, labels), accuracy_estimate(10 * right, 10 * labels)
    assert one.low <= right / labels <= one.high
    assert ten.high - ten.low < one.high - one.low


@pytest.mark.parametrize(("labels", "width"), [(100, 0.064), (300, 0.036), (1000, 0.021)])
def test_its_width_at_99_percent_is_the_published_one(labels: int, width: float) -> None:
    estimate = accuracy_estimate(round(0.99 * labels), labels)
    assert estimate.high - estimate.low == pytest.approx(width, abs=0.006)


@pytest.mark.parametrize("truth", [0.9, 0.99])
def test_reading_after_every_label_misses_the_truth_in_at_most_5_percent_of_streams(truth: float) -> None:
    generator = np.random.default_rng(0)
    bounds: dict[tuple[int, int], tuple[float, float]] = {}

    def covered() -> bool:
        right = 0
        for labels, hit in enumerate(generator.random(300) < truth, 1):
            right += int(hit)
            if (right, labels) not in bounds:
                estimate = accuracy_estimate(right, labels)
                bounds[right, labels] = estimate.low, estimate.high
            low, high = bounds[right, labels]
            if not low <= truth <= high:
                return False
        return True

    assert sum(covered() for _ in range(200)) >= 186  # 190 expected at least; less than 186 has probability 0.03


@pytest.mark.parametrize(("right", "labels", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (1, 1, 1.0)])
def test_impossible_counts_are_refused(right: int, labels: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="impossible"):
        accuracy_estimate(right, labels, confidence=confidence)
