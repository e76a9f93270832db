"""``metric_results/submissions.csv``: what was sent to Kaggle, and what became of it."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import StoreError
from pipeline.facts.submission import Status, SubmissionRecord
from pipeline.store import atomic
from pipeline.store.home import Home
from pipeline.text import cell, from_cell

NAME = "submissions.csv"
UNCERTAIN: tuple[Status, ...] = ("sending", "unknown")
"""Kaggle may or may not have the submission."""
RECEIVED: tuple[Status, ...] = ("pending", "complete")
"""Kaggle has it, and has scored it or will."""

SAVING_SECONDS = 60.0
"""How long to wait for another process that writes the file."""
COLUMNS = tuple(field.name for field in fields(SubmissionRecord))
_OPTIONAL = ("reference", "public_score", "refit")
_LATER = ("metric", "refit")
"""Columns that files of earlier releases lack."""
_SCHEMA = TypeAdapter(SubmissionRecord)


def read(home: Home) -> list[SubmissionRecord]:
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
        raise StoreError(f"{path} is damaged ({fault}): restore it from a backup, or move it away.") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a backup, or move it away.") from error


def save(home: Home, record: SubmissionRecord) -> None:
    """Add a record, or replace the one with its message; the file is replaced in one step.

    To be called inside ``exclusive`` of the record's competition, but for the score of a submission that is there.

    Raises:
        StoreError: The disk fails, the file is damaged, or another process held its lock for a minute.
    """
    with _file_lock(home):
        records = {(known.competition, known.message): known for known in read(home)}
        records[record.competition, record.message] = record
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_to_text(known) for known in records.values())
        atomic.write_text(home.metric_results / NAME, text.getvalue())


def attempts(home: Home, competition: str, file_sha256: str) -> list[SubmissionRecord]:
    """Return the records of a file in a competition, whichever version predicted it, newest first."""
    return [record for record in reversed(read(home)) if record.key == (competition, file_sha256)]


def of_competition(home: Home, competition: str) -> list[SubmissionRecord]:
    """Return the records of one competition, oldest first."""
    return [record for record in read(home) if record.competition == competition]


def of_version(home: Home, version_id: str) -> list[SubmissionRecord]:
    """Return the records of one version, oldest first."""
    return [record for record in read(home) if record.version == version_id]


def latest(home: Home, competition: str) -> SubmissionRecord | None:
    """Return the last record of a competition that Kaggle has, or may have."""
    sent = [record for record in of_competition(home, competition) if record.status != "refused"]
    return max(sent, key=lambda record: record.submitted_at, default=None)


def figures(home: Home) -> dict[str, dict[str, float]]:
    """Return the scores of each version's last scored submission, and that of its refit's, by version id."""
    found: dict[str, dict[str, float]] = {}
    for record in read(home):
        if record.public_score is None:
            continue
        own = found.setdefault(record.version, {})
        if record.refit:
            own["kaggle.refit_public_score"] = record.public_score
        else:
            own["kaggle.expected_score"] = record.expected_score
            own["kaggle.public_score"] = record.public_score
    return found


@contextlib.contextmanager
def exclusive(
    home: Home, competition: str, wait_seconds: float = 60.0, notify: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock on sending to a competition and on its records; others go on, since sending may take minutes.

    Args:
        home: The home folder.
        competition: The competition.
        wait_seconds: How long to wait for another process.
        notify: Receives a sentence if it waits; ``None`` where nobody reads it.

    Raises:
        StoreError: Another process held it for longer than ``wait_seconds``, or no competition can have this name.
    """
    from filelock import FileLock, Timeout

    other = f"Another process is submitting to {competition} from {home.root}, or updating its records"
    home.versions.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.versions / f".submissions-{home.competition(competition).name}.lock")
    try:
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
        if not lock.is_locked:
            if notify is not None:
                notify(f"{other}; waiting up to {wait_seconds:.0f} s for it to end.")
            lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise StoreError(f"{other}: wait for it to end.") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _file_lock(home: Home) -> Iterator[None]:
    """Hold the lock on the file, which the records of all competitions share, while it is replaced."""
    from filelock import FileLock, Timeout

    home.versions.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.versions / ".submissions.lock", timeout=SAVING_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreError(f"Another process is writing {home.metric_results / NAME}: wait for it to end.") from error
    try:
        yield
    finally:
        lock.release()


def _to_text(record: SubmissionRecord) -> dict[str, Any]:
    values = asdict(record) | {"leak": str(record.leak).lower()}
    return {name: "" if value is None else cell(str(value)) for name, value in values.items()}


def _from_text(line: dict[str, str]) -> SubmissionRecord:
    named = [name for name in COLUMNS if name in line or name not in _LATER]
    values: dict[str, str | None] = {name: from_cell(line[name]) for name in named}
    return _SCHEMA.validate_python(values | {name: values.get(name) or None for name in _OPTIONAL})
