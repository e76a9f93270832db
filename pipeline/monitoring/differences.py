"""What is different about images after an alarm: which classes, and which known corruption explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.monitoring.image_scores import BINS, GENERAL, NEIGHBOUR_DISTANCE, Bins

Counts = NDArray[np.int64]
LEVELS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.999)
"""Shares of the reference below the edges of coarse bins, which allow comparing few images."""
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Shares of images that may be corrupted."""
EXPLAINED = 0.6
"""A corruption is named if it explains at least this share of the difference."""
STANDARD_ERRORS = 4.0
"""A class is named as more or less frequent if its share is off by this many standard errors."""
UNUSUAL = 0.99
"""An image is unusual if it is farther from the training images than this part of the reference."""


@dataclass(frozen=True)
class ClassChange:
    """How often one class was predicted.

    Attributes:
        expected, seen: Its share of the reference and of the images looked at.
        unusual: Which part of its images is farther from the training images than 99 % of the reference; ``None``
            where it was never predicted.
        changed: Whether its share is off by more than chance explains.
    """

    expected: float
    seen: float
    unusual: float | None
    changed: bool


@dataclass(frozen=True)
class Resemblance:
    """The corruption that explains most.

    Attributes:
        name: Of the corruption.
        share: Of images that it would have to concern.
        explained: Which part of the difference it explains, 0 to 1.
    """

    name: str
    share: float
    explained: float


def class_changes(reference: Counts, bins: Bins) -> list[ClassChange]:
    """Return for each class how its images changed.

    Args:
        reference: Images in each bin of each score, ``[K, BINS]``.
        bins: The bins of the images looked at, ``[N, K]``.
    """
    far = beyond(reference, bins, UNUSUAL)
    count, changes = max(len(bins), 1), []
    for indicator in range(len(GENERAL), len(reference)):
        own = bins[:, indicator] == 1
        expected = float(reference[indicator, 1] / reference[indicator].sum())
        seen = float(own.sum() / count)
        error = np.sqrt(max(expected * (1 - expected), 1 / count) / count)
        unusual = float(far[own].mean()) if own.any() else None
        changes.append(ClassChange(expected, seen, unusual, bool(abs(seen - expected) > STANDARD_ERRORS * error)))
    return changes


def beyond(
    reference: Counts, bins: Bins, part: float, score: str = NEIGHBOUR_DISTANCE, *, rises: bool = True
) -> NDArray[np.bool_]:
    """Return which images have a higher score than this part of the reference, ``[N]``.

    Args:
        reference: Images in each bin of each score, ``[K, BINS]``.
        bins: The bins of the images looked at, ``[N, K]``.
        part: Between 0 and 1.
        score: One of ``GENERAL``; a high confidence score means that the champion is less sure.
        rises: Whether to look for higher scores; otherwise for lower ones.
    """
    row = GENERAL.index(score)
    share = part if rises else 1 - part
    edge = np.searchsorted(np.cumsum(reference[row]), share * reference[row].sum())
    found: NDArray[np.bool_] = bins[:, row] > edge if rises else bins[:, row] < edge
    return found


def resemblance(reference: Counts, corrupted: Mapping[str, Counts], bins: Bins) -> Resemblance | None:
    """Return the corruption that, applied to a share of the reference, is most like the images looked at.

    Likeness is the likelihood of their scores, coarsely binned; ``None`` if no corruption explains enough.

    Args:
        reference: Images in each bin of each score, ``[K, BINS]``.
        corrupted: The same for a corrupted copy of reference images, by name.
        bins: The bins of the images looked at, ``[N, K]``.
    """
    edges = [_coarse_edges(row) for row in reference[: len(GENERAL)]]
    own = _frequencies([np.bincount(column, minlength=BINS) for column in bins.T[: len(GENERAL)]], edges)
    usual = _frequencies(reference, edges)
    difference = _divergence(own, usual)
    candidates = []
    for name, counts in corrupted.items():
        spoiled = _frequencies(counts, edges)
        for share in SHARES:
            left = _divergence(own, (1 - share) * usual + share * spoiled)
            candidates.append(Resemblance(name, share, 1 - left / max(difference, 1e-9)))
    best = max(candidates, key=lambda candidate: candidate.explained, default=None)
    return best if best is not None and best.explained >= EXPLAINED else None


def _coarse_edges(row: Counts) -> NDArray[np.int64]:
    """The first bin of each coarse bin."""
    return np.unique(np.concatenate([[0], np.searchsorted(np.cumsum(row), np.array(LEVELS) * row.sum()) + 1]))


def _frequencies(counts: Sequence[Counts] | Counts, edges: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Smoothed frequencies of the coarse bins of all general scores, one after another."""
    parts = []
    for row, own in zip(counts, edges, strict=False):
        coarse = np.add.reduceat(np.asarray(row, np.float64), own[own < BINS]) + 0.5
        parts.append(coarse / coarse.sum())
    return np.concatenate(parts)


def _divergence(own: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Kullback and Leibler's, summed over the scores."""
    return float((own * np.log(own / other)).sum())
