"""``metric_results/tuning/<dataset>/<recipe>-<digest>.jsonl``: a study, then a line for each of its trials."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import filelock
from pydantic import TypeAdapter

from pipeline.errors import StoreError
from pipeline.facts.base import Facts
from pipeline.facts.tuning_facts import Study, Trial, Tuned
from pipeline.store import atomic, manifest, typed_files
from pipeline.store.home import Home

FOLDER = "tuning"
_STUDY = TypeAdapter(Study)
_TRIAL = TypeAdapter(Trial)
T = TypeVar("T")


def digest(study: Study) -> str:
    """Return what identifies a study."""
    return manifest.canonical_digest(study.model_dump(mode="json", exclude_none=True))


def file(home: Home, study: Study) -> Path:
    """Return where a study is recorded."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", study.recipe)
    return _folder(home, study.dataset) / f"{name}-{digest(study)[:8]}.jsonl"


def read(home: Home, study: Study) -> list[Trial]:
    """Return the trials of a study, in the order of their end; a last line that a crash left torn never counted.

    Raises:
        StoreError: The file is damaged, or is that of another study.
    """
    path = file(home, study)
    known = _read(path)
    if known is None:
        return []
    if known[0] != study:
        raise StoreError(f"{path} belongs to another study: move it away.")
    return known[1]


def append(home: Home, study: Study, trial: Trial) -> None:
    """Record a trial durably; the caller holds the study.

    Raises:
        StoreError: The disk fails.
    """
    atomic.append_line(file(home, study), _line(trial), header=_line(study))


@contextlib.contextmanager
def exclusive(home: Home, study: Study) -> Iterator[None]:
    """Hold a study; the home stays free for runs, which never write to it.

    Raises:
        StoreError: Another process holds it, or the disk fails.
    """
    path = file(home, study)
    with atomic.disk_errors(path.parent):
        atomic.make_folder(path.parent)
    lock = filelock.FileLock(path.with_suffix(".lock"), timeout=0)
    with atomic.disk_errors(path.parent):
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise StoreError(f"Another process is using {path}: wait for it to end.") from error
    try:
        yield
    finally:
        lock.release()


def tuned(home: Home, dataset: str, recipe: str, parameters: dict[str, Any]) -> Tuned | None:
    """Return how these parameters were found; ``None`` if no study of the dataset has them, other than as its defaults.

    Raises:
        StoreError: A study is damaged.
    """
    found = None
    for path in sorted(_folder(home, dataset).glob("*.jsonl")):
        study, trials = _read(path) or (None, [])
        if study is None or study.recipe != recipe:
            continue
        if any(one.number and one.outcome == "complete" and one.parameters == parameters for one in trials):
            here = Tuned(trials=len(trials), study=digest(study))
            found = here if found is None or here.trials > found.trials else found
    return found


def _folder(home: Home, dataset: str) -> Path:
    return home.metric_results / FOLDER / dataset


def _line(facts: Facts) -> str:
    return json.dumps(facts.as_json())


def _read(path: Path) -> tuple[Study, list[Trial]] | None:
    lines = atomic.read_lines(path)
    if not lines:
        return None
    study = _parsed(_STUDY, lines[0], path, 1)
    return study, [_parsed(_TRIAL, line, path, number) for number, line in enumerate(lines[1:], 2)]


def _parsed(adapter: TypeAdapter[T], line: str, path: Path, number: int) -> T:
    try:
        return typed_files.parse(adapter, line.encode(), path)
    except StoreError as error:
        raise StoreError(f"{error} See line {number}; move the file away to start a new search.") from error
