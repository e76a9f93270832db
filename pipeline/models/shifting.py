"""Copies of images moved by one pixel: augmentation for models that do not train in steps."""

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels
from pipeline.stored_images import ImageSource, Pixels

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
SUITABLE_ROWS, SUITABLE_COPIES = 30_000, 4


def suitable_count(images: int) -> int:
    """Return how many copies to add to a number of images: up to 30,000 rows in all, which bounds the time."""
    return min(max(0, SUITABLE_ROWS - images), SUITABLE_COPIES * images)


def shifted_copies(images: Pixels, labels: Labels, count: int) -> tuple[Pixels, Labels]:
    """Return the images followed by ``count`` moved copies, ``[N + count, H, W, C]``, spread evenly over the images.

    Copies of one image move in different directions: right, left, down and up, then along the diagonals from the
    fifth copy on. The pixels moved in are 0.
    """
    if count == 0:
        return images, labels
    places = np.arange(count)
    copies = copies_at(images, places, count)
    return np.concatenate([images, copies]), np.concatenate([labels, labels[places % len(images)]])


def copies_at(images: ImageSource, places: NDArray[np.int64], count: int) -> Pixels:
    """Return some of the ``count`` moved copies that ``shifted_copies`` adds, by their places among them."""
    directions = DIRECTIONS[:4] if count <= 4 * len(images) else DIRECTIONS
    number, row = np.divmod(places, len(images))
    direction = (number + row) % len(directions)
    copies = images[row]
    for which, (down, right) in enumerate(directions):
        copies[direction == which] = shifted(copies[direction == which], down, right)
    return copies


def shifted(images: Pixels, down: int, right: int) -> Pixels:
    """Return images moved by this many pixels (negative: up, left); the pixels moved in are 0."""
    height, width = images.shape[1:3]
    moved = np.zeros_like(images)
    moved[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved
