"""Spaces in which images are compared: a few directions that hold most of the variance, and training images in them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MOST_DIRECTIONS = 64
MOST_FITTED = 10_000
"""Images from which directions are computed."""
SHRINKAGE = 0.01
"""Share of the mean variance that is added to every direction before it is divided by its standard deviation."""
BLOCK = 256
"""Images whose distances to all training images are in memory at once."""


@dataclass(frozen=True, eq=False)
class Space:
    """An affine map to a few dimensions, and training images there.

    Attributes:
        mean, axes: The map, ``[D]`` and ``[D, Q]``.
        near: Training images, ``[A, Q]``.
    """

    mean: Floats
    axes: Floats
    near: Singles

    @cached_property
    def _lengths(self) -> Singles:
        """The squared length of each of ``near``, ``[A]``."""
        lengths: Singles = (self.near**2).sum(axis=1)
        return lengths

    def place(self, values: Floats) -> Singles:
        """Return where values ``[N, D]`` are, ``[N, Q]``."""
        return ((values - self.mean) @ self.axes).astype(np.float32)

    def distances(self, placed: Singles) -> Floats:
        """Return the distance of each place ``[N, Q]`` from the nearest training image, ``[N]``."""
        found = [np.zeros(0)]
        for start in range(0, len(placed), BLOCK):
            block = placed[start : start + BLOCK]
            nearest = (self._lengths - 2 * block @ self.near.T).min(axis=1) + (block**2).sum(axis=1)
            found.append(np.sqrt(np.maximum(nearest, 0), dtype=np.float64))
        return np.concatenate(found)


def fitted_space(values: Floats, labels: Labels | None, seed: int) -> Space:
    """Return the principal components of values ``[A, D]``, with the values in them.

    Args:
        values: One row for each training image.
        labels: Their classes, to give the variance within classes the value 1 in every direction; ``None`` leaves
            the components as they are.
        seed: Of the search for components.
    """
    from sklearn.decomposition import PCA

    own = values[:MOST_FITTED]
    found = PCA(min(MOST_DIRECTIONS, *own.shape), random_state=seed).fit(own)
    mean, axes = np.asarray(found.mean_, np.float64), np.asarray(found.components_.T, np.float64)
    if labels is not None:
        axes = axes @ _whitening((own - mean) @ axes, labels[:MOST_FITTED])
    return Space(mean, axes, ((values - mean) @ axes).astype(np.float32))


def flat(values: NDArray[np.float32]) -> Floats:
    """Return one row of float64 for each image, ``[N, D]``."""
    return values.reshape(len(values), -1).astype(np.float64)


def _whitening(placed: Floats, labels: Labels) -> Floats:
    """The symmetric matrix that gives the covariance within classes, slightly shrunk, the value 1 everywhere."""
    centred = placed.copy()
    for label in np.unique(labels):
        centred[labels == label] -= placed[labels == label].mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(placed))
    shrunk = np.maximum(values, 0) + SHRINKAGE * values.mean() + 1e-12
    whitening: Floats = (vectors / np.sqrt(shrunk)) @ vectors.T
    return whitening
