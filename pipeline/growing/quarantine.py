"""The review queue: images that wait for a person's decision, ``quarantine/<batch>.parquet``.

The files are shards with three columns more: ``cause``, ``opinions`` and ``twin``. They have a lock of their own, held
for moments only, so that neither a server that adds images nor a reviewer waits for a long ingest; whoever holds the
dataset's lock may take it, never the other way round.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from pipeline import moments
from pipeline.contracts import Images
from pipeline.data import digests, shards, snapshots
from pipeline.data.shards import Entry
from pipeline.errors import DataError
from pipeline.facts.base import Facts
from pipeline.growing import screening
from pipeline.store import atomic, disk
from pipeline.store.typed_files import first_fault

if TYPE_CHECKING:
    import pyarrow as pa

NO_LABEL = -1
"""The label of an image that has none, as ``datasets`` has it."""
CORRECTED, AUDIT, SHADOW, DRIFT = "corrected", "audit", "shadow disagreement", "drift"
CAUSES = (*screening.QUARANTINED, CORRECTED, AUDIT, SHADOW, DRIFT)
"""Why an image waits: its labels contradict each other, a model doubts its label, it nearly equals a benchmark image,
it has no label, there are too many of its class, a user of the web page corrected its prediction, it was drawn at
random, two versions predict different classes, or it is among the most unusual ones after a drift alarm."""
MOST_CLASSES = 5
"""Classes kept in an opinion: the most probable ones."""
LOCK = ".lock"
CAUSE, OPINIONS, TWIN = "cause", "opinions", "twin"


class Opinion(Facts):
    """What a model thinks of an image: its most probable classes."""

    version: str
    """Which version predicted, or a description of what did."""
    classes: tuple[str, ...] = Field(min_length=1, max_length=MOST_CLASSES)
    """The most probable first."""
    probabilities: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    """One for each of ``classes``."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if len(self.classes) != len(self.probabilities) or list(self.probabilities) != sorted(self.probabilities)[::-1]:
            raise ValueError("there must be one probability for each class, in descending order")
        return self

    @classmethod
    def of(cls, version: str, probabilities: NDArray[np.floating[Any]], classes: Sequence[str]) -> Self:
        """Return the opinion that a row of probabilities expresses.

        Args:
            version: Which version predicted.
            probabilities: ``[K]``.
            classes: The version's class names, ``[K]``.
        """
        best = np.argsort(-probabilities, kind="stable")[:MOST_CLASSES].tolist()
        shares = tuple(min(1.0, max(0.0, float(probabilities[index]))) for index in best)
        return cls(version=version, classes=tuple(classes[index] for index in best), probabilities=shares)


@dataclass(frozen=True)
class Waiting(Entry):
    """An image in the queue.

    ``label`` is the one that it arrived with, or ``NO_LABEL``; ``reason`` is a sentence on why it waits; ``selection``
    decides what it may be used for later.

    Attributes:
        cause: One of ``CAUSES``.
        opinions: What models think of it, the champion first; none if no model was asked.
        twin: The digest of the benchmark image that it nearly equals; empty where it equals none.
    """

    cause: str = screening.UNLABELLED
    opinions: tuple[Opinion, ...] = ()
    twin: str = ""


def selection_of(cause: str) -> str:
    """Return how an image with this cause was chosen: all but random audits are training data for good."""
    return {AUDIT: shards.AUDITED, CORRECTED: shards.CORRECTED}.get(cause, shards.DOUBTFUL)


def of_pixels(
    pixels: Images,
    *,
    cause: str,
    source: str,
    batch: str,
    label: int = NO_LABEL,
    reason: str = "",
    labelled_by: str = "",
    opinions: Sequence[Opinion] = (),
) -> Waiting:
    """Return an image as the queue takes it.

    Args:
        pixels: uint8 ``[H, W, C]``, prepared as the dataset declares.
        cause: One of ``CAUSES``; decides the selection.
        source: Where it came from: a file, or the id of a prediction.
        batch: Images of one batch share a file.
        label: Index of the class that somebody gave it.
        reason: A sentence for the reviewer.
        labelled_by: Who gave the label.
        opinions: What models think of it, the champion first.
    """
    return Waiting(
        png=shards.encode(pixels),
        label=label,
        digest=digests.image_digests(pixels[None]).tobytes().hex(),
        source=source,
        arrived_at=moments.now(),
        batch=batch,
        labelled_by=labelled_by,
        selection=selection_of(cause),
        reason=reason,
        cause=cause,
        opinions=tuple(opinions),
    )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a dataset's queue.

    Raises:
        StoreError: The disk is full or fails.
    """
    from filelock import FileLock

    place = folder / snapshots.QUARANTINE
    with atomic.disk_errors(place):
        atomic.make_folder(place)
        lock = FileLock(place / LOCK)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def batches(folder: Path) -> list[Path]:
    """Return the files of a dataset's queue, oldest first."""
    return sorted((folder / snapshots.QUARANTINE).glob("*.parquet"))


