"""``metric_results/submissions.csv``: what was sent to Kaggle, and what became of it."""

import contextlib
import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

import filelock
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.errors import StoreError
from pipeline.store import atomic
from pipeline.store.home import Home
from pipeline.text import cell, from_cell

NAME = "submissions.csv"
Status = Literal["sending", "unknown", "refused", "pending", "complete", "error"]
Fraction = Annotated[float, Field(ge=0, le=1)]
UNCERTAIN: tuple[Status, ...] = ("sending", "unknown")
"""Kaggle may or may not have the submission."""


@dataclass(frozen=True)
class Record:
    """One attempt to submit: a row of the file, its fields in the order of the columns.

    Attributes:
        submitted_at: UTC, ISO 8601, of the moment just before it was sent.
        competition: Its name in Kaggle's addresses.
        version, digest: Which version predicted.
        file_sha256: Digest of the file that was sent.
        rows: How many predictions it holds.
        message: The description it was sent with; no two attempts share one.
        reference: Kaggle's number, ``None`` until it is known.
        status: ``sending`` while it is being sent, and after a crash there; ``unknown`` if Kaggle may or may not
            have it; ``refused`` if it was certainly not submitted; then as Kaggle says.
        expected_low, expected_score, expected_high: The score expected before sending, with its 95 % interval.
        public_score: Kaggle's, ``None`` until it is known.
        leak: Whether the version was trained on test images and submitted all the same.
        reason: Why it was refused, is unknown or could not be scored, in a sentence.
    """

    submitted_at: str
    competition: str
    version: str
    digest: str
    file_sha256: str
    rows: Annotated[int, Field(ge=0)]
    message: Annotated[str, Field(min_length=1)]
    reference: int | None
    status: Status
    expected_low: Fraction
    expected_score: Fraction
    expected_high: Fraction
    public_score: float | None = None
    leak: bool = False
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What is never sent twice: competition, version, file."""
        return self.competition, self.version, self.file_sha256


COLUMNS = tuple(field.name for field in fields(Record))
_OPTIONAL = ("reference", "public_score")
_SCHEMA = TypeAdapter(Record)


def read(home: Home) -> list[Record]:
    """Return every record, oldest first.

    Raises:
        StoreError: The file is damaged.
    """
    path = home.metric_results / NAME
    if not path.exists():
        return []
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), restval="", strict=True))
        return [_from_text(line) for line in lines]
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        fault = f"{'.'.join(map(str, problem['loc'])) or 'a row'}: {problem['msg']}"
        raise StoreError(f"{path} is damaged ({fault}): restore it from a copy, or move it away.") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a copy, or move it away.") from error


def save(home: Home, record: Record) -> None:
    """Add a record, or replace the one with its message; the file is replaced in one step.

    To be called inside ``exclusive``.

    Raises:
        StoreError: The disk refuses, or the file is damaged.
    """
    records = {(known.competition, known.message): known for known in read(home)}
    records[record.competition, record.message] = record
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_to_text(known) for known in records.values())
    atomic.write_text(home.metric_results / NAME, text.getvalue())


def attempts(home: Home, key: tuple[str, str, str]) -> list[Record]:
    """Return the records of this competition, version and file, newest first."""
    return [record for record in reversed(read(home)) if record.key == key]


def of_competition(home: Home, competition: str) -> list[Record]:
    """Return the records of one competition, oldest first."""
    return [record for record in read(home) if record.competition == competition]


def of_version(home: Home, version_id: str) -> list[Record]:
    """Return the records of one version, oldest first."""
    return [record for record in read(home) if record.version == version_id]


def latest(home: Home, competition: str) -> Record | None:
    """Return the last record of a competition that Kaggle has, or may have."""
    sent = [record for record in of_competition(home, competition) if record.status != "refused"]
    return max(sent, key=lambda record: record.submitted_at, default=None)


def figures(home: Home) -> dict[str, dict[str, float]]:
    """Return the expected and the public score of each version's last scored submission, by version id."""
    return {
        record.version: {"kaggle.expected_score": record.expected_score, "kaggle.public_score": record.public_score}
        for record in read(home)
        if record.public_score is not None
    }


@contextlib.contextmanager
def exclusive(home: Home, wait_seconds: float = 60.0) -> Iterator[None]:
    """Hold the lock on sending and on the record; it is a separate lock, since sending may take minutes.

    Raises:
        StoreError: Another process held it for longer than ``wait_seconds``.
    """
    home.versions.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(home.versions / ".submissions.lock", timeout=wait_seconds)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise StoreError(f"Another process is submitting from {home.root}: wait for it to end.") from error
    try:
        yield
    finally:
        lock.release()


def _to_text(record: Record) -> dict[str, Any]:
    values = asdict(record) | {"leak": str(record.leak).lower()}
    return {name: "" if value is None else cell(str(value)) for name, value in values.items()}


def _from_text(line: dict[str, str]) -> Record:
    values: dict[str, str | None] = {name: from_cell(line[name]) for name in COLUMNS}
    return _SCHEMA.validate_python(values | {name: values[name] or None for name in _OPTIONAL})
