"""Compensate for rare classes in training, by repeating rows or by weights."""

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import LabelledImages, Labels, Rows, Split


def oversampled(data: LabelledImages, split: Split) -> Rows:
    """Return the training rows with those of rare classes repeated until each class has as many as the largest.

    Every row of a class is repeated equally often, but for a remainder that the split's seed draws; validation and
    benchmark rows are left as they are.

    Args:
        data: The dataset.
        split: Its ``train`` rows are repeated, its ``seed`` draws and shuffles.

    Returns:
        Rows, shuffled, ``[K * largest]``.
    """
    rng = np.random.default_rng(split.seed)
    labels = data.labels[split.train]
    largest = int(np.bincount(labels).max())
    repeated = []
    for label in np.unique(labels):
        own = split.train[labels == label]
        whole, rest = divmod(largest, len(own))
        repeated += [np.tile(own, whole), rng.choice(own, rest, replace=False)]
    return rng.permutation(np.concatenate(repeated))


def weights(labels: Labels) -> NDArray[np.float64]:
    """Return a weight for each image so that all classes weigh the same in total; the mean weight is 1.

    The "balanced" heuristic of scikit-learn's ``compute_class_weight``: ``N / (K * images of the class)``.
    """
    counts = np.bincount(labels)
    present = counts > 0
    by_class: NDArray[np.float64] = len(labels) / (present.sum() * np.maximum(counts, 1))
    return by_class[labels]
