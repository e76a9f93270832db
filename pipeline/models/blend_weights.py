"""The weights of a blend: a mixture of models whose log loss is the lowest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities

STEPS = 2_000
ENOUGH = 1e-9
"""Improvement of the mean log likelihood at which the search ends."""
SMALLEST_PROBABILITY = 1e-7
SMALLEST_WEIGHT = 0.01
"""A member of less weight is left out: it costs as much to serve as any other."""
DIGITS = 4


def learned(answers: Sequence[Probabilities], labels: Labels) -> NDArray[np.float64]:
    """Return the weights ``[M]``, none negative and 1 in all, whose mean of the answers has the lowest log loss.

    The likelihood of a mixture is concave in its weights, and each step of expectation maximisation (Dempster, Laird
    and Rubin 1977) raises it.

    Args:
        answers: The probabilities ``[N, K]`` of each of ``M`` models, for images that none of them was fitted on.
        labels: The truth, ``[N]``.
    """
    of_truth = np.stack([one[np.arange(len(labels)), labels] for one in answers], axis=1).astype(np.float64)
    weights = _maximised(np.maximum(of_truth, SMALLEST_PROBABILITY))
    kept = weights >= SMALLEST_WEIGHT
    weights[~kept] = 0
    weights[kept] = _maximised(np.maximum(of_truth[:, kept], SMALLEST_PROBABILITY))
    rounded = np.round(weights, DIGITS)
    rounded[rounded.argmax()] += 1 - rounded.sum()
    return np.round(rounded, DIGITS)


def _maximised(of_truth: NDArray[np.float64]) -> NDArray[np.float64]:
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
