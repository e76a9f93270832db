"""One writer per home folder; each first recovers what a killed one left behind."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import StoreError
from pipeline.store import atomic, recovery
from pipeline.store.home import Home

if TYPE_CHECKING:
    from filelock import BaseFileLock


@contextlib.contextmanager
def writing(home: Home, *, wait: bool, notify: Callable[[str], None]) -> Iterator[recovery.Recovery]:
    """Hold the home's lock and recover; the only way to write to the home.

    The operating system frees the lock if the process is killed.

    Args:
        home: The home folder.
        wait: Wait for another run to end; otherwise fail at once.
        notify: Receives a sentence if it waits, and one for each thing that was recovered.

    Yields:
        What was recovered.

    Raises:
        StoreError: Another run holds the lock and ``wait`` is false, or the home is damaged.
    """
    with exclusive(home, wait=wait, notify=notify):
        found = recovery.recover(home)
        for sentence in found.notices:
            notify(sentence)
        yield found


@contextlib.contextmanager
def exclusive(home: Home, *, wait: bool, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold the home's lock without recovering; for the doctor alone, which looks before it repairs.

    Raises:
        StoreError: Another run holds the lock and ``wait`` is false.
    """
    with atomic.disk_errors(home.versions):
        atomic.make_folder(home.versions)
    lock = _lock_of(home)
    if not _acquired(lock, home):
        if not wait:
            raise StoreError(f"Another run is writing to {home.root}: wait for it to end, or leave out --no-wait.")
        notify(f"Another run is writing to {home.root}; waiting for it to end.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_held(home: Home) -> bool:
    """Return whether another process is writing to the home now; changes nothing on disk."""
    if not _file(home).exists():
        return False
    lock = _lock_of(home)
    try:
        free = _acquired(lock, home)
    except StoreError:
        return False
    lock.release()
    return not free


def _file(home: Home) -> Path:
    return home.versions / ".lock"


def _lock_of(home: Home) -> "BaseFileLock":
    # Imported here, since it brings asyncio, TLS and SQLite, which commands that only read do not need.
    from filelock import FileLock

    return FileLock(_file(home))


def _acquired(lock: "BaseFileLock", home: Home) -> bool:
    from filelock import Timeout

    with atomic.disk_errors(home.versions):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
    return True
