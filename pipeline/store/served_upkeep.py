"""Write what was served: add files, merge small ones, keep to the limits, and delete single predictions.

A new file needs no lock. Whatever replaces or deletes files holds the log's own lock: the home's may be held by a run
for hours.
"""

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import StoreError
from pipeline.store import atomic, disk, prediction_ids, served_files, served_log
from pipeline.store.home import Home
from pipeline.store.served_files import Served
from pipeline.store.served_log import FULL, SUFFIX

LOCK = ".lock"
MERGED_TOGETHER = 16
"""Files of about one size become one: each row is written three times at most before its file is full."""
MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class Limits:
    """Limits on what is kept.

    Attributes:
        images: Maximum number of predictions.
        days: Maximum age of a prediction.
    """

    images: int
    days: float


def append(home: Home, served: Served) -> None:
    """Add a file with new predictions of one version.

    Raises:
        StoreError: The disk is full or fails; nothing was added.
    """
    folder = home.served_of(served.facts.dataset) / served.facts.version
    atomic.write_bytes(folder / f"{served.ids[-1]}{SUFFIX}", served_files.content(served_files.table(served)))


@contextlib.contextmanager
def changing(home: Home, dataset: str) -> Iterator[None]:
    """Hold the lock of a dataset's log; others hold it for moments only.

    Raises:
        StoreError: The disk is full or fails.
    """
    with _locked(home.served_of(dataset), wait=True):
        yield


def delete(home: Home, dataset: str, ids: Collection[str]) -> set[str]:
    """Delete predictions with their images; returns the ids that were there.

    Raises:
        StoreError: A file is damaged, or the disk is full or fails.
    """
    gone: set[str] = set()
    if not served_log.files(home, dataset):
        return gone
    with changing(home, dataset):
        for path in served_log.files(home, dataset):
            inside = served_log.ids_in(path)
            if rows := [row for row, one in enumerate(inside) if one in ids]:
                _cut(path, rows)
                gone.update(inside[row] for row in rows)
    return gone


class Upkeep:
    """Keeps one dataset's log in few files and within its limits; what files hold is read once.

    Args:
        home: The home folder.
        dataset: Whose log.
        limits: Limits on what is kept.
    """

    def __init__(self, home: Home, dataset: str, limits: Limits) -> None:
        self._home = home
        self._dataset = dataset
        self._limits = limits
        self._known: dict[tuple[Path, int], _File] = {}

    def merge(self) -> None:
        """Merge small files, unless another process changes the log just now.

        Raises:
            StoreError: A file is damaged, or the disk is full or fails; every prediction is still there.
        """
        with _locked(self._home.served_of(self._dataset), wait=False) as held:
            if held:
                for _, group in itertools.groupby(self._files(by_version=True), lambda file: file.path.parent):
                    _merge(_mergeable(list(group)))

    def trim(self, now: int) -> None:
        """Delete what is beyond the limits, and what killed writers left, unless another process changes the log.

        Args:
            now: Microseconds since 1970.

        Raises:
            StoreError: A file is damaged, or the disk is full or fails.
        """
        folder = self._home.served_of(self._dataset)
        with _locked(folder, wait=False) as held:
            if held:
                atomic.remove_temporaries(folder, deep=True)
                _remove_replaced(self._files())
                oldest_kept = prediction_ids.first_after(now - round(self._limits.days * MICROSECONDS_PER_DAY))
                _trim(self._files(), oldest_kept, self._limits.images)

    def _files(self, *, by_version: bool = False) -> "list[_File]":
        known = {}
        for path in served_log.files(self._home, self._dataset):
            with contextlib.suppress(FileNotFoundError):
                key = (path, path.stat().st_ino)
                known[key] = self._known.get(key) or _look_at(path)
        self._known = known
        return sorted(known.values(), key=lambda file: (file.path.parent if by_version else Path(), file.path.stem))


@dataclass(frozen=True)
class _File:
    path: Path
    rows: int
    first: str
    merged: tuple[str, ...]


def _look_at(path: Path) -> _File:
    import pyarrow as pa

    try:
        footer = served_files.parquet_file(path).metadata
        first = footer.row_group(0).column(0).statistics.min
    except (pa.ArrowException, AttributeError, IndexError) as error:
        raise served_files.damaged(path) from error
    return _File(path, footer.num_rows, first, served_files.facts_of(footer.metadata, path).merged)


def _mergeable(files: Sequence[_File]) -> list[Path]:
    """Return adjacent files to merge: once there are enough of one size, these and those between them."""
    small = [file for file in files if file.rows < FULL]
    sizes = Counter(_tier(file) for file in small)
    crowded = [tier for tier, count in sizes.items() if count >= MERGED_TOGETHER]
    if not crowded:
        return []
    own = [place for place, file in enumerate(small) if _tier(file) == min(crowded)]
    between = small[own[0] : own[-1] + 1]
    totals = itertools.accumulate((file.rows for file in between), initial=0)
    return [file.path for file, before in zip(between, totals, strict=False) if before < FULL]


def _tier(file: _File) -> int:
    return int(math.log(file.rows, MERGED_TOGETHER))


def _merge(paths: Sequence[Path]) -> None:
    """Replace the last of some files by all of them together, then delete the others."""
    found = [served for path in paths if (served := served_files.read(path)) is not None]
    if len(found) < 2:
        return
    whole = served_files.join(found, merged=tuple(path.name for path in paths[:-1]))
    atomic.write_bytes(paths[-1], served_files.content(served_files.table(whole)))
    for path in paths[:-1]:
        _unlink(path)


def _remove_replaced(files: Sequence[_File]) -> None:
    """Delete what a merge that was killed left behind."""
    for file in files:
        for name in file.merged:
            if (left := file.path.with_name(name)).exists():
                _unlink(left)


def _trim(files: Sequence[_File], oldest_kept: str, most: int) -> None:
    surplus = sum(file.rows for file in files) - most
    for file in files:
        if file.path.stem < oldest_kept or surplus >= file.rows:
            _unlink(file.path)
        elif file.first < oldest_kept or surplus > 0:
            ids = np.array(served_log.ids_in(file.path))
            start = max(surplus, int(np.searchsorted(ids, oldest_kept)))
            _cut(file.path, list(range(start)))
        surplus -= file.rows


def _cut(path: Path, rows: Sequence[int]) -> None:
    """Take rows out of a file in one step; its name stays, so that readers find the rest."""
    served = served_files.read(path)
    if served is None:
        return
    kept = sorted(set(range(len(served))) - set(rows))
    if kept:
        atomic.write_bytes(path, served_files.content(served_files.table(served.rows(kept))))
    else:
        _unlink(path)


def _unlink(path: Path) -> None:
    with atomic.disk_errors(path), contextlib.suppress(FileNotFoundError):
        disk.unlink(path)
        atomic.sync_folder(path.parent)


@contextlib.contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    from filelock import FileLock, Timeout

    with atomic.disk_errors(folder):
        atomic.make_folder(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StoreError(f"{folder / LOCK} cannot be locked: {error.strerror}. Check the disk.") from error
    try:
        yield True
    finally:
        lock.release()
