"""Images that wait for a person's decision: ``quarantine/<batch>.parquet``, in the same form as a shard."""

from collections.abc import Collection, Sequence
from pathlib import Path

from pipeline.data import shards, snapshots
from pipeline.data.shards import Entry
from pipeline.store import atomic, disk

NO_LABEL = -1
"""The label of an image that has none, as ``datasets`` has it."""


def batches(folder: Path) -> list[Path]:
    """Return the files of a dataset's quarantine, oldest first."""
    return sorted((folder / snapshots.QUARANTINE).glob("*.parquet"))


def add(folder: Path, batch: str, entries: Sequence[Entry], classes: Sequence[str]) -> None:
    """Set images aside.

    Raises:
        StoreError: The disk is full or refuses.
    """
    if entries:
        path = folder / snapshots.QUARANTINE / f"{batch}.parquet"
        atomic.write_bytes(path, shards.content(shards.table(entries, classes)))


def waiting(folder: Path) -> list[Entry]:
    """Return everything that waits, oldest first.

    Raises:
        DataError: A file is damaged.
    """
    return [entry for path in batches(folder) for entry in shards.entries(shards.read(path))]


def digests_of(folder: Path) -> set[str]:
    """Return the digests of everything that waits."""
    return {digest for path in batches(folder) for digest in shards.read(path, ["digest"]).column("digest").to_pylist()}


def discard(folder: Path, digests: Collection[str]) -> int:
    """Take images out of the quarantine; returns how many there were.

    Raises:
        StoreError: The disk is full or refuses.
    """
    found = 0
    for path in batches(folder):
        rows = shards.read(path)
        kept = rows.filter([digest not in digests for digest in rows.column("digest").to_pylist()])
        found += rows.num_rows - kept.num_rows
        if kept.num_rows == 0:
            with atomic.disk_errors(path):
                disk.unlink(path)
                atomic.sync_folder(path.parent)
        elif kept.num_rows < rows.num_rows:
            atomic.write_bytes(path, shards.content(kept))
    return found
