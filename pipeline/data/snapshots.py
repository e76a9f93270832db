"""Growing datasets: ``datasets/<name>/``, a sequence of immutable snapshots of append-only Parquet shards.

::

    snapshots/000007.json   which shards the snapshot consists of, its classes, shape and preparation
    shards/                 the shards of the newest snapshot: what pandas, DuckDB and ``datasets`` open
    retired/                shards that only older snapshots use
    quarantine/             what waits for a person's decision, one Parquet file per batch
    .cache/                 decoded pixels, memory-mapped; safe to delete

This module reads; ``pipeline.growing`` writes.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.contracts import LabelledImages
from pipeline.data import digests, shard_cache, shards
from pipeline.data.preparation import Preparation, as_facts, in_words
from pipeline.errors import DataError
from pipeline.stored_images import joined

SNAPSHOTS, SHARDS, RETIRED, QUARANTINE = "snapshots", "shards", "retired", "quarantine"
REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,63})(@(?P<number>\d{1,6}))?")
SMALLEST_CLASS = 3
"""A class needs an image in each role."""


class Shard(BaseModel):
    """One Parquet file of a snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """Its name, in ``shards/`` or ``retired/``."""
    rows: int = Field(ge=1)
    """Images in it."""
    sha256: str
    """Digest of what it says (``shards.content_digest``)."""


class Snapshot(BaseModel):
    """``snapshots/<number>.json``: a dataset as it was at one time. It never changes, except when bytes are erased."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    """The dataset's name."""
    number: int = Field(ge=1)
    """Counts from 1."""
    parent: int | None
    """The snapshot that this one was made from."""
    created_at: str
    """UTC, ISO 8601."""
    made_by: str
    """What made it, in words: ``ingest 20261121-134502-7f3a``."""
    classes: tuple[str, ...]
    """Class names in label order; new ones are added at the end."""
    shape: tuple[int, int, int]
    """Height, width and channels of every image."""
    preparation: Preparation
    """How pictures become pixels, here and wherever a version of this dataset predicts."""
    shards: tuple[Shard, ...]
    class_counts: dict[str, int]
    """Images by class name."""
    removed: tuple[str, ...] = ()
    """Digests of images that a person removed; they are not taken in again."""
    erased: int = Field(default=0, ge=0)
    """Images of this snapshot whose bytes and digests were erased later."""
    digest: str = ""
    """Sha256 of all of the above."""

    @model_validator(mode="after")
    def _sealed(self) -> Self:
        if self.digest and self.digest != self.content_sha256():
            raise ValueError("its digest does not match: it was changed")
        return self

    @property
    def id(self) -> str:
        """``name@number``, as ``--dataset`` takes it."""
        return f"{self.name}@{self.number}"

    @property
    def images(self) -> int:
        """How many images it holds."""
        return sum(shard.rows for shard in self.shards)

    def content_sha256(self) -> str:
        """Return the SHA-256 over every field but ``digest``."""
        facts = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def sealed(self) -> "Snapshot":
        """Return the same with its digest."""
        return self.model_copy(update={"digest": self.content_sha256()})


def names(datasets: Path) -> list[str]:
    """Return the datasets that have a snapshot, by name."""
    return sorted({path.parents[1].name for path in datasets.glob(f"*/{SNAPSHOTS}/*.json")})


def numbers(folder: Path) -> list[int]:
    """Return the numbers of a dataset's snapshots, ascending."""
    return sorted(int(path.stem) for path in (folder / SNAPSHOTS).glob("*.json") if path.stem.isdigit())


def manifest_file(folder: Path, number: int) -> Path:
    """Return where the manifest of a snapshot is."""
    return folder / SNAPSHOTS / f"{number:06d}.json"


def refers(spec: str, datasets: Path | None) -> bool:
    """Return whether ``--dataset`` text names a dataset here, with or without a snapshot."""
    match = REFERENCE.fullmatch(spec)
    return match is not None and datasets is not None and bool(numbers(datasets / match["name"]))


def find(datasets: Path, spec: str) -> Snapshot:
    """Return the snapshot that ``NAME`` or ``NAME@SNAPSHOT`` refers to; without a number, the newest.

    Raises:
        DataError: There is no such dataset or snapshot, or its manifest is damaged.
    """
    match = REFERENCE.fullmatch(spec)
    found = numbers(datasets / match["name"]) if match else []
    if match is None or not found:
        raise DataError(f"There is no dataset '{spec}' in {datasets}: `simulator.py dataset list` lists them.")
    number = int(match["number"]) if match["number"] else found[-1]
    if number not in found:
        raise DataError(f"{match['name']} has no snapshot {number}: it has {found[0]} to {found[-1]}.")
    return read(datasets / match["name"], number)


