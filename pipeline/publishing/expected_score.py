"""The score a test set without labels will probably get.

Accuracy, from confidence alone: average thresholded confidence (Garg and others, "Leveraging unlabeled data to predict
out-of-distribution performance", ICLR 2022, section 4): the threshold below which lie as many benchmark images as the
model gets wrong; the share of test images above it estimates the accuracy. ``docs/kaggle.md`` has how it compared with
calibrated average confidence on digits.

Every other metric is that of the benchmark, and assumes test images that are drawn like it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.judging.competition_metrics import METRICS, CompetitionMetric

DRAWS = 1000
METRIC_DRAWS = 300
"""For metrics that take milliseconds each."""
ACCURACY = METRICS["accuracy"]
COVERAGE = 0.95


@dataclass(frozen=True)
class ExpectedScore:
    """An estimated score and its 95 % interval; accuracies are fractions."""

    score: float
    low: float
    high: float


def expected_score(
    benchmark: Probabilities,
    labels: Labels,
    test: Probabilities,
    *,
    metric: CompetitionMetric = ACCURACY,
    scored_fraction: float = 1.0,
    seed: int = 0,
) -> ExpectedScore:
    """Estimate the score on a test set drawn like the benchmark, for accuracy also on one mildly unlike it.

    The interval is a bootstrap over benchmark images, and holds the luck of the draw of the scored
    test images too.

    Args:
        benchmark: Probabilities on the benchmark images, ``[M, K]``.
        labels: Their true labels, ``[M]``.
        test: Probabilities on the test images, ``[N, K]``.
        metric: What the competition scores by.
        scored_fraction: Share of the test images that the score is taken on: a public leaderboard often
            uses a part, which widens the interval.
        seed: Of the bootstrap.

    Raises:
        ValueError: One of the sets is empty.
    """
    if len(benchmark) == 0 or len(test) == 0:
        raise ValueError("An expected score needs benchmark images and test images.")
    scored = max(1, round(scored_fraction * len(test)))
    rng = np.random.default_rng(seed)
    if metric is ACCURACY:
        score, draws = _from_confidence(benchmark, labels, test, scored, rng)
    elif metric.of_probabilities:
        score, draws = _of_rows(metric, benchmark, labels, scored, rng)
    else:
        score, draws = _of_counts(metric, benchmark, labels, scored, rng)
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return ExpectedScore(score, min(score, float(low)), max(score, float(high)))


def _from_confidence(
    benchmark: Probabilities, labels: Labels, test: Probabilities, scored: int, rng: np.random.Generator
) -> tuple[float, list[float]]:
    confidence = benchmark.max(axis=1)
    wrong = benchmark.argmax(axis=1) != labels
    above = np.sort(test.max(axis=1))
    draws = [_draw(confidence, wrong, above, scored, rng) for _ in range(DRAWS)]
    return _accuracy(confidence, float(wrong.sum()), above), draws


def _of_rows(
    metric: CompetitionMetric, benchmark: Probabilities, labels: Labels, scored: int, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """The metric on the benchmark, and on scored sets drawn from it, it itself being a draw (Rubin 1981).

    Half an error more (Jeffreys' prior), on any image, taken for its second most probable class: what a small
    benchmark holds no example of may still be in the test set, and a single sure error is most of a log loss.
    """
    images = len(labels)
    answers = np.concatenate([benchmark, benchmark])
    truth = np.concatenate([labels, np.argsort(benchmark, axis=1)[:, -2]])

    def draw() -> float:
        mass = np.concatenate([rng.gamma(1.0, size=images), np.full(images, rng.gamma(0.5) / images)])
        counts = rng.multinomial(scored, mass / mass.sum())
        rows = np.flatnonzero(counts)
        return metric.measure(answers[rows], truth[rows], counts[rows].astype(float))

    return metric.measure(benchmark, labels, None), [draw() for _ in range(METRIC_DRAWS)]


def _of_counts(
    metric: CompetitionMetric, benchmark: Probabilities, labels: Labels, scored: int, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """As ``_of_rows``, for a metric that follows from how often each class was taken for each."""
    classes = benchmark.shape[1]
    truth, predicted = (part.ravel() for part in np.indices((classes, classes)))
    answers = np.eye(classes, dtype=np.float32)[predicted]
    found = np.bincount(labels * classes + benchmark.argmax(axis=1), minlength=classes * classes).astype(float)
    # Half an error more (Jeffreys' prior), shared by all confusions: a benchmark without any promises no certainty.
    wrong = truth != predicted
    found[wrong] += 0.5 / wrong.sum()

    def draw() -> float:
        shares = rng.gamma(found)
        counts = rng.multinomial(scored, shares / shares.sum())
        cells = np.flatnonzero(counts)
        return metric.measure(answers[cells], truth[cells], counts[cells].astype(float))

    return metric.measure(benchmark, labels, None), [draw() for _ in range(METRIC_DRAWS)]


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
