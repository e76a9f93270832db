"""The score a test set without labels will probably get, from confidence alone.

Average thresholded confidence (Garg and others, "Leveraging unlabeled data to predict out-of-distribution
performance", ICLR 2022, section 4): the threshold below which lie as many benchmark images as the model gets
wrong; the share of test images above it estimates the accuracy. ``docs/kaggle.md`` has how it compared with
calibrated average confidence on digits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities

DRAWS = 1000
COVERAGE = 0.95


@dataclass(frozen=True)
class ExpectedScore:
    """An estimated accuracy and its 95 % interval, as fractions."""

    score: float
    low: float
    high: float


def expected_score(
    benchmark: Probabilities,
    labels: Labels,
    test: Probabilities,
    *,
    scored_fraction: float = 1.0,
    seed: int = 0,
) -> ExpectedScore:
    """Estimate the accuracy on a test set drawn like the benchmark, or mildly unlike it.

    The interval is a bootstrap over benchmark images, and holds the luck of the draw of the scored
    test images too.

    Args:
        benchmark: Probabilities on the benchmark images, ``[M, K]``.
        labels: Their true labels, ``[M]``.
        test: Probabilities on the test images, ``[N, K]``.
        scored_fraction: Share of the test images that the score is taken on: a public leaderboard often
            uses a part, which widens the interval.
        seed: Of the bootstrap.

    Raises:
        ValueError: One of the sets is empty.
    """
    if len(benchmark) == 0 or len(test) == 0:
        raise ValueError("An expected score needs benchmark images and test images.")
    confidence = benchmark.max(axis=1)
    wrong = benchmark.argmax(axis=1) != labels
    above = np.sort(test.max(axis=1))
    scored = max(1, round(scored_fraction * len(test)))
    rng = np.random.default_rng(seed)
    draws = [_draw(confidence, wrong, above, scored, rng) for _ in range(DRAWS)]
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    score = _accuracy(confidence, float(wrong.sum()), above)
    return ExpectedScore(score, min(score, float(low)), max(score, float(high)))


def _draw(
    confidence: NDArray[np.floating],
    wrong: NDArray[np.bool_],
    test: NDArray[np.floating],
    scored: int,
    rng: np.random.Generator,
) -> float:
    rows = rng.integers(len(confidence), size=len(confidence))
    # Half an error more on average (Jeffreys' prior), or a benchmark without errors would promise certainty.
    errors = wrong[rows].sum() + rng.gamma(0.5)
    return float(rng.binomial(scored, _accuracy(confidence[rows], errors, test)) / scored)


def _accuracy(confidence: NDArray[np.floating], errors: float, test: NDArray[np.floating]) -> float:
    """Accuracy on the benchmark, plus the difference of both sets' shares above the threshold.

    Without ties at the threshold this is the share of test images above it, as in the paper.
    """
    rank = min(int(errors), len(confidence) - 1)
    threshold = np.partition(confidence, rank)[rank]
    test_share = 1 - np.searchsorted(test, threshold) / len(test)
    benchmark_share = np.mean(confidence >= threshold)
    return float(np.clip(1 - errors / len(confidence) + test_share - benchmark_share, 0, 1))
