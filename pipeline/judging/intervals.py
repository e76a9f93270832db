"""Intervals for counts, from the special functions themselves: ``scipy.stats`` takes a second to import."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

HALVINGS = 60
"""Of an interval of length two: below the resolution of a double."""
FEW, OFFSET = 0.1, 2.0
"""By how much the interval of a gain is wider than Tango's where the models disagree on few images."""


class Interval(NamedTuple):
    """Lower and upper bound, arrays of one shape."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the two-sided exact interval of a proportion, elementwise; 0 to 1 where there was no trial.

    Clopper and Pearson 1934.
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return Interval(low, high)


def tango(fixed: ArrayLike, made: ArrayLike, images: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the score interval of the difference of two paired proportions, elementwise, as fractions.

    It holds the gains that the score test does not reject. Unlike intervals that condition on the number of
    disagreements, it covers as it should where one model clearly wins, and has a length where the two never differ.

    Args:
        fixed: Images that only the first model gets right.
        made: Images that only the second model gets right.
        images: All images.
        confidence: Of both sides together.

    Source:
        Tango 1998, Statistics in Medicine 17:891, equations 23 to 26.
    """
    from scipy.special import ndtri

    return _not_rejected(fixed, made, images, ndtri(0.5 + confidence / 2))


def gain_interval(fixed: ArrayLike, made: ArrayLike, images: ArrayLike) -> Interval:
    """Return the 95 % interval of a gain, elementwise, as fractions: Tango's, a little wider where counts are small.

    The score statistic is discrete and skewed there: where about five disagreements are expected, nearly all on one
    side, Tango's interval covers 0.927. With its half-width in standard errors times 1 + 0.1 / (disagreements + 2), the
    exact coverage is at least 0.93 at all rates, and at most 0.975 where at least five disagreements are expected
    (``benchmarks/gain_interval.py``). With 200 disagreements it is wider by one part in two thousand.

    Args:
        fixed, made, images: As for ``tango``.
    """
    from scipy.special import ndtri

    disagreements = np.asarray(fixed, float) + np.asarray(made, float)
    return _not_rejected(fixed, made, images, ndtri(0.975) * (1 + FEW / (disagreements + OFFSET)))


def _not_rejected(fixed: ArrayLike, made: ArrayLike, images: ArrayLike, largest: ArrayLike) -> Interval:
    """The gains whose score statistic is at most ``largest`` in size."""
    b, c, n, width = np.broadcast_arrays(*(np.asarray(value, float) for value in (fixed, made, images, largest)))
    estimate = (b - c) / n
    low, high = np.full_like(estimate, -1.0), np.full_like(estimate, 1.0)
    below, above = estimate.copy(), estimate.copy()
    for _ in range(HALVINGS):
        middle = (low + below) / 2
        rejected = tango_statistic(b, c, n, middle) > width
        low, below = np.where(rejected, middle, low), np.where(rejected, below, middle)
        middle = (above + high) / 2
        rejected = tango_statistic(b, c, n, middle) < -width
        above, high = np.where(rejected, above, middle), np.where(rejected, middle, high)
    return Interval(low, high)


def tango_statistic(fixed: ArrayLike, made: ArrayLike, images: ArrayLike, gain: ArrayLike) -> NDArray[np.float64]:
    """Return the score statistic of a hypothetical gain, elementwise: large where the true gain is larger.

    The rate of disagreement is at its maximum-likelihood estimate under that gain (Tango 1998, equation 20).
    """
    b, c, n, d = (np.asarray(value, float) for value in (fixed, made, images, gain))
    linear = (2 * n - b + c) * d - b - c
    rate = (np.sqrt(np.maximum(linear**2 + 8 * n * c * d * (1 - d), 0)) - linear) / (4 * n)
    variance = np.maximum(n * (2 * rate + d * (1 - d)), 0)
    distance = b - c - n * d
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0, 0.0, distance / np.sqrt(variance))


def upper_bound(successes: ArrayLike, trials: ArrayLike, level: ArrayLike) -> NDArray[np.float64]:
    """Return the one-sided exact upper bound of a proportion, wrong with probability at most ``level``."""
    from scipy.special import betaincinv

    k, n = np.asarray(successes, float), np.asarray(trials, float)
    return np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - np.asarray(level)), 1.0)
