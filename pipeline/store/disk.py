"""Every call that changes or reads the disk, as one function each, so that tests have one place to make it fail.

Each function raises ``OSError`` as the operating system does; ``atomic`` turns it into a sentence.
"""

import os
import shutil
from io import BufferedReader
from pathlib import Path


def create(path: Path) -> int:
    """Create a new, empty file and return its descriptor; an existing file is never opened."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def open_to_append(path: Path) -> int:
    """Return the descriptor of an existing file, positioned at its end for every write."""
    return os.open(path, os.O_RDWR | os.O_APPEND)


def open_to_read(path: Path) -> BufferedReader:
    """Open a file for reading."""
    return path.open("rb")


def write(descriptor: int, content: memoryview) -> int:
    """Write without a buffer and return how many bytes were taken; a full disk may take only some."""
    return os.write(descriptor, content)


def truncate(descriptor: int, length: int) -> None:
    """Cut a file to a length in bytes."""
    os.ftruncate(descriptor, length)


def sync(descriptor: int) -> None:
    """Make a file or a folder durable."""
    os.fsync(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename a file or folder in one step; a file at the new name is replaced."""
    source.replace(target)


def unlink(path: Path) -> None:
    """Delete a file."""
    path.unlink()


def make_folder(path: Path) -> None:
    """Create one folder."""
    path.mkdir()


def remove_tree(folder: Path) -> None:
    """Delete a folder with everything in it."""
    shutil.rmtree(folder)
