"""Images that stay on disk until they are read: memory-mapped files, and selections of their rows.

A dataset may hold more pixels than memory. What takes at most ``MOST_IN_MEMORY`` bytes is an ordinary array; anything
larger is a ``StoredImages``, which is indexed in the same way and reads only the rows that are asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Indices = NDArray[np.int64]

MOST_IN_MEMORY = 256 * 2**20
"""Bytes of pixels; a selection of more is not copied."""
MOST_COPIED = 4096
"""Images that are copied twice on their way into an array."""


@dataclass(frozen=True, eq=False)
class StoredImages:
    """Images in several files, end to end, or a selection of them; indexing reads what is asked for, nothing else.

    Attributes:
        parts: uint8 ``[n, H, W, C]`` each, all of one shape, usually memory-mapped.
        rows: Which of them, in which order, ``[N]``; ``None`` for all.
    """

    parts: tuple[Pixels, ...]
    rows: Indices | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """``(N, H, W, C)``."""
        return (len(self), *self.parts[0].shape[1:])

    @property
    def ndim(self) -> int:
        """Four."""
        return self.parts[0].ndim

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8."""
        return self.parts[0].dtype

    @property
    def nbytes(self) -> int:
        """What all of them would take in memory."""
        return len(self) * _size(self)

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.rows is None else len(self.rows)

    def __getitem__(self, which: Any) -> Pixels:
        """Read one image, ``[H, W, C]``, or those of a slice, a mask or row numbers of any shape."""
        rows = _positions(which, len(self))
        chosen = rows if self.rows is None else self.rows[rows]
        return self._read(chosen) if chosen.ndim else self._read(chosen[None])[0]

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse to be read as a whole by accident."""
        raise TypeError("These images stay on disk: index the rows that are needed.")

    @cached_property
    def _ends(self) -> Indices:
        """Where the parts begin and end, ``[parts + 1]``."""
        return np.cumsum([0, *(len(part) for part in self.parts)])

    def _read(self, rows: Indices) -> Pixels:
        flat = rows.reshape(-1)
        # Files are read from front to back, whatever order was asked for: a disk is several times faster so.
        order = np.argsort(flat, kind="stable")
        ends = np.searchsorted(flat, self._ends, sorter=order)
        read = np.empty((len(flat), *self.parts[0].shape[1:]), np.uint8)
        for part, start, (first, last) in zip(self.parts, self._ends, pairwise(ends), strict=False):
            for at in range(first, last, MOST_COPIED):
                own = order[at : min(at + MOST_COPIED, last)]
                read[own] = part[flat[own] - start]
        return read.reshape(*rows.shape, *read.shape[1:])


ImageSource: TypeAlias = Pixels | StoredImages
"""Images ``[N, H, W, C]``, in memory or not: take ``len``, ``shape`` and ``dtype``, and index rows to read them."""


def take(images: ImageSource, rows: NDArray[Any]) -> ImageSource:
    """Return some images, by row numbers or a mask: read, or as a view where they take more than ``MOST_IN_MEMORY``."""
    wanted = _positions(rows, len(images))
    return images[wanted] if len(wanted) * _size(images) <= MOST_IN_MEMORY else view(images, wanted)


def view(images: ImageSource, rows: NDArray[Any]) -> StoredImages:
    """Return some images, by row numbers or a mask, without reading any."""
    wanted = _positions(rows, len(images))
    if isinstance(images, StoredImages):
        return StoredImages(images.parts, wanted if images.rows is None else images.rows[wanted])
    return StoredImages((images,), wanted)


def joined(parts: Sequence[ImageSource]) -> ImageSource:
    """Return images end to end: one array, or a view where they take more than ``MOST_IN_MEMORY``."""
    filled = [part for part in parts if len(part)] or [parts[0]]
    if len(filled) == 1:
        return filled[0]
    if sum(len(part) * _size(part) for part in filled) <= MOST_IN_MEMORY:
        return np.concatenate([part if isinstance(part, np.ndarray) else part[:] for part in filled])
    stored = [part if isinstance(part, StoredImages) else StoredImages((part,)) for part in filled]
    files = tuple(file for one in stored for file in one.parts)
    if all(one.rows is None for one in stored):
        return StoredImages(files)
    starts = np.cumsum([0, *(int(one._ends[-1]) for one in stored)])
    rows = [
        start + (np.arange(len(one)) if one.rows is None else one.rows)
        for one, start in zip(stored, starts, strict=False)
    ]
    return StoredImages(files, np.concatenate(rows))


def blocks(images: ImageSource, size: int) -> Iterator[Pixels]:
    """Yield the images in order, read ``size`` at a time."""
    for start in range(0, len(images), size):
        yield images[start : start + size]


def _size(images: ImageSource) -> int:
    """Bytes of one image."""
    return int(np.prod(images.shape[1:]))


def _positions(which: Any, length: int) -> Indices:
    """Row numbers from 0 on, whatever was given: a number, a slice, a mask or numbers of any shape.

    Raises:
        IndexError: There is no such row.
    """
    if isinstance(which, slice):
        return np.arange(*which.indices(length))
    given = np.asarray(which)
    if given.dtype == bool:
        if given.shape != (length,):
            raise IndexError(f"A mask of shape {given.shape} does not fit {length:,} images.")
        return np.flatnonzero(given)
    rows = given.astype(np.int64, copy=False)
    if rows.size == 0:
        return rows
    low, high = int(rows.min()), int(rows.max())
    if low < -length or high >= length:
        raise IndexError(f"There is no row {high if high >= length else low:,}: there are {length:,} images.")
    return rows if low >= 0 else np.where(rows < 0, rows + length, rows)
