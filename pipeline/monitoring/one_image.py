"""What can be said of a single image: that its answer is less sure, or that it is stranger, than nearly all others.

Both are conformal tests (Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world", chapter 2): if an
image is exchangeable with those that a champion was judged on, each flags it with a probability of ``LEVEL`` at most.
How often they flag other images is not promised; docs/serving.md has figures.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Probabilities
from pipeline.monitoring import image_scores
from pipeline.monitoring.image_scores import GENERAL, NEIGHBOUR_DISTANCE, Scorer, Seen

LEVEL = 0.01
"""Chance that a test flags an image like those that the champion was judged on."""


def least_confidence(benchmark: Probabilities) -> float:
    """Return the confidence below which an answer is less sure than nearly all on the benchmark.

    Args:
        benchmark: The champion's probabilities for the benchmark images, ``[N, K]``.

    Returns:
        The k-th lowest confidence, with k = ``LEVEL`` (N + 1) rounded down; 0 with too few images to tell.
    """
    place = int(LEVEL * (len(benchmark) + 1))
    return float(np.sort(benchmark.max(axis=1))[place - 1]) if place else 0.0


def far_from_training(scorer: Scorer, counts: NDArray[np.int64], seen: Seen) -> NDArray[np.bool_]:
    """Return which images are further from the training images than nearly all of the reference, ``[N]``.

    Args:
        scorer: The champion's scores.
        counts: How many images of the reference are in each bin of each score, ``[K, BINS]``.
        seen: The images, with what the champion made of them.
    """
    score = GENERAL.index(NEIGHBOUR_DISTANCE)
    reference = counts[score]
    at_least_as_far = reference[::-1].cumsum()[::-1]
    found = at_least_as_far[image_scores.bins(scorer, seen)[:, score]]
    flagged: NDArray[np.bool_] = found + 1 <= LEVEL * (reference.sum() + 1)
    return flagged
