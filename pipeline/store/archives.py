"""Unpack untrusted archives: nothing is written outside the target folder, and the unpacked size is limited."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.errors import DataError
from pipeline.store import atomic

MOST_MEMBERS = 1_000_000
LEAST_ALLOWED_BYTES = 2**30
MOST_EXPANSION = 100
"""An archive may unpack to this many times its size, and to ``LEAST_ALLOWED_BYTES`` in any case."""
MOST_LEVELS = 4
"""How deeply archives may be nested."""
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    stream: IO[bytes]


def is_archive(path: Path) -> bool:
    """Return whether the name is that of an archive."""
    return path.name.lower().endswith(ENDINGS)


def unpack(archive: Path, target: Path, largest: int) -> None:
    """Unpack the regular files of a zip or tar archive into a folder; links and devices are left out.

    Args:
        archive: The archive.
        target: The folder.
        largest: Maximum size of one file in it, in bytes.

    Raises:
        DataError: The archive is damaged, encrypted, too large, or names a file outside its own folder.
        StoreError: The disk is full or fails.
    """
    allowed = max(LEAST_ALLOWED_BYTES, MOST_EXPANSION * archive.stat().st_size)
    try:
        members = _zip_members(archive) if archive.suffix.lower() == ".zip" else _tar_members(archive)
        for number, member in enumerate(members):
            allowed -= member.size
            if number >= MOST_MEMBERS or allowed < 0:
                raise DataError(f"{archive} unpacks to far more than its size suggests: unpack it yourself first.")
            if member.size > largest:
                raise DataError(f"{archive}: {member.name} has {member.size:,} bytes; the most is {largest:,}.")
            _write(member, _inside(archive, target, member.name))
    except (
        *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError),
        *(RuntimeError, NotImplementedError),
    ) as error:
        raise DataError(f"{archive} cannot be unpacked: {error}. Create the archive again.") from error


def unpack_inside(folder: Path, largest: int) -> None:
    """Replace every archive below a folder by what is in it, archives inside archives included.

    An archive with a single file or folder becomes that; one with several becomes a folder of its own name.

    Args:
        folder: Where to look; hidden folders and those of macOS are removed.
        largest: Maximum size of one file in an archive, in bytes.

    Raises:
        DataError: An archive cannot be unpacked, or what is in it is there already.
        StoreError: The disk is full or fails.
    """
    for _ in range(MOST_LEVELS):
        found = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_archive(path)]
        if not found:
            return
        for archive in found:
            _replace(archive, largest)
    raise DataError(f"{folder} has archives inside archives, more than {MOST_LEVELS} deep: unpack them yourself first.")


def _replace(archive: Path, largest: int) -> None:
    scratch = atomic.temporary_name(archive)
    unpack(archive, scratch, largest)
    with atomic.disk_errors(archive):
        scratch.mkdir(exist_ok=True)  # an archive without files
        content = [path for path in scratch.iterdir() if not path.name.startswith((".", "__MACOSX"))]
        source = content[0] if len(content) == 1 else scratch
        target = archive.with_name(content[0].name if len(content) == 1 else _stem(archive.name))
        archive.unlink()
        if target.is_dir() and source.is_dir():  # parts of one folder
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif target.exists():
            raise DataError(f"{archive} holds {target.name}, which already exists next to it: remove one of them.")
        else:
            source.rename(target)
        shutil.rmtree(scratch, ignore_errors=True)


def _stem(name: str) -> str:
    return name[: -len(next(ending for ending in ENDINGS if name.lower().endswith(ending)))]


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            kind = info.external_attr >> 16 & 0o170000
            if not info.is_dir() and kind in {0, 0o100000}:
                with file.open(info) as stream:
                    yield _Member(info.filename, info.file_size, stream)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as file:
        for info in file:
            if info.isreg() and (stream := file.extractfile(info)) is not None:
                yield _Member(info.name, info.size, stream)


def _inside(archive: Path, target: Path, name: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0] or "\0" in name:
        raise DataError(f"{archive} names a file outside its own folder ({name[:80]!r}): it is not unpacked.")
    return target.joinpath(*parts)


def _write(member: _Member, path: Path) -> None:
    with atomic.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            # A header may lie about the size; no more is written than it says.
            shutil.copyfileobj(_Limited(member.stream, member.size), file)


class _Limited:
    """Reads at most ``size`` bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content
