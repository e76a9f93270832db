"""Describe a failing disk in one accurate sentence."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import StoreError, UnreadableError

REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "fix the permissions",
    errno.EPERM: "fix the permissions",
    errno.EROFS: "make the disk writable",
}


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a failing disk into one sentence that names the path.

    Only for operations that leave the path unchanged if they fail.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} could not be written: {reason(error)}. "
            f"Nothing there was changed; {remedy(error)}, then run the command again."
        ) from error


@contextlib.contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn a file that is missing, or that the disk fails to read, into one sentence that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing.") from error
    except OSError as error:
        raise UnreadableError(
            f"{path} cannot be read: {reason(error)}. Check the disk and the permissions, then run the command again."
        ) from error


def reason(error: OSError) -> str:
    """Return what the operating system says."""
    return error.strerror or str(error)


def remedy(error: OSError) -> str:
    """Return what to do about it, as the beginning of a sentence."""
    return REMEDIES.get(error.errno or 0, "check the disk")
