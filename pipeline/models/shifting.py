"""Copies of images moved by one pixel: augmentation for models that do not train in steps."""

import numpy as np

from pipeline.contracts import Images, Labels

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
SUITABLE_ROWS, SUITABLE_COPIES = 30_000, 4


def suitable_count(images: int) -> int:
    """Return how many copies to add to a number of images: up to 30,000 rows in all, which bounds the time."""
    return min(max(0, SUITABLE_ROWS - images), SUITABLE_COPIES * images)


def shifted_copies(images: Images, labels: Labels, count: int) -> tuple[Images, Labels]:
    """Return the images followed by ``count`` moved copies, ``[N + count, H, W, C]``, spread evenly over the images.

    Copies of one image move in different directions: right, left, down and up, then along the diagonals from the
    fifth copy on. The pixels moved in are 0.
    """
    if count == 0:
        return images, labels
    directions = DIRECTIONS[:4] if count <= 4 * len(images) else DIRECTIONS
    number, row = np.divmod(np.arange(count), len(images))
    direction = (number + row) % len(directions)
    copies = images[row]
    for which, (down, right) in enumerate(directions):
        copies[direction == which] = shifted(copies[direction == which], down, right)
    return np.concatenate([images, copies]), np.concatenate([labels, labels[row]])


def shifted(images: Images, down: int, right: int) -> Images:
    """Return images moved by this many pixels (negative: up, left); the pixels moved in are 0."""
    height, width = images.shape[1:3]
    moved = np.zeros_like(images)
    moved[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved
