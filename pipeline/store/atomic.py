"""Files that are there whole or not at all, also after a crash or on a full disk."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError

TEMPORARY_SUFFIX = ".tmp"


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a failing disk into one sentence that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"{path} could not be written: {reason}. "
            "Nothing there was changed; free space or mend the rights, then run again."
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step, creating its folder; readers see the old content or the new.

    Raises:
        StoreError: The disk is full or refuses; the old content still stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` for UTF-8 text."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """``write_bytes`` for JSON, indented for people; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        StoreError: The file is missing or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing.") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}.") from error


def append_line(path: Path, line: str) -> None:
    """Append one line durably; a line that an earlier crash left torn is cut off first.

    Raises:
        StoreError: The disk is full or refuses; the file ends with its last whole line.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(0)
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
            try:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(file.fileno(), whole)
                raise
        sync_folder(path.parent)


def read_lines(path: Path) -> list[str]:
    """The whole lines of a file that ``append_line`` writes; a torn last line never counted."""
    if not path.exists():
        return []
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1].decode().splitlines()


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder and all that is in it durable."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(parent))


def publish_folder(staging: Path, final: Path) -> None:
    """Sync a finished folder and give it its final name in one step; an existing one is never overwritten.

    Raises:
        StoreError: The final name is taken, or the disk refuses.
    """
    if final.exists():
        raise StoreError(f"{final} exists already and is never overwritten.")
    with disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(staging)
        staging.rename(final)
        sync_folder(final.parent)
        sync_folder(staging.parent)


def remove_tree(folder: Path) -> None:
    """Delete a folder; renamed first, so that it is never seen half deleted."""
    if not folder.exists():
        return
    doomed = folder.with_name(f".{folder.name.lstrip('.')}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with disk_errors(folder):
        folder.rename(doomed)
        shutil.rmtree(doomed)


def remove_temporaries(folder: Path, *, deep: bool = False) -> int:
    """Delete what killed writers left in a folder, or anywhere below it; returns how many there were."""
    pattern = f".*{TEMPORARY_SUFFIX}"
    leftovers = list(folder.rglob(pattern) if deep else folder.glob(pattern)) if folder.is_dir() else []
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return len(leftovers)
