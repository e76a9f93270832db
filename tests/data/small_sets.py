"""A small set of images, and the forms that files give it."""

import struct

import numpy as np

SIDE = 6
CLASSES = 3
PER_CLASS = 8


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def small_images(count: int = CLASSES * PER_CLASS, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)


def small_labels(count: int = CLASSES * PER_CLASS) -> np.ndarray:
    return (np.arange(count) % CLASSES).astype(np.uint8)


def csv_lines(images: np.ndarray, labels: np.ndarray | None) -> list[str]:
    header = [f"pixel{index}" for index in range(SIDE * SIDE)]
    rows = [[str(pixel) for pixel in image.ravel()] for image in images]
    if labels is not None:
        header.insert(0, "label")
        rows = [[str(label), *row] for label, row in zip(labels, rows, strict=True)]
    return [",".join(row) for row in [header, *rows]]
