"""Why a model gives its answer: how much less sure it is of it when a part of the image is covered.

After Zeiler and Fergus 2014 ("Visualizing and Understanding Convolutional Networks", section 4.2). It needs nothing but
predictions, so it works for every model that is served. It says which parts this answer depends on, not that they are
the right ones.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Probabilities

PATCH_SHARE, STEP_SHARE = 0.25, 0.125
"""Sides of the covered square and of the steps between squares, as shares of the image's sides."""

Predict = Callable[[Images], Probabilities]


def occlusion(predict: Predict, image: NDArray[np.uint8], answer: int) -> NDArray[np.float32]:
    """Return for each pixel how much the probability of an answer falls when a square over it is covered.

    Args:
        predict: Probabilities ``[N, K]`` of uint8 images ``[N, H, W, C]``.
        image: uint8 ``[H, W, C]``.
        answer: The class that is explained.

    Returns:
        The mean fall over all squares that cover the pixel, ``[H, W]``; negative where it becomes surer.
    """
    return falls(predict(covered(image)), answer, image.shape[:2])


def covered(image: NDArray[np.uint8]) -> Images:
    """Return copies of an image ``[H, W, C]``, each with another square covered, and then the image itself."""
    squares = _squares(*image.shape[:2])
    background = _background(image)
    copies = np.repeat(image[None], len(squares) + 1, axis=0)
    for number, (rows, columns) in enumerate(squares):
        copies[number, rows, columns] = background
    return copies


def falls(probabilities: Probabilities, answer: int, sides: tuple[int, ...]) -> NDArray[np.float32]:
    """Return what ``occlusion`` does, from the probabilities of ``covered`` copies of an image.

    Args:
        probabilities: Of the copies and the image itself, ``[S + 1, K]``.
        answer: The class that is explained.
        sides: Height and width of the image.
    """
    answers = probabilities[:, answer]
    total, times = np.zeros(sides, np.float32), np.zeros(sides, np.float32)
    for (rows, columns), fall in zip(_squares(*sides), answers[-1] - answers[:-1], strict=True):
        total[rows, columns] += fall
        times[rows, columns] += 1
    return total / times


def _squares(height: int, width: int) -> list[tuple[slice, slice]]:
    return [(rows, columns) for rows in _spans(height) for columns in _spans(width)]


def _spans(side: int) -> list[slice]:
    length, step = max(1, round(PATCH_SHARE * side)), max(1, round(STEP_SHARE * side))
    starts = sorted({*range(0, side - length, step), side - length})
    return [slice(start, start + length) for start in starts]


def _background(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The median of the edge, ``[C]``: to most small images it adds no new shape."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.asarray(np.median(edge, axis=0), dtype=np.uint8)
