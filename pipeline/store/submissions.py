"""``metric_results/submissions.csv``: what was sent to Kaggle, and what became of it."""

import contextlib
import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import filelock

from pipeline.errors import StoreError
from pipeline.store import atomic
from pipeline.store.home import Home

NAME = "submissions.csv"
Status = Literal["sending", "refused", "pending", "complete", "error"]


@dataclass(frozen=True)
class Record:
    """One row of the file, in the order of its columns.

    Attributes:
        submitted_at: UTC, ISO 8601, of the moment just before it was sent.
        competition: Its name in Kaggle's addresses.
        version, digest: Which version predicted.
        file_sha256: Digest of the file that was sent.
        rows: How many predictions it holds.
        message: The description it was sent with; no two records share one.
        reference: Kaggle's number, ``None`` until it is known.
        status: What is known of it.
        expected_low, expected_score, expected_high: The score expected before sending, with its 95 % interval.
        public_score: Kaggle's, ``None`` until it is known.
        leak: Whether the version was trained on test images and submitted all the same.
        reason: Kaggle's sentence where it was refused or could not be scored.
    """

    submitted_at: str
    competition: str
    version: str
    digest: str
    file_sha256: str
    rows: int
    message: str
    reference: int | None
    status: Status
    expected_low: float
    expected_score: float
    expected_high: float
    public_score: float | None = None
    leak: bool = False
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What is never sent twice."""
        return self.competition, self.version, self.file_sha256


COLUMNS = tuple(field.name for field in fields(Record))


def read(home: Home) -> list[Record]:
    """Every record, oldest first.

    Raises:
        StoreError: The file is damaged.
    """
    path = home.metric_results / NAME
    if not path.exists():
        return []
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text()), strict=True))
        return [_from_text(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a copy, or move it away.") from error


def save(home: Home, record: Record) -> None:
    """Add a record, or replace the one with its key; the file is replaced in one step.

    To be called inside ``exclusive``.

    Raises:
        StoreError: The disk refuses, or the file is damaged.
    """
    records = read(home)
    kept = {known.key: known for known in records} | {record.key: record}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_to_text(known) for known in kept.values())
    atomic.write_text(home.metric_results / NAME, text.getvalue())


def find(home: Home, key: tuple[str, str, str]) -> Record | None:
    """The record of this competition, version and file."""
    return next((record for record in read(home) if record.key == key), None)


def latest(home: Home, competition: str) -> Record | None:
    """The last record of a competition that Kaggle has, or may have."""
    sent = [record for record in read(home) if record.competition == competition and record.status != "refused"]
    return max(sent, key=lambda record: record.submitted_at, default=None)


def of_version(home: Home, version_id: str) -> list[Record]:
    """The records of one version, oldest first."""
    return [record for record in read(home) if record.version == version_id]


@contextlib.contextmanager
def exclusive(home: Home, wait_seconds: float = 60.0) -> Iterator[None]:
    """Be the only one who submits or writes the record; a lock of its own, since sending may take minutes.

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
    return {name: "" if value is None else value for name, value in values.items()}


def _from_text(line: dict[str, str]) -> Record:
    values: dict[str, Any] = {name: line[name] for name in COLUMNS}
    for name in ("expected_low", "expected_score", "expected_high"):
        values[name] = float(line[name])
    values["rows"] = int(line["rows"])
    values["reference"] = int(line["reference"]) if line["reference"] else None
    values["public_score"] = float(line["public_score"]) if line["public_score"] else None
    values["leak"] = line["leak"] == "true"
    return Record(**values)
