"""What a real model says of real digits, and of the same digits made unlike what it was judged on."""

import gzip
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FITTED = 4_000
Change = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]


def _moved(images: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (down, 0), (right, 0)))
    return padded[:, :height, :width]


VARIANTS: dict[str, Change] = {
    "inverted colours": lambda images, rng: 255 - images,
    "one pixel to the right": lambda images, rng: _moved(images, 0, 1),
    "three pixels down and right": lambda images, rng: _moved(images, 3, 3),
    "noise": lambda images, rng: np.clip(images + rng.normal(0, 40, images.shape), 0, 255).astype(np.uint8),
}


@dataclass(frozen=True)
class Outputs:
    """Probabilities on images that the model never saw, as they are and changed, with their labels."""

    labels: NDArray[np.int64]
    honest: NDArray[np.float32]
    variants: dict[str, NDArray[np.float32]]

    def halves(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """A benchmark and a test set twice its size, drawn at random and disjoint."""
        order = rng.permutation(len(self.labels))
        third = len(order) // 3
        return order[:third], order[third:]

    def accuracy(self, probabilities: NDArray[np.float32], rows: NDArray[np.int64]) -> float:
        return float((probabilities[rows].argmax(axis=1) == self.labels[rows]).mean())


def real_outputs(mnist: Path) -> Outputs:
    """A small network fitted on 4,000 of MNIST's training images, asked about 12,000 others of them."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    images, labels = _training_part(mnist)
    model = MLPClassifier((48,), max_iter=15, random_state=0)
    flat = [_flat(part) for part in (images[:FITTED], images[FITTED:])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(flat[0], labels[:FITTED])
    rng = np.random.default_rng(0)
    changed = {
        name: model.predict_proba(_flat(change(images[FITTED:], rng))).astype(np.float32)
        for name, change in VARIANTS.items()
    }
    return Outputs(labels[FITTED:], model.predict_proba(flat[1]).astype(np.float32), changed)


def _training_part(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pixels = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    rows = np.random.default_rng(0).permutation(60_000)[: 4 * FITTED]
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
    return images[rows], np.frombuffer(labels, np.uint8, offset=8)[rows].astype(np.int64)


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / 255