def add(folder: Path, batch: str, entries: Sequence[Waiting], classes: Sequence[str]) -> int:
    """Put images into the queue; returns how many are new to it.

    One that waits already is left as it is, unless it is now drawn for an audit: then it is reviewed as one, without
    the opinions of models; or unless it waited for a label and has one now, or a user corrects its prediction.

    Args:
        folder: The dataset's folder, ``datasets/<name>``.
        batch: The name of the file, without its ending; a batch may be added to again.
        entries: What is added.
        classes: The class names that the entries' labels count in: those of the newest snapshot.

    Raises:
        StoreError: The disk is full or fails; what waited before still does.
        DataError: A file of the queue is damaged.
    """
    if not entries:
        return 0
    with locked(folder):
        known = _known(folder)
        fresh = {entry.digest: entry for entry in entries if _is_news(entry, known.get(entry.digest))}
        if not fresh:
            return 0
        path = folder / snapshots.QUARANTINE / f"{batch}.parquet"
        before = [entry for entry in _read(path) if entry.digest not in fresh] if path.exists() else []
        atomic.write_bytes(path, shards.content(_table([*before, *fresh.values()], classes)))
        take_out(folder, fresh.keys() & known.keys(), but=path)
        return len(fresh.keys() - known.keys())


def waiting(folder: Path) -> list[Waiting]:
    """Return everything that waits, oldest first, each image once.

    Raises:
        DataError: A file is damaged.
    """
    found: dict[str, Waiting] = {}
    for path in batches(folder):
        for entry in _read(path):
            known = found.get(entry.digest)
            if _is_news(entry, (known.cause, known.label) if known else None):
                found[entry.digest] = entry
    return list(found.values())


def digests_of(folder: Path) -> set[str]:
    """Return the digests of everything that waits."""
    return {digest for path in batches(folder) for digest in shards.read(path, ["digest"]).column("digest").to_pylist()}


def unlabelled(folder: Path) -> set[str]:
    """Return the digests of what a label alone takes out of the queue: no audits, since those are labelled blind."""
    return {digest for digest, one in _known(folder).items() if _needs_a_label(*one)}


def discard(folder: Path, doomed: Collection[str]) -> int:
    """Take images out of the queue by their digests; returns how many there were.

    Raises:
        StoreError: The disk is full or fails.
    """
    if not batches(folder):
        return 0
    with locked(folder):
        return take_out(folder, doomed)


def take_out(folder: Path, doomed: Collection[str], but: Path | None = None) -> int:
    """Do what ``discard`` does, but for one file; the caller holds the queue's lock."""
    found = 0
    for path in batches(folder) if doomed else ():
        if path == but:
            continue
        rows = shards.read(path)
        kept = rows.filter([digest not in doomed for digest in rows.column("digest").to_pylist()])
        found += rows.num_rows - kept.num_rows
        if kept.num_rows == 0:
            with atomic.disk_errors(path):
                disk.unlink(path)
                atomic.sync_folder(path.parent)
        elif kept.num_rows < rows.num_rows:
            atomic.write_bytes(path, shards.content(kept))
    return found


def _is_news(entry: Waiting, known: tuple[str, int] | None) -> bool:
    if known is None:
        return True
    if entry.cause == CORRECTED == known[0]:
        return entry.label != known[1]
    says_something = entry.label != NO_LABEL or entry.cause == CORRECTED
    return (entry.cause == AUDIT != known[0]) or (says_something and _needs_a_label(*known))


def _needs_a_label(cause: str, label: int) -> bool:
    return label == NO_LABEL and cause not in (AUDIT, CORRECTED)


def _known(folder: Path) -> dict[str, tuple[str, int]]:
    """Cause and label of everything that waits, by digest."""
    found: dict[str, tuple[str, int]] = {}
    for path in batches(folder):
        rows = shards.read(path, ["digest", CAUSE, "label"])
        own = zip(rows.column(CAUSE).to_pylist(), rows.column("label").to_pylist(), strict=True)
        found.update(zip(rows.column("digest").to_pylist(), own, strict=True))
    return found


def _table(entries: Sequence[Waiting], classes: Sequence[str]) -> "pa.Table":
    import pyarrow as pa

    opinion = pa.struct(
        [("version", pa.string()), ("classes", pa.list_(pa.string())), ("probabilities", pa.list_(pa.float64()))]
    )
    opinions = [[one.model_dump(mode="json") for one in entry.opinions] for entry in entries]
    rows = shards.table(entries, classes)
    for name in (CAUSE, TWIN):
        rows = rows.append_column(name, pa.array([getattr(entry, name) for entry in entries], pa.string()))
    return rows.append_column(OPINIONS, pa.array(opinions, pa.list_(opinion)))


def _read(path: Path) -> Iterator[Waiting]:
    rows = shards.read(path)
    if not {CAUSE, OPINIONS, TWIN} <= set(rows.column_names):
        raise DataError(
            f"{path} was written by a version of this program without reviews: delete it and ingest its files again."
        )
    columns = (rows.column(name).to_pylist() for name in (CAUSE, OPINIONS, TWIN))
    for entry, cause, held, twin in zip(shards.entries(rows), *columns, strict=True):
        try:
            known = tuple(Opinion.model_validate(one, strict=False) for one in held)
        except ValidationError as error:
            raise DataError(f"{path} is damaged: {first_fault(error)}.") from error
        if cause not in CAUSES:
            raise DataError(f"{path} is damaged: '{cause}' is not a cause.")
        yield Waiting(**vars(entry), cause=cause, opinions=known, twin=twin)
