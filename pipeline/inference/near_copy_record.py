"""Near copies between training and benchmark images, searched once for a dataset and kept.

The search covers all images that are fitted at some size, and the validation images beside the benchmark's, as a
reference for what chance explains. A model that was fitted on a part of them is charged with the nearest copies that
are in its part; benchmark and reference are counted alike.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, LabelledImages, Rows, Split
from pipeline.data.digests import contained
from pipeline.judging.evidence import NearCopyCount
from pipeline.store import kept_arrays
from pipeline.store.home import Home

NONE = -1.0


@dataclass(frozen=True, eq=False)
class _Search:
    """The nearest copy of each image, float32 ``[n]``: a position in the rows that are fitted, -1 where none is near.

    Attributes:
        benchmark, reference: By benchmark and validation rows.
    """

    benchmark: NDArray[np.float32]
    reference: NDArray[np.float32]


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
    search = _kept_search(home, data, split, data.digests[pool])
    own = contained(data.digests[pool], fitted)
    benchmark, reference = (_in_own(nearest, own) for nearest in (search.benchmark, search.reference))
    labels = data.labels[split.benchmark], data.labels[split.screening_rows]
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
    search = _kept_search(home, data, split, data.digests[pool])
    copied = np.flatnonzero(_in_own(search.benchmark, contained(data.digests[pool], fitted)))
    return split.benchmark[copied], pool[search.benchmark[copied].astype(np.int64)]


def _pool(split: Split) -> Rows:
    return split.train if split.pool is None else split.pool


def _in_own(nearest: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    near = nearest != NONE
    copied = np.zeros(len(nearest), np.bool_)
    copied[near] = own[nearest[near].astype(np.int64)]
    return copied


def _kept_search(home: Home, data: LabelledImages, split: Split, pool: Digests) -> _Search:
    queries = np.concatenate([split.benchmark, split.screening_rows])
    entry = kept_arrays.KeptArray(
        home.cache / "near-copies", "near-copies", _sha256(pool), _sha256(data.digests[queries])
    )
    nearest = kept_arrays.read(entry)
    if nearest is None or nearest.shape != queries.shape:
        nearest = _searched(data, split, queries)
        kept_arrays.write(entry, nearest)
    return _Search(nearest[: len(split.benchmark)], nearest[len(split.benchmark) :])


def _searched(data: LabelledImages, split: Split, queries: NDArray[np.int64]) -> NDArray[np.float32]:
    from pipeline.data.near_copies import near_copies

    pool = _pool(split)
    found = near_copies(data.images[pool], data.images[queries])
    nearest = np.full(len(queries), NONE, np.float32)
    nearest[found.benchmark] = found.training
    return nearest


def _sha256(digests: Digests) -> str:
    return hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()
