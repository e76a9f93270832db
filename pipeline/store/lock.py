"""One writer per home folder."""

import contextlib
from collections.abc import Callable, Iterator

import filelock

from pipeline.errors import StoreError
from pipeline.store import atomic
from pipeline.store.home import Home


@contextlib.contextmanager
def exclusive(home: Home, *, wait: bool, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold the home's lock; the operating system frees it if the process is killed.

    Args:
        home: The home folder.
        wait: Wait for another run to end; otherwise fail at once.
        notify: Told once that it waits.

    Raises:
        StoreError: Another run holds the lock and ``wait`` is false.
    """
    with atomic.disk_errors(home.versions):
        home.versions.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(home.versions / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        if not wait:
            raise StoreError(
                f"Another run is writing to {home.root}: wait for it to end, or leave out --no-wait."
            ) from error
        notify(f"Another run is writing to {home.root}; waiting for it to end.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