def latest(folder: Path) -> Snapshot | None:
    """Return the newest snapshot of a dataset's folder, ``None`` if there is none yet."""
    found = numbers(folder)
    return read(folder, found[-1]) if found else None


def read(folder: Path, number: int) -> Snapshot:
    """Return one snapshot's manifest.

    Raises:
        DataError: It is damaged.
    """
    path = manifest_file(folder, number)
    try:
        return Snapshot.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise DataError(f"{path} cannot be read: {reason}. Restore it from a backup.") from error


def shard_file(folder: Path, shard: Shard) -> Path:
    """Return the path of a shard, among those of the newest snapshot or the retired ones.

    Raises:
        DataError: It is in neither.
    """
    for place in (SHARDS, RETIRED):
        if (path := folder / place / shard.file).exists():
            return path
    raise DataError(f"{folder / SHARDS / shard.file} is missing: restore it from a backup.")


def load(folder: Path, snapshot: Snapshot, name: str | None = None) -> LabelledImages:
    """Return every image of a snapshot, in the order of arrival, mapped from the cache, which is made if it is missing.

    Args:
        folder: The dataset's folder, ``datasets/<name>``.
        snapshot: Which of its snapshots.
        name: Another name for the lineage of versions that are trained on it.

    Raises:
        DataError: A shard is missing or damaged, or a class has too few images to train and judge.
    """
    _check_classes(snapshot)
    parts = [
        shard_cache.pixels(folder, shard_file(folder, shard), shard.sha256, snapshot.shape) for shard in snapshot.shards
    ]
    labels = np.concatenate([part.labels for part in parts])
    image_digests = np.concatenate([part.digests for part in parts])
    return LabelledImages(
        name=name or snapshot.name,
        source=f"dataset {snapshot.id}",
        images=joined([part.images for part in parts]),
        labels=labels,
        classes=snapshot.classes,
        digests=image_digests,
        sha256=digests.labelled_digest(image_digests, labels, snapshot.classes),
        selection=np.concatenate([part.selection for part in parts]),
        origin=snapshot.id,
        preparation=as_facts(snapshot.preparation),
    )


def files_of(folder: Path, snapshot: Snapshot, rows: Iterable[int]) -> dict[int, str]:
    """Return the file that some images came from, as it was named when it was ingested, by row of ``load``.

    Raises:
        DataError: A shard is missing or damaged.
    """
    wanted, first = sorted(set(rows)), 0
    found: dict[int, str] = {}
    for shard in snapshot.shards:
        own = [row for row in wanted if first <= row < first + shard.rows]
        if own:
            sources = shards.read(shard_file(folder, shard), ["source"]).column("source")
            found |= {row: str(sources[row - first]) for row in own}
        first += shard.rows
    return found


def is_trainable(snapshot: Snapshot) -> bool:
    """Return whether each class has enough images to train and judge, so that ``load`` does not refuse it."""
    return _shortage(snapshot) is None


def _check_classes(snapshot: Snapshot) -> None:
    if (shortage := _shortage(snapshot)) is not None:
        raise DataError(shortage)


def _shortage(snapshot: Snapshot) -> str | None:
    if len(snapshot.classes) < 2:
        return f"{snapshot.id} has only one class ({snapshot.classes[0]}): ingest images of a second one."
    few = [name for name in snapshot.classes if snapshot.class_counts.get(name, 0) < SMALLEST_CLASS]
    if few:
        count = snapshot.class_counts.get(few[0], 0)
        images = "1 image" if count == 1 else f"{count} images"
        return f"{snapshot.id}: class {few[0]} has {images} where {SMALLEST_CLASS} are needed: ingest more of it."
    return None


def facts_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a listing shows of a snapshot."""
    return {
        "snapshot": snapshot.id,
        "created_at": snapshot.created_at,
        "made_by": snapshot.made_by,
        "images": snapshot.images,
        "class_counts": snapshot.class_counts,
        "shape": list(snapshot.shape),
        "preparation": in_words(snapshot.preparation),
        "removed": len(snapshot.removed),
        "erased": snapshot.erased,
        "digest": snapshot.digest,
    }
