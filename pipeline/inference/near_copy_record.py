"""Near copies between training and benchmark images, searched once for a dataset and kept.

The search covers all images that are fitted at some size, and validation images beside the benchmark's, as a reference
for what chance explains: all of them, or as many as the benchmark has where they are more than that and than 10,000. A
model that was fitted on a part of the first is charged with the nearest copies that are in its part; benchmark and
reference are counted alike.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, LabelledImages, Rows, Split
from pipeline.data.digests import contained
from pipeline.data.roles import keyed_hashes
from pipeline.judging.evidence import NearCopyCount
from pipeline.store import kept_arrays
from pipeline.store.home import Home

NONE = -1
REFERENCES = 10_000
KEY = b"near copies"
BASE = 2**20
"""Positions are kept as two digits of this base, since a float32 counts no further than 2^24."""


@dataclass(frozen=True, eq=False)
class _Search:
    """The nearest copy of each image, ``[n]``: a position in the rows that are fitted, -1 where none is near.

    Attributes:
        benchmark, reference: By benchmark and reference rows.
    """

    benchmark: Rows
    reference: Rows


def count(home: Home, data: LabelledImages, split: Split, fitted: Digests | None) -> NearCopyCount | None:
    """Return how many benchmark images have a near copy among those that a model was fitted on, and what chance says.

    Args:
        home: Where the search is kept.
        data: The dataset.
        split: Its rows.
        fitted: Digests of the images that the model was fitted on; ``None`` where they are not known.
    """
    if fitted is None:
        return None
    from pipeline.data.near_copy_chance import chance

    pool = _pool(split)
    others = _reference(data, split)
    search = _kept_search(home, data, split, others)
    own = contained(data.digests[pool], fitted)
    benchmark, reference = (_in_own(nearest, own) for nearest in (search.benchmark, search.reference))
    labels = data.labels[split.benchmark], data.labels[others]
    found = chance(benchmark, labels[0], reference, labels[1])
    return NearCopyCount(found.found, found.expected, found.p_value, len(labels[1]))


def pairs(home: Home, data: LabelledImages, split: Split, fitted: Digests) -> tuple[Rows, Rows]:
    """Return each benchmark row with a near copy among the images that a model was fitted on, and that copy's row.

    Args:
        home: Where the search is kept.
        data: The dataset.
        split: Its rows.
        fitted: Digests of the images that the model was fitted on.

    Returns:
        Two arrays of row numbers, ``[n]`` each, in the order of the benchmark.
    """
    pool = _pool(split)
    search = _kept_search(home, data, split, _reference(data, split))
    copied = np.flatnonzero(_in_own(search.benchmark, contained(data.digests[pool], fitted)))
    return split.benchmark[copied], pool[search.benchmark[copied]]


def _pool(split: Split) -> Rows:
    return split.train if split.pool is None else split.pool


def _reference(data: LabelledImages, split: Split) -> Rows:
    """Validation rows, drawn by content where there are more than help: the search takes time for each."""
    rows = split.screening_rows
    most = max(REFERENCES, len(split.benchmark))
    if len(rows) <= most:
        return rows
    return np.sort(rows[np.argsort(keyed_hashes(data.digests[rows], KEY))[:most]])


def _in_own(nearest: Rows, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    near = nearest != NONE
    copied = np.zeros(len(nearest), np.bool_)
    copied[near] = own[nearest[near]]
    return copied


def _kept_search(home: Home, data: LabelledImages, split: Split, others: Rows) -> _Search:
    pool, queries = _pool(split), np.concatenate([split.benchmark, others])
    entry = kept_arrays.KeptArray(
        home.cache / "near-copies", "nearest", _sha256(data.digests[pool]), _sha256(data.digests[queries])
    )
    kept = kept_arrays.read(entry)
    if kept is None or kept.shape != (len(queries), 2):
        kept = np.stack(np.divmod(_searched(data, pool, queries), BASE), axis=1).astype(np.float32)
        kept_arrays.write(entry, kept)
    nearest = kept.astype(np.int64) @ np.array([BASE, 1])
    return _Search(nearest[: len(split.benchmark)], nearest[len(split.benchmark) :])


def _searched(data: LabelledImages, pool: Rows, queries: Rows) -> Rows:
    from pipeline.data.near_copies import near_copies

    found = near_copies(data.at(pool), data.at(queries))
    nearest = np.full(len(queries), NONE, np.int64)
    nearest[found.benchmark] = found.training
    return nearest


def _sha256(digests: Digests) -> str:
    return hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()
