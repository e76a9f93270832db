"""Served predictions made by hand."""

import numpy as np

from pipeline.store import prediction_ids
from pipeline.store.prediction_ids import Numbering
from pipeline.store.served_files import Served, ServedFacts


def served_of(
    count: int, numbering: Numbering | None = None, version: str = "20261121-134502-cnn-12000-7f3a", seed: int = 0
) -> Served:
    """Return predictions of noise, 4 x 4 pixels and three classes, with ids of their own."""
    random = np.random.default_rng(seed)
    ids = (numbering or Numbering()).take(count)
    return Served(
        ServedFacts(dataset="digits", version=version, classes=("0", "1", "2"), shape=(4, 4, 1)),
        ids,
        (ids[0],) * count,
        np.array([prediction_ids.microseconds(one) for one in ids], "datetime64[us]"),
        ("pixels",) * count,
        random.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8),
        random.dirichlet(np.ones(3), count).astype(np.float32),
    )
