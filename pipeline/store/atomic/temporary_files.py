"""Temporary files and folders: locked while their writer lives, and removed once it is dead."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pipeline.store import disk

TEMPORARY_SUFFIX = ".tmp"


def temporary_name(path: Path) -> Path:
    """Return a new name beside a path, which ``remove_temporaries`` recognises."""
    return path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")


def temporaries(folder: Path, *, deep: bool = False) -> list[Path]:
    """Return what killed writers left in a folder, or anywhere below it; what a live process is writing is not."""
    pattern = f".*{TEMPORARY_SUFFIX}"
    found = sorted(folder.rglob(pattern) if deep else folder.glob(pattern)) if folder.is_dir() else []
    outermost = [path for path in found if not any(parent in found for parent in path.parents)]
    return [path for path in outermost if _abandoned(path, delete=False)]


def remove_temporaries(folder: Path, *, deep: bool = False) -> int:
    """Delete what killed writers left in a folder, or anywhere below it; return how many there were.

    To be called under the home's lock: temporary folders are only ever made under it.
    """
    return sum(_abandoned(path, delete=True) for path in temporaries(folder, deep=deep))


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[tuple[Path, int]]:
    """Yield a new file beside a path and its descriptor.

    It is locked while its writer lives, so that no other process takes it for a leftover; deleted if the writer fails.
    """
    temporary, descriptor = _locked_file(path)
    try:
        yield temporary, descriptor
    except BaseException:
        with contextlib.suppress(OSError):
            disk.unlink(temporary)
        raise
    finally:
        os.close(descriptor)


def _locked_file(path: Path) -> tuple[Path, int]:
    while True:
        temporary = temporary_name(path)
        descriptor = disk.create(temporary)
        _lock(descriptor, wait=True)
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        # Another process deleted it between its creation and its lock.
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock a file; whether it is free. Without locks on this file system every file is."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _abandoned(path: Path, *, delete: bool) -> bool:
    """Whether no live process writes a temporary; deleted, if asked, while no process can take it up."""
    try:
        if path.is_dir() and not path.is_symlink():
            if delete:
                disk.remove_tree(path)
            return True
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        free = _lock(descriptor, wait=False)
        if free and delete:
            disk.unlink(path)
        return free
    except OSError:
        return False
    finally:
        os.close(descriptor)
