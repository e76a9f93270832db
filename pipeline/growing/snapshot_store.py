"""Write snapshots: each is published by one rename, and what a killed writer left behind is cleaned up by the next.

Order of a commit: the new shard, whole and synced; then the manifest, which makes it count; then shards that the
newest snapshot no longer uses move to ``retired/``. A crash between two of these steps leaves the last snapshot
intact, and ``recover`` completes or undoes the rest.
"""

import contextlib
import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from pipeline import moments
from pipeline.data import shards, snapshots
from pipeline.data.notices import Notify
from pipeline.data.preparation import Preparation
from pipeline.data.shards import Entry
from pipeline.data.snapshots import Shard, Snapshot
from pipeline.errors import StoreError
from pipeline.store import atomic, disk
from pipeline.store.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

LOCK = ".lock"
SHARD_PIXELS = 64 * 2**20
"""Bytes of decoded pixels in one shard, at most."""


@dataclass(frozen=True)
class Terms:
    """What every image of a dataset has in common."""

    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    preparation: Preparation


@dataclass(frozen=True)
class Change:
    """What the next snapshot differs in.

    Attributes:
        made_by: In words: ``ingest 20261121-134502-7f3a``.
        terms: Of the next snapshot; classes may only be added, at the end.
        added: New images.
        struck: Digests of images that are no longer in it.
        removed: Whether struck images are refused from now on, should they arrive again.
    """

    made_by: str
    terms: Terms
    added: Sequence[Entry] = ()
    struck: Collection[str] = ()
    removed: bool = False


@contextlib.contextmanager
def writing(folder: Path, *, wait: bool, notify: Notify) -> Iterator[None]:
    """Hold a dataset's lock, and bring its folder back to order first.

    Raises:
        StoreError: Another process is writing to the dataset and ``wait`` is false.
    """
    with atomic.disk_errors(folder):
        atomic.make_folder(folder)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        if not wait:
            raise StoreError(
                f"Another process is writing to {folder}: wait for it to end, or leave out --no-wait."
            ) from error
        notify(f"Another process is writing to {folder}; waiting for it to end.")
        lock.acquire()
    try:
        for sentence in recover(folder):
            notify(sentence)
        yield
    finally:
        lock.release()


def commit(folder: Path, parent: Snapshot | None, change: Change) -> Snapshot:
    """Publish the next snapshot; the caller holds the dataset's lock.

    Args:
        folder: ``datasets/<name>``.
        parent: The newest snapshot, ``None`` for the first.
        change: What is added and struck.

    Raises:
        StoreError: The disk is full or fails; the last snapshot is intact.
        DataError: A shard of the parent is damaged.
    """
    number = parent.number + 1 if parent else 1
    name = f"{number:06d}"
    kept = list(_kept_shards(folder, parent, change, name)) if parent else []
    new = list(_new_shards(folder, change, name))
    snapshot = Snapshot(
        name=folder.name,
        number=number,
        parent=parent.number if parent else None,
        created_at=moments.now(),
        made_by=change.made_by,
        classes=change.terms.classes,
        shape=change.terms.shape,
        preparation=change.terms.preparation,
        shards=(*kept, *new),
        class_counts=class_counts(folder, (*kept, *new), change.terms.classes),
        removed=_removed(parent, change),
    ).sealed()
    publish(folder, snapshot)
    retire(folder)
    return snapshot


