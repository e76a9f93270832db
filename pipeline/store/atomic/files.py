"""Whole files: replaced in one step, and read."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.store import disk, typed_files
from pipeline.store.atomic.faults import disk_errors, read_errors
from pipeline.store.atomic.folders import confirm, make_folder
from pipeline.store.atomic.temporary_files import temporary_beside


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step, creating its folder; readers see the old content or the new.

    Raises:
        StoreError: The disk is full or fails; the sentence says whether the file was replaced.
    """
    write_parts(path, [content])


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file part by part, as ``write_bytes`` does: for a content that need not be in memory as a whole."""
    with disk_errors(path):
        make_folder(path.parent)
        with temporary_beside(path) as (temporary, descriptor):
            for part in parts:
                write_all(descriptor, part)
            disk.sync(descriptor)
            disk.rename(temporary, path)
    confirm(path)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as ``write_bytes`` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON as ``write_bytes`` does; NaN is refused, since JSON has none."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        content = text.encode()
    except UnicodeEncodeError:
        # A lone surrogate, as in a path that is not UTF-8, has no bytes of its own but an escape.
        content = json.dumps(value, indent=2, allow_nan=False).encode()
    write_bytes(path, content + b"\n")


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        UnreadableError: The disk fails to read it.
        StoreError: It is missing.
    """
    with read_errors(path), disk.open_to_read(path) as file:
        return file.read()


def read_json(path: Path) -> Any:
    """Return the value in a JSON file.

    Raises:
        UnreadableError: The disk fails to read it.
        StoreError: The file is missing or damaged.
    """
    return typed_files.parse_json(read_bytes(path), path)


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's content.

    Raises:
        UnreadableError: The disk fails to read it.
        StoreError: It is missing.
    """
    with read_errors(path), disk.open_to_read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of a content, however little of it the disk takes at a time.

    Raises:
        OSError: The disk fails; some of it may be written.
    """
    left = memoryview(content)
    while left:
        left = left[disk.write(descriptor, left) :]
