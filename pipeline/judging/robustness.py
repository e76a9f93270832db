"""Accuracy on corrupted copies of a fixed part of the benchmark."""

import zlib
from collections.abc import Iterator

import numpy as np

from pipeline.contracts import Digests, Images, Rows
from pipeline.judging.corruptions import CORRUPTIONS

MOST_IMAGES = 500
"""Fifteen copies of these settle the mean to about a point, and are predicted in the time of one benchmark."""
SEED = 2019
"""Fixed: robustness is compared between versions, so all of them see the same spoiled images."""


def subset(digests: Digests, most: int = MOST_IMAGES) -> Rows:
    """Return the rows that are corrupted: chosen by content, so that order changes nothing."""
    content = np.ascontiguousarray(digests).view(np.uint8).reshape(len(digests), -1)
    order = np.lexsort(content.T[::-1])
    if len(order) <= most:
        return order
    return order[np.sort(np.random.default_rng(SEED).choice(len(order), most, replace=False))]


def images_of(benchmark: int) -> int:
    """Return how many images of a benchmark of this size are corrupted."""
    return min(benchmark, MOST_IMAGES)


def corrupted(images: Images, seed: int = SEED) -> Iterator[tuple[str, Images]]:
    """Return each corruption's name and copy of the images, uint8 ``[N, H, W, C]``; equal seeds give equal copies."""
    pixels = np.asarray(images / np.float32(255), np.float32)
    for corruption in CORRUPTIONS:
        name = corruption.__name__
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        spoiled = np.clip(corruption(pixels, rng), 0, 1)
        yield name, np.rint(spoiled * 255).astype(np.uint8)
