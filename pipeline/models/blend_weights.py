"""The weights of a blend: the mixture of models that is best by a metric."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.judging.competition_metrics import METRICS, CompetitionMetric

Weights = NDArray[np.float64]
LOG_LOSS = METRICS["log-loss"]
STEPS = 2_000
ENOUGH = 1e-9
"""Improvement of the mean log likelihood at which the search ends."""
SMALLEST_PROBABILITY = 1e-7
SMALLEST_WEIGHT = 0.01
"""A member of less weight is left out: it costs as much to serve as any other."""
DIGITS = 4
SELECTIONS = 50
"""Members that are selected one by one, so that weights are multiples of 0.02 at the end."""


def learned(answers: Sequence[Probabilities], labels: Labels, metric: CompetitionMetric = LOG_LOSS) -> Weights:
    """Return the weights ``[M]``, none negative and 1 in all, whose mean of the answers is best by a metric.

    For log loss they are the best there are. Every other metric is a step function of the weights, so there those for
    log loss are compared with those of ensemble selection (Caruana and others 2004, 'Ensemble selection from libraries
    of models'), and of equals the lower log loss wins.

    Args:
        answers: The probabilities ``[N, K]`` of each of ``M`` models, for images that none of them was fitted on.
        labels: The truth, ``[N]``.
        metric: What to be best at.
    """
    likeliest = _likeliest(answers, labels)
    if metric.name == LOG_LOSS.name:
        return likeliest
    stacked = np.stack(answers).astype(np.float64)

    def losses(weights: Weights) -> tuple[float, float]:
        mixed = np.tensordot(weights, stacked, axes=1).astype(np.float32)
        return metric.loss(mixed, labels), LOG_LOSS.loss(mixed, labels)

    return min([likeliest, *_selected(stacked, labels, metric)], key=losses)


def _likeliest(answers: Sequence[Probabilities], labels: Labels) -> Weights:
    """The likelihood of a mixture is concave in its weights.

    Each step of expectation maximisation (Dempster, Laird and Rubin 1977) raises it.
    """
    of_truth = np.stack([one[np.arange(len(labels)), labels] for one in answers], axis=1).astype(np.float64)
    weights = _maximised(np.maximum(of_truth, SMALLEST_PROBABILITY))
    kept = weights >= SMALLEST_WEIGHT
    weights[~kept] = 0
    weights[kept] = _maximised(np.maximum(of_truth[:, kept], SMALLEST_PROBABILITY))
    return _rounded(weights)


def _maximised(of_truth: NDArray[np.float64]) -> Weights:
    weights = np.full(of_truth.shape[1], 1 / of_truth.shape[1])
    before = -np.inf
    for _ in range(STEPS):
        parts = of_truth * weights
        mixed = parts.sum(axis=1)
        likelihood = float(np.log(mixed).mean())
        if likelihood - before < ENOUGH:
            break
        before = likelihood
        weights = (parts / mixed[:, None]).mean(axis=0)
    return weights


def _selected(answers: NDArray[np.float64], labels: Labels, metric: CompetitionMetric) -> list[Weights]:
    """The weights after each selection: the member joins with which the mean so far is best; any may join again."""
    counts = np.zeros(len(answers))
    total = np.zeros_like(answers[0])
    found = []
    for size in range(1, SELECTIONS + 1):
        means = [((total + one) / size).astype(np.float32) for one in answers]
        best = min(
            range(len(answers)),
            key=lambda member: (metric.loss(means[member], labels), LOG_LOSS.loss(means[member], labels)),
        )
        counts[best] += 1
        total += answers[best]
        found.append(_rounded(counts / size))
    return found


def _rounded(weights: Weights) -> Weights:
    rounded = np.round(weights, DIGITS)
    rounded[rounded.argmax()] += 1 - rounded.sum()
    return np.round(rounded, DIGITS)
