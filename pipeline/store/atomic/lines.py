"""Files of lines that only grow, such as ledgers and histories."""

import os
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.store import disk
from pipeline.store.atomic.faults import disk_errors, reason, remedy
from pipeline.store.atomic.files import read_bytes, write_all, write_bytes

BLOCK = 1 << 16


def append_line(path: Path, line: str, *, header: str | None = None) -> None:
    """Append one line durably; a last line that an earlier crash left torn is cut off first.

    A file that is missing or empty is created in one step, with its header if it has one.

    Raises:
        StoreError: The line contains a line feed, or the disk is full or fails; the sentence says what became of
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
        UnreadableError: The disk fails to read it.
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
                f"{path}, line {number} is damaged: it is not UTF-8. Restore the file from a backup."
            ) from error
    return decoded


def is_torn(path: Path) -> bool:
    """Return whether a file of lines ends in the middle of a line, as a crash may leave it."""
    content = read_bytes(path) if path.exists() else b""
    return bool(content) and not content.endswith(b"\n")


def cut_torn_line(path: Path) -> bool:
    """Cut off the last line of a file if a crash left it torn; return whether it was.

    Raises:
        StoreError: The disk fails.
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


def _create_lines(path: Path, line: str, header: str | None) -> None:
    lines = (line,) if header is None else (header, line)
    write_bytes(path, "".join(f"{text}\n" for text in lines).encode())


def _append(path: Path, descriptor: int, whole: int, content: bytes) -> None:
    with disk_errors(path):
        if os.fstat(descriptor).st_size > whole:
            disk.truncate(descriptor, whole)
        try:
            write_all(descriptor, content)
            disk.sync(descriptor)
        except OSError as error:
            _take_back(path, descriptor, whole, error)
            raise


def _take_back(path: Path, descriptor: int, whole: int, error: OSError) -> None:
    try:
        disk.truncate(descriptor, whole)
    except OSError as second:
        raise StoreError(
            f"{path} could not be written: {reason(error)}, and what was written could not be undone: "
            f"{reason(second)}. Its last line may be new: {remedy(error)}, then run `simulator.py doctor`."
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