def publish(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot's manifest in one step."""
    atomic.write_json(snapshots.manifest_file(folder, snapshot.number), snapshot.model_dump(mode="json"))


def rewrite(
    folder: Path, shard: Shard, name: str, classes: Sequence[str], without: Collection[str] = ()
) -> Shard | None:
    """Rewrite a shard with other class names or without some images; ``None`` where nothing is left of it."""
    rows = shards.read(snapshots.shard_file(folder, shard))
    if without:
        rows = rows.filter([digest not in without for digest in rows.column("digest").to_pylist()])
    rows = rows.replace_schema_metadata(shards.schema(classes).metadata)
    return _write(folder, name, rows) if rows.num_rows else None


def recover(folder: Path) -> list[str]:
    """Remove what a killed writer left unfinished; returns what was done, in sentences."""
    done = []
    if atomic.remove_temporaries(folder, deep=True):
        done.append(f"Removed half-written files of a killed process in {folder}.")
    orphans = _unreferenced(folder)
    for path in orphans:
        with atomic.disk_errors(path):
            disk.unlink(path)
    if orphans:
        done.append(f"Removed {len(orphans)} shards in {folder} that no snapshot names.")
    retire(folder)
    return done


def retire(folder: Path) -> None:
    """Move the shards that only older snapshots use out of the folder that other programs open."""
    newest = snapshots.latest(folder)
    used = {shard.file for shard in newest.shards} if newest else set()
    retired = folder / snapshots.RETIRED
    for path in (folder / snapshots.SHARDS).glob("*.parquet"):
        if path.name not in used:
            with atomic.disk_errors(path):
                atomic.make_folder(retired)
                disk.rename(path, retired / path.name)
                atomic.sync_folder(retired)


def reports_folder(home: Home, dataset: str) -> Path:
    """Return where the pages on a dataset's batches go."""
    return home.batch_pages / dataset


def batch_id(names: Iterable[str]) -> str:
    """Return the id of a batch: the time and a digest of what is in it, so that ids sort by time."""
    content = hashlib.sha256("\0".join(names).encode()).hexdigest()
    return f"{moments.id_now()}-{content[:4]}"


def stored_rows(folder: Path, snapshot: Snapshot, columns: Sequence[str]) -> "Iterator[pa.Table]":
    """Yield some columns of every shard of a snapshot, in order."""
    return (shards.read(snapshots.shard_file(folder, shard), columns) for shard in snapshot.shards)


def _kept_shards(folder: Path, parent: Snapshot, change: Change, name: str) -> Iterator[Shard]:
    """The parent's shards; those that lose an image, or whose class names are outdated, as new files."""
    struck = set(change.struck)
    renamed = change.terms.classes != parent.classes
    for position, shard in enumerate(parent.shards):
        rows = shards.read(snapshots.shard_file(folder, shard), ["digest"]) if struck else None
        loses = rows is not None and not struck.isdisjoint(rows.column("digest").to_pylist())
        if not loses and not renamed:
            yield shard
        elif fresh := rewrite(folder, shard, f"{name}-{position:04d}.parquet", change.terms.classes, struck):
            yield fresh


def _new_shards(folder: Path, change: Change, name: str) -> Iterator[Shard]:
    """What is added, in shards whose pixels fit into memory easily: they are decoded, checked and rewritten whole."""
    most = max(1, SHARD_PIXELS // math.prod(change.terms.shape))
    for start in range(0, len(change.added), most):
        part = f"{name}.parquet" if start == 0 else f"{name}-part-{start // most + 1:04d}.parquet"
        yield _write(folder, part, shards.table(change.added[start : start + most], change.terms.classes))


def _write(folder: Path, name: str, rows: "pa.Table") -> Shard:
    atomic.write_bytes(folder / snapshots.SHARDS / name, shards.content(rows))
    return Shard(file=name, rows=rows.num_rows, sha256=shards.content_digest(rows))


def class_counts(folder: Path, parts: Sequence[Shard], classes: Sequence[str]) -> dict[str, int]:
    """Count the images of some shards by class name."""
    counts = dict.fromkeys(classes, 0)
    for shard in parts:
        for label in shards.read(snapshots.shard_file(folder, shard), ["label"]).column("label").to_pylist():
            counts[classes[label]] += 1
    return counts


def _removed(parent: Snapshot | None, change: Change) -> tuple[str, ...]:
    before = parent.removed if parent else ()
    # An image that a person brings back is no longer refused.
    back = {entry.digest for entry in change.added}
    struck = change.struck if change.removed else ()
    return tuple(sorted({*before, *struck} - back))


def _unreferenced(folder: Path) -> list[Path]:
    named = {shard.file for number in snapshots.numbers(folder) for shard in snapshots.read(folder, number).shards}
    places = (folder / snapshots.SHARDS, folder / snapshots.RETIRED)
    return [path for place in places for path in place.glob("*.parquet") if path.name not in named]
