"""Exact intervals for counts, by the beta function itself: ``scipy.stats`` takes a second to import."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Interval(NamedTuple):
    """Lower and upper bound, arrays of one shape."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Interval:
    """Two-sided exact interval of a proportion, elementwise; 0 to 1 where there was no trial.

    Clopper and Pearson 1934.
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return Interval(low, high)


def upper_bound(successes: ArrayLike, trials: ArrayLike, level: ArrayLike) -> NDArray[np.float64]:
    """One-sided exact upper bound of a proportion, wrong with probability at most ``level``."""
    from scipy.special import betaincinv

    k, n = np.asarray(successes, float), np.asarray(trials, float)
    return np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - np.asarray(level)), 1.0)
