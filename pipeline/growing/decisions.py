"""What reviewers decided: ``quarantine/decisions.jsonl``, append-only, a line a decision.

A decision counts as soon as its line is on disk. It is pending until it is stored with others in the
next snapshot; until then it can be undone. Lines stay when they are stored: they say who decided what, and when.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from pipeline.data import snapshots
from pipeline.facts.base import Facts
from pipeline.store import atomic, typed_files

FILE = "decisions.jsonl"
LONGEST_NAME = 100

ImageDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Action = Literal["label", "discard", "skip"]


class Decided(Facts):
    """A reviewer decided on an image."""

    event: Literal["decided"] = "decided"
    digest: ImageDigest
    """Of the image."""
    action: Action
    """It gets a label, it is not used, or it waits for later."""
    label: str | None
    """The name of its class; ``None`` unless it gets a label."""
    reviewer: str
    """Who decided."""
    decided_at: str
    """UTC, ISO 8601."""
    blind: bool
    """Whether neither predictions nor labels were shown."""
    cause: str
    """Why it was looked at: one of ``quarantine.CAUSES``."""
    source: str
    """Where the image came from: a file, or the id of a prediction."""


class Undone(Facts):
    """A pending decision was taken back."""

    event: Literal["undone"] = "undone"
    digest: ImageDigest
    decided_at: str


class Stored(Facts):
    """Decisions were stored; those on these images are no longer pending."""

    event: Literal["stored"] = "stored"
    digests: tuple[ImageDigest, ...]
    batch: str
    decided_at: str


Line = Annotated[Decided | Undone | Stored, Field(discriminator="event")]
_LINE: TypeAdapter[Decided | Undone | Stored] = TypeAdapter(Line)


@dataclass(frozen=True)
class Decisions:
    """All decisions for a dataset that were not undone.

    Attributes:
        pending: Those that are not stored yet, by digest, in the order of deciding.
        stored: Those that are, in that order.
    """

    pending: dict[str, Decided] = field(default_factory=dict)
    stored: list[Decided] = field(default_factory=list)


def path_of(folder: Path) -> Path:
    """Return the file of a dataset."""
    return folder / snapshots.QUARANTINE / FILE


def read(folder: Path) -> Decisions:
    """Return the decisions of a dataset; none where nothing was reviewed yet.

    Raises:
        StoreError: The file is damaged; the sentence names the line.
    """
    found = Decisions()
    for line in _lines(folder):
        match line:
            case Decided():
                found.pending.pop(line.digest, None)
                found.pending[line.digest] = line
            case Undone():
                found.pending.pop(line.digest, None)
            case Stored():
                found.stored.extend(found.pending.pop(one) for one in line.digests if one in found.pending)
    return found


def append(folder: Path, line: Decided | Undone | Stored) -> None:
    """Add a line durably; the caller holds the queue's lock.

    Raises:
        StoreError: The disk is full or fails.
    """
    atomic.append_line(path_of(folder), line.model_dump_json())


def forget(folder: Path, doomed: Collection[str]) -> None:
    """Delete every trace of some images; the caller holds the queue's lock.

    Raises:
        StoreError: The disk is full or fails.
    """
    lines = _lines(folder)
    kept = [one for line in lines if (one := _without(line, doomed)) is not None]
    if kept != lines:
        atomic.write_text(path_of(folder), "".join(f"{line.model_dump_json()}\n" for line in kept))


def _without(line: Decided | Undone | Stored, doomed: Collection[str]) -> Decided | Undone | Stored | None:
    if isinstance(line, Stored):
        digests = tuple(digest for digest in line.digests if digest not in doomed)
        return line.model_copy(update={"digests": digests}) if digests else None
    return None if line.digest in doomed else line


def _lines(folder: Path) -> list[Decided | Undone | Stored]:
    return list(_parsed(path_of(folder), atomic.read_lines(path_of(folder))))


def _parsed(path: Path, lines: Iterable[str]) -> Iterable[Decided | Undone | Stored]:
    for number, line in enumerate(lines, start=1):
        yield typed_files.parse(_LINE, line.encode(), path.with_name(f"{path.name}, line {number}"))
