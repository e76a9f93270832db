"""Read what was served: ``served/<dataset>/<version>/<id>.parquet``, small files that ``serve --log`` writes.

Each file is named by an id that no id in it exceeds, so the names alone say where to resume reading. Files only ever
appear, are merged into the last one of those they replace, or lose rows that were deleted: a reader that goes
through them in the order of their names, and looks again where one was gone, misses nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.store import prediction_ids, served_files
from pipeline.store.home import Home
from pipeline.store.served_files import Served

SUFFIX = ".parquet"
FULL = 4_096
"""Rows of a file that is not merged any further."""
SETTLED_SECONDS = 10
"""After this time, every prediction that will ever be on disk is there."""


def read(
    home: Home, dataset: str, *, version: str | None = None, after: str = "", settled: bool = False
) -> Iterator[Served]:
    """Return everything logged, oldest first, file by file: one is held in memory at a time.

    To read on later, give ``settled`` and remember the largest id: what is left out now comes the next time.

    Args:
        home: The home folder.
        dataset: Whose champion served.
        version: Only what this version answered; ``None`` for all.
        after: Only predictions with larger ids.
        settled: Leave out the last seconds, in which an earlier prediction of another server may still be missing.

    Raises:
        StoreError: A file is damaged.
    """
    until = prediction_ids.first_after((time.time_ns() // 1_000) - SETTLED_SECONDS * 1_000_000) if settled else "~"
    lately: set[str] = set()
    for served in _files_once(home, dataset, version, after):
        kept = [row for row, one in enumerate(served.ids) if after < one < until and one not in lately]
        if len(served) < FULL:
            lately.update(served.ids)
        if kept:
            yield served.rows(kept)


def find(home: Home, dataset: str, prediction_id: str) -> Served | None:
    """Return one prediction; ``None`` if it was never logged, is deleted, or is not on disk yet.

    Raises:
        StoreError: A file is damaged.
    """
    for path in files(home, dataset):
        if path.stem >= prediction_id and prediction_id in ids_in(path):
            served = served_files.read(path)
            if served is not None and prediction_id in served.ids:
                return served.rows([served.ids.index(prediction_id)])
    return None


def ids_in(path: Path) -> list[str]:
    """Return the ids in a file; none if it is no longer there.

    Raises:
        StoreError: It is damaged.
    """
    rows = served_files.read_table(path, ["prediction_id"])
    return [] if rows is None else rows.column("prediction_id").to_pylist()


@dataclass(frozen=True)
class Kept:
    """What is kept of one version's predictions; times are UTC, ISO 8601."""

    dataset: str
    version: str
    predictions: int
    first: str
    last: str


def summary(home: Home, dataset: str) -> list[Kept]:
    """Return how much is kept of each version, by its id.

    Raises:
        StoreError: A file is damaged.
    """
    found: dict[str, set[str]] = {}
    for path in files(home, dataset):
        found.setdefault(path.parent.name, set()).update(ids_in(path))
    known = sorted((version, ids) for version, ids in found.items() if ids)
    return [
        Kept(dataset, version, len(ids), prediction_ids.when(min(ids)), prediction_ids.when(max(ids)))
        for version, ids in known
    ]


def datasets(home: Home) -> list[str]:
    """Return the datasets that have a log, by name."""
    return sorted(path.name for path in home.served.glob("*") if path.is_dir())


def files(home: Home, dataset: str, version: str | None = None) -> list[Path]:
    """Return the files of a dataset's log, or of one version in it, oldest first."""
    paths = home.served_of(dataset).glob(f"*/*{SUFFIX}")
    return sorted((path for path in paths if version in (None, path.parent.name)), key=lambda path: path.stem)


def _files_once(home: Home, dataset: str, version: str | None, after: str) -> Iterator[Served]:
    """Read every file; what was merged away meanwhile is in one with a later name, perhaps a new one."""
    done: set[Path] = set()
    complete = False
    while not complete:
        complete = True
        for path in files(home, dataset, version):
            if path in done or path.stem <= after:
                continue
            done.add(path)
            served = served_files.read(path)
            if served is None:
                complete = False
            else:
                yield served
