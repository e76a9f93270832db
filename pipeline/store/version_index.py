"""What listings print of each version, kept in ``versions/.cache/index.sqlite`` so that it is verified only once.

The index is never trusted over the files: an entry counts only while inode, size and both times of what is printed, of
the models, and of every folder of the version are what they were when the version was verified. It can be deleted at
any time; one that is damaged, locked or cannot be written is ignored, and the files are read instead.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.contracts import Outcome, Standing, Version
from pipeline.errors import StoreError
from pipeline.judging import standings
from pipeline.store import atomic, judgements, manifest, version_folder, versions
from pipeline.store.home import Home

FILE = "index.sqlite"
LAYOUT = 4
"""Entries of another layout are not read."""
SETTLED_SECONDS = 2.0
"""A file that changed this recently may change again within one tick of its clock: it is not indexed yet."""
LOCK_SECONDS = 0.2
LATER = judgements.FOLDER
"""In a stamp, the name of the file with later verdicts."""
Stamp = dict[str, list[int]]
"""Inode, size, and times of the last change of content and of status in nanoseconds, by file name."""
Entry = tuple[Stamp, dict[str, Any]]


@dataclass(frozen=True)
class VersionSummary:
    """What listings print of a version; what could not be verified is ``None``.

    Attributes:
        id: Its folder's name.
        folder: Where it is.
        dataset, recipe, train_size, created_at, fit_seconds, digest: As in its manifest.
        accuracy, accuracy_low, accuracy_high: On the benchmark, with the 95 % interval.
        outcome: Its latest verdict; an error if it is damaged.
        standing: How that is shown.
        judged_at: When that was, UTC, ISO 8601.
        judgements: How often it was judged.
        fully_verified: Whether its digests cover all of its facts.
        damage: What is wrong with its files, in a sentence; ``None`` if all is well.
        in_production: Whether it is its dataset's champion now.
        was_in_production: Whether it was, and is no longer.
        override: The reason, where a person promoted it against the gate.
    """

    id: str
    folder: Path
    dataset: str | None
    recipe: str | None
    train_size: int | None
    created_at: str | None
    fit_seconds: float | None
    digest: str | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    outcome: Outcome
    standing: Standing
    judged_at: str
    judgements: int
    fully_verified: bool
    damage: str | None
    in_production: bool = False
    was_in_production: bool = False
    override: str | None = None


_SUMMARY = TypeAdapter(VersionSummary)


def summaries(home: Home) -> list[VersionSummary]:
    """Return what listings print of every version, oldest first, verified as ``versions.list_versions`` does."""
    started = time.time()
    with _opened(home) as index:
        known = _entries(index)
        found: dict[str, VersionSummary] = {}
        fresh: dict[str, tuple[Stamp, VersionSummary]] = {}
        for folder in versions.folders(home):
            key = folder.name if folder.parent == home.versions else f"{folder.parent.name}/{folder.name}"
            if (indexed := _indexed(known.get(key), folder)) is not None:
                found[key] = indexed
                continue
            before = _stamp_of_version(folder)
            found[key] = summary_of(version_folder.read(versions.found_again(folder)))
            if before and _is_settled(before, started) and before == _stamp(folder, before):
                fresh[key] = (before, found[key])
        _update(index, fresh, known.keys() - found.keys())
    now = versions.standing(home)
    return [replace(one, **now.of(one.id)) if one.id in now.deployed else one for one in found.values()]


def file(home: Home) -> Path:
    """Return the path of the index."""
    return home.cache / FILE


def is_whole(home: Home) -> bool:
    """Return whether the index is missing or a sound database; looks without changing it."""
    path = file(home)
    if not path.exists():
        return True
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)) as index:
            return bool(index.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except sqlite3.OperationalError:
        # Another process is writing to it.
        return True
    except sqlite3.Error:
        return False


def remove_damaged(home: Home) -> list[str]:
    """Delete an index that is damaged; the next listing rebuilds it. Return what was done.

    Raises:
        StoreError: The disk fails.
    """
    if is_whole(home):
        return []
    with atomic.disk_errors(file(home)):
        file(home).unlink()
    return ["Deleted the damaged index of versions; the next listing rebuilds it."]


def _indexed(entry: Entry | None, folder: Path) -> VersionSummary | None:
    """Return what the index has on a folder, if its files are those that were verified."""
    if entry is None or _stamp(folder, entry[0]) != entry[0]:
        return None
    try:
        return _SUMMARY.validate_python({**entry[1], "folder": folder}, extra="forbid")
    except ValidationError:
        return None


def summary_of(version: Version) -> VersionSummary:
    """Return what listings print of a version that was read."""
    facts, scores = version.known_manifest, version.known_scores
    return VersionSummary(
        id=version.id,
        folder=version.folder,
        dataset=facts.dataset.name if facts else None,
        recipe=facts.recipe if facts else None,
        train_size=facts.rows.train_size if facts else None,
        created_at=facts.created_at if facts else None,
        fit_seconds=facts.timings.fit_seconds if facts else None,
        digest=facts.digest if facts else None,
        accuracy=scores.accuracy.value if scores else None,
        accuracy_low=scores.accuracy.low if scores else None,
        accuracy_high=scores.accuracy.high if scores else None,
        outcome=version.verdict.outcome,
        standing=standings.of_version(version),
        judged_at=version.verdict.judged_at,
        judgements=len(version.verdicts),
        fully_verified=version.fully_verified,
        damage=version.damage,
        in_production=version.in_production,
        was_in_production=version.was_in_production,
        override=version.override,
    )


def _stamp(folder: Path, names: Iterable[str]) -> Stamp | None:
    """Return the stamp of these files and folders; ``None`` if one of them cannot be looked at."""
    root = str(folder)
    stamp: Stamp = {}
    try:
        for name in (name for name in names if name != LATER):
            seen = os.lstat(f"{root}/{name}")
            stamp[name] = [seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
    except OSError:
        return None
    # What a version has none of until it is judged again.
    with contextlib.suppress(OSError):
        seen = os.lstat(judgements.file_of(folder))
        stamp[LATER] = [seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
    return stamp


def _stamp_of_version(folder: Path) -> Stamp | None:
    """Return the stamp of a version; ``None`` if its manifest is damaged, so that it is read each time.

    A file that is added, removed or replaced shows in the times of its folder.
    """
    try:
        facts = manifest.read(folder)
    except StoreError:
        return None
    folders = {str(Path(name).parent) for name in facts.files}
    return _stamp(folder, {*version_folder.LISTED, manifest.MODEL, facts.native_file, *folders})


def _is_settled(stamp: Stamp, started: float) -> bool:
    return max(max(times) for _, _, *times in stamp.values()) < (started - SETTLED_SECONDS) * 1e9


@contextlib.contextmanager
def _opened(home: Home) -> Iterator[sqlite3.Connection | None]:
    """The index, rebuilt where it is damaged; ``None`` if there can be none."""
    path = file(home)
    connection = _connect(path) or _remade(path)
    try:
        yield connection
    finally:
        if connection is not None:
            connection.close()


def _connect(path: Path) -> sqlite3.Connection | None:
    try:
        path.parent.mkdir(exist_ok=True)
        connection = sqlite3.connect(path, timeout=LOCK_SECONDS)
    except (OSError, sqlite3.Error):
        return None
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS versions (key TEXT PRIMARY KEY, entry TEXT NOT NULL)")
        connection.execute("PRAGMA synchronous = OFF")
    except sqlite3.Error:
        connection.close()
        return None
    return connection


def _remade(path: Path) -> sqlite3.Connection | None:
    try:
        with path.open("rb") as file:
            damaged = file.read(16) not in (b"", b"SQLite format 3\0")
        if damaged:
            path.unlink()
    except OSError:
        return None
    return _connect(path) if damaged else None


def _entries(index: sqlite3.Connection | None) -> dict[str, Entry]:
    """Return stamp and facts of each entry; nothing if the index cannot be read."""
    if index is None:
        return {}
    try:
        rows = index.execute("SELECT key, entry FROM versions").fetchall()
        found = {key: json.loads(entry) for key, entry in rows}
        return {key: (entry["stamp"], entry["facts"]) for key, entry in found.items() if entry["layout"] == LAYOUT}
    except (sqlite3.Error, ValueError, TypeError, KeyError):
        return {}


def _update(
    index: sqlite3.Connection | None, fresh: Mapping[str, tuple[Stamp, VersionSummary]], gone: set[str]
) -> None:
    if index is None or not (fresh or gone):
        return
    rows = [(key, json.dumps(_entry(stamp, summary))) for key, (stamp, summary) in fresh.items()]
    # What cannot be kept is verified again the next time.
    with contextlib.suppress(sqlite3.Error), index:
        index.executemany("INSERT OR REPLACE INTO versions VALUES (?, ?)", rows)
        index.executemany("DELETE FROM versions WHERE key = ?", [(key,) for key in gone])


def _entry(stamp: Stamp, summary: VersionSummary) -> dict[str, Any]:
    changing = ("folder", "in_production", "was_in_production", "override")
    facts = {name: value for name, value in asdict(summary).items() if name not in changing}
    return {"layout": LAYOUT, "stamp": stamp, "facts": facts}
