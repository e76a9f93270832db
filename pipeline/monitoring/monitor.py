"""One monitor after another over the life of a dataset, with one probability that any of them is ever wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.monitoring.image_scores import GENERAL, WEIGHTS
from pipeline.monitoring.martingales import Martingale, limits

ALPHA = 0.002
"""Probability that a dataset ever has a false alarm, over all monitors of its life."""


@dataclass(frozen=True)
class Raised:
    """An alarm.

    Attributes:
        image: Which image raised it, counted from 1.
        since: After which image the change probably began; 0 if the images were different from the start.
        score: Which score gave it away.
        rise: Whether it did so by high values.
    """

    image: int
    since: int
    score: int
    rise: bool


def level(number: int, alpha: float = ALPHA) -> float:
    """Return the part of the error probability that a dataset's monitor of this number has, counted from 1.

    Each new monitor could be wrong once more; the parts, ``1 / (n (n + 1))``, sum to 1 over a life without end.
    """
    return alpha / (number * (number + 1))


def follow(martingale: Martingale, bins: NDArray[np.int64], *, level: float, seed: tuple[int, ...]) -> Raised | None:
    """Take in images in the order in which they were served, until the first alarm.

    Args:
        martingale: The state of the monitor, which is changed.
        bins: Their bins in each score, ``[N, K]``.
        level: Probability that this monitor is ever wrong.
        seed: Of the random numbers that break ties; with it, they depend on the number of the image alone, so that
            images that are taken in again give the same result.
    """
    needed = limits(level, WEIGHTS, bins.shape[1] - len(GENERAL))
    for own in bins:
        ties = 1 - np.random.default_rng([*seed, martingale.steps]).random(len(own))
        evidence = martingale.update(own, ties) / needed
        if evidence.max() >= 1:
            score = int(evidence.argmax())
            return Raised(martingale.steps, martingale.onset(score), score, martingale.is_rise(score))
    return None
