"""What a watcher of an inbox leaves on disk, in ``datasets/<name>/``: ``watch.json`` and ``watch.jsonl``."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock
from pydantic import TypeAdapter

from pipeline.errors import StoreError
from pipeline.facts.watch_facts import WatchEvent, Watching, WatchState
from pipeline.store import atomic, typed_files
from pipeline.store.home import Home

STATE, JOURNAL, LOCK = "watch.json", "watch.jsonl", ".watch.lock"
_JOURNAL_LOCK = ".watch-journal.lock"
LATEST = 20
"""Maximum number of events shown."""
LOOK_SECONDS = 1.0
_STATE_SCHEMA, _EVENT_SCHEMA = TypeAdapter(WatchState), TypeAdapter(WatchEvent)


def read_state(home: Home, dataset: str) -> WatchState | None:
    """Return what a dataset's watcher recorded last, ``None`` if the dataset was never watched.

    Raises:
        StoreError: The record is damaged.
    """
    path = home.datasets / dataset / STATE
    if not path.exists():
        return None
    try:
        return typed_files.parse(_STATE_SCHEMA, atomic.read_bytes(path), path)
    except StoreError as error:
        raise StoreError(
            f"{error} Delete the file: what the inbox holds is ingested again, and copies are only counted."
        ) from error


def write_state(home: Home, state: WatchState) -> None:
    """Replace a watcher's record in one step.

    Raises:
        StoreError: The disk is full or fails.
    """
    atomic.write_json(home.datasets / state.dataset / STATE, state.model_dump(mode="json"))


def record(home: Home, event: WatchEvent) -> None:
    """Append an event, durably.

    Raises:
        StoreError: The disk is full or fails.
    """
    folder = home.datasets / event.dataset
    with atomic.disk_errors(folder), filelock.FileLock(folder / _JOURNAL_LOCK):
        atomic.append_line(folder / JOURNAL, event.model_dump_json(ensure_ascii=True))


def events(home: Home, dataset: str) -> list[WatchEvent]:
    """Return everything that happened, oldest first.

    Raises:
        StoreError: A line is damaged; the sentence names it.
    """
    path = home.datasets / dataset / JOURNAL
    return [
        typed_files.parse(_EVENT_SCHEMA, line.encode(), Path(f"{path}, line {number}"))
        for number, line in enumerate(atomic.read_lines(path), 1)
    ]


def watched(home: Home) -> list[Watching]:
    """Return every dataset that is or was watched, by name; one whose record is damaged is left out."""
    found = []
    for path in sorted(home.datasets.glob(f"*/{STATE}")):
        with contextlib.suppress(StoreError):
            found += [one] if (one := watching(home, path.parent.name)) else []
    return found


def watching(home: Home, dataset: str) -> Watching | None:
    """Return one watched dataset with its latest events, ``None`` if it was never watched.

    Raises:
        StoreError: Its record is damaged.
    """
    state = read_state(home, dataset)
    if state is None:
        return None
    return Watching(state=state, running=is_watched(home, dataset), events=tuple(events(home, dataset)[-LATEST:]))


@contextlib.contextmanager
def watching_alone(home: Home, dataset: str, inbox: Path) -> Iterator[None]:
    """Hold the locks of a dataset and its inbox, as their only watcher; both are freed if the process dies.

    Raises:
        StoreError: Another process watches one of them.
    """
    folder = home.datasets / dataset
    with contextlib.ExitStack() as held:
        for path, what in ((folder / LOCK, f"the dataset '{dataset}'"), (inbox / LOCK, f"{inbox}")):
            lock = filelock.FileLock(path)
            with atomic.disk_errors(path):
                try:
                    # A process that only checks holds it for a moment, too.
                    lock.acquire(timeout=LOOK_SECONDS)
                except filelock.Timeout as error:
                    raise StoreError(f"Another process is watching {what}: `watch --status` shows it.") from error
            held.callback(lock.release)
        yield


def is_watched(home: Home, dataset: str) -> bool:
    """Return whether a live process watches a dataset."""
    path = home.datasets / dataset / LOCK
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
