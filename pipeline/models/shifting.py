"""Copies of images moved by one pixel: augmentation for models that do not train in steps."""

import numpy as np

from pipeline.contracts import Images, Labels

DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


def shifted_copies(images: Images, labels: Labels, copies: int) -> tuple[Images, Labels]:
    """The images followed by ``copies`` moved versions of all of them, ``[N * (1 + copies), H, W, C]``.

    The first four of at most eight copies move right, left, down and up, the others along the diagonals; what
    moves in is 0.
    """
    if copies == 0:
        return images, labels
    moved = [shifted(images, down, right) for down, right in DIRECTIONS[:copies]]
    return np.concatenate([images, *moved]), np.tile(labels, 1 + copies)


def shifted(images: Images, down: int, right: int) -> Images:
    """Images moved by so many pixels (negative: up, left); what moves in is 0."""
    height, width = images.shape[1:3]
    moved = np.zeros_like(images)
    moved[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved
