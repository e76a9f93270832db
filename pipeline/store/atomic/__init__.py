"""Files that are whole or absent, also after a crash or on a full disk."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError, UnreadableError
from pipeline.store import disk, typed_files

TEMPORARY_SUFFIX = ".tmp"
BLOCK = 1 << 16
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

    Only for what leaves the path as it was when it fails.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} could not be written: {_reason(error)}. "
            f"Nothing there was changed; {_remedy(error)}, then run the command again."
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step, creating its folder; readers see the old content or the new.

    Raises:
        StoreError: The disk is full or refuses; the sentence says whether the file was replaced.
    """
    with disk_errors(path):
        make_folder(path.parent)
        with _temporary_beside(path) as (temporary, descriptor):
            _write_all(descriptor, content)
            disk.sync(descriptor)
            disk.rename(temporary, path)
    _confirm(path)


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
        UnreadableError: The disk refuses to read it.
        StoreError: It is missing.
    """
    with _read_errors(path), disk.open_to_read(path) as file:
        return file.read()


def read_json(path: Path) -> Any:
    """Return the value in a JSON file.

    Raises:
        UnreadableError: The disk refuses to read it.
        StoreError: The file is missing or damaged.
    """
    return typed_files.parse_json(read_bytes(path), path)


def append_line(path: Path, line: str, *, header: str | None = None) -> None:
    """Append one line durably; a last line that an earlier crash left torn is cut off first.

    A file that is missing or empty is created in one step, with its header if it has one.

    Raises:
        StoreError: The line contains a line feed, or the disk is full or refuses; the sentence says what became of
            the file.
    """
    if "\n" in line:
        raise StoreError(f"A line feed cannot be part of a line of {path}: nothing was written.")
    with disk_errors(path):
        descriptor = disk.open_to_append(path) if path.exists() else None
    if descriptor is None:
        _create_lines(path, line, header)
        return
    try:
        with disk_errors(path):
            whole = _whole_length(descriptor)
        if whole == 0:
            _create_lines(path, line, header)
        else:
            _append(path, descriptor, whole, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> list[str]:
    r"""Return the whole lines of a file that ``append_line`` writes; a torn last line does not count.

    Lines end with a line feed and with nothing else: ``\r``, U+0085 and U+2028 are characters like others.

    Raises:
        UnreadableError: The disk refuses to read it.
        StoreError: A line is not UTF-8; the sentence names it.
    """
    if not path.exists():
        return []
    lines = read_bytes(path).split(b"\n")[:-1]
    decoded = []
    for number, line in enumerate(lines, 1):
        try:
            decoded.append(line.decode())
        except UnicodeDecodeError as error:
            raise StoreError(
                f"{path}, line {number} is damaged: it is not UTF-8. Restore the file from a copy."
            ) from error
    return decoded


def is_torn(path: Path) -> bool:
    """Return whether a file of lines ends in the middle of a line, as a crash may leave it."""
    content = read_bytes(path) if path.exists() else b""
    return bool(content) and not content.endswith(b"\n")


def cut_torn_line(path: Path) -> bool:
    """Cut off the last line of a file if a crash left it torn; return whether it was.

    Raises:
        StoreError: The disk refuses.
    """
    if not is_torn(path):
        return False
    with disk_errors(path):
        descriptor = disk.open_to_append(path)
        try:
            disk.truncate(descriptor, _whole_length(descriptor))
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
    return True


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's content.

    Raises:
        UnreadableError: The disk refuses to read it.
        StoreError: It is missing.
    """
    with _read_errors(path), disk.open_to_read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(folder: Path) -> None:
    """Create a folder and its parents durably, as far as they are missing.

    Raises:
        OSError: The disk refuses.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        disk.make_folder(folder)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable.

    Raises:
        OSError: The disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder and all that is in it durable.

    Raises:
        OSError: The disk refuses.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb") as file:
                disk.sync(file.fileno())
        sync_folder(Path(parent))


def publish_folder(staging: Path, final: Path) -> None:
    """Sync a finished folder and give it its final name in one step; an existing one is never overwritten.

    Raises:
        StoreError: The final name is taken, or the disk refuses.
    """
    if final.exists():
        raise StoreError(f"{final} exists already and is never overwritten.")
    with disk_errors(final):
        make_folder(final.parent)
        sync_tree(staging)
        disk.rename(staging, final)
    _confirm(final)
    _confirm(staging)


def remove_tree(folder: Path) -> None:
    """Delete a folder; renamed first, so that it is never seen half deleted.

    What cannot be deleted after that is a leftover, which ``remove_temporaries`` deletes later.

    Raises:
        StoreError: The disk refuses the first step; the folder is still there.
    """
    if not folder.exists():
        return
    doomed = temporary_name(folder)
    with disk_errors(folder):
        disk.rename(folder, doomed)
    with contextlib.suppress(OSError):
        disk.remove_tree(doomed)


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


def _create_lines(path: Path, line: str, header: str | None) -> None:
    lines = (line,) if header is None else (header, line)
    write_bytes(path, "".join(f"{text}\n" for text in lines).encode())


def _append(path: Path, descriptor: int, whole: int, content: bytes) -> None:
    with disk_errors(path):
        if os.fstat(descriptor).st_size > whole:
            disk.truncate(descriptor, whole)
        try:
            _write_all(descriptor, content)
            disk.sync(descriptor)
        except OSError as error:
            _take_back(path, descriptor, whole, error)
            raise


def _take_back(path: Path, descriptor: int, whole: int, error: OSError) -> None:
    try:
        disk.truncate(descriptor, whole)
    except OSError as second:
        raise StoreError(
            f"{path} could not be written: {_reason(error)}, and what was written could not be undone: "
            f"{_reason(second)}. Its last line may be new: {_remedy(error)}, then run `simulator.py doctor`."
        ) from error


def _whole_length(descriptor: int) -> int:
    """The length of a file up to its last line feed."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[disk.write(descriptor, left) :]


def _confirm(path: Path) -> None:
    """Make the new name of a path durable; readers see it already, so the sentence must not deny it."""
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} was written, but the disk did not confirm it: {_reason(error)}. "
            "Check the disk, then run the command again."
        ) from error


@contextlib.contextmanager
def _temporary_beside(path: Path) -> Iterator[tuple[Path, int]]:
    """A new file, locked while its writer lives, so that no other process takes it for a leftover."""
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


@contextlib.contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing.") from error
    except OSError as error:
        raise UnreadableError(
            f"{path} cannot be read: {_reason(error)}. Check the disk and the permissions, then run the command again."
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _remedy(error: OSError) -> str:
    return REMEDIES.get(error.errno or 0, "check the disk")
