"""Verdicts given on a version after its publication: ``versions/.judgements/<id>.jsonl``, one per line, append-only.

A published version never changes, so they are kept beside it. A verdict that passes takes the version out of
``versions/failed/``: the line is written first, and ``recovery`` completes a move that a killed command left undone.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.contracts import Verdict
from pipeline.errors import StoreError
from pipeline.facts.base import Facts
from pipeline.store import atomic, manifest, typed_files, verdicts
from pipeline.store.home import Home

FOLDER = ".judgements"
FAILED = "failed"


class _Line(Facts):
    """A verdict as in ``verdict.json``, and the SHA-256 of the version's id, the line's number and the verdict."""

    verdict: dict[str, object]
    digest: str


_LINE = TypeAdapter(_Line)


def file(home: Home, version_id: str) -> Path:
    """Return where the later verdicts on a version are."""
    return home.versions / FOLDER / f"{version_id}.jsonl"


def file_of(folder: Path) -> Path:
    """Return where the later verdicts on the version in a folder are."""
    parent = folder.parent
    return (parent.parent if parent.name == FAILED else parent) / FOLDER / f"{folder.name}.jsonl"


def read(path: Path) -> tuple[Verdict, ...]:
    """Return the later verdicts on a version, oldest first; none if it was judged once.

    Raises:
        StoreError: A line is damaged or changed; the sentence names it.
    """
    lines = atomic.read_lines(path) if path.exists() else []
    return tuple(_verdict(path, number, text) for number, text in enumerate(lines, 1))


def append(home: Home, verdict: Verdict) -> None:
    """Add a verdict on a published version, durably.

    Raises:
        StoreError: The disk fails, or what is there is damaged.
    """
    path = file(home, verdict.candidate_id)
    value = verdicts.to_json(verdict)
    line = {"verdict": value, "digest": _digest(path, len(read(path)) + 1, value)}
    atomic.append_line(path, json.dumps(line, sort_keys=True, allow_nan=False))


def files(home: Home) -> list[Path]:
    """Return the file of every version that was judged again."""
    return sorted((home.versions / FOLDER).glob("*.jsonl"))


def passed(verdicts_given: Sequence[Verdict]) -> bool:
    """Return whether any of a version's verdicts lets it out of ``failed/``."""
    return any(verdict.outcome == "pass" for verdict in verdicts_given)


def _verdict(path: Path, number: int, text: str) -> Verdict:
    where = Path(f"{path}, line {number},")
    line = typed_files.parse(_LINE, text.encode(), where)
    if line.digest != _digest(path, number, line.verdict):
        raise StoreError(f"{where} was changed after it was written: restore the file from a backup.")
    return verdicts.from_json(line.verdict, where)


def _digest(path: Path, number: int, value: object) -> str:
    # Written and read again, so that tuples and lists give one digest.
    return manifest.canonical_digest([path.stem, number, json.loads(json.dumps(value))])
