"""Folds: disjoint parts of the rows of one training, with every class spread evenly over them."""

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, Labels
from pipeline.data.roles import keyed_hashes
from pipeline.errors import SettingsError


def assign(images: Digests, labels: Labels, folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row, 0 to ``folds - 1``, ``[N]``; identical images share one.

    It depends on the set of images, their labels and the seed alone, not on the order of the rows.

    Raises:
        SettingsError: There are fewer different images than folds.
    """
    distinct, first, place = np.unique(images, return_index=True, return_inverse=True)
    if len(distinct) < folds:
        raise SettingsError(f"{len(distinct):,} different images do not make {folds} folds: lower --folds.")
    # Sorted by class, so that dealing them out one by one gives every fold its share of each class.
    order = np.lexsort((keyed_hashes(distinct, f"folds {seed}".encode()), labels[first]))
    fold = np.empty(len(distinct), np.int64)
    fold[order] = np.arange(len(distinct)) % folds
    return fold[place]
