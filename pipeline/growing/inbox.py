"""The inbox of a watcher: what is in it, what of that is complete, and how a batch leaves it.

::

    inbox/3/a.png         pictures in a folder of a known class: taken one by one, as soon as each is complete
    inbox/tuesday/…       any other folder, archive or table: a batch of its own, once all of it is complete
    inbox/.taking/<id>/   a batch in hand, moved here by renaming, so that nobody writes to it any more
    inbox/done/<id>/      what was taken
    inbox/refused/<id>/   what was not, with the reasons in ``<id>.txt`` beside it
"""

import os
import secrets
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.image_folder import SUFFIXES
from pipeline.growing.arrivals import LEFT_OUT, TABLES
from pipeline.store import archives, atomic, disk, watch_records

DONE, REFUSED, IN_HAND = "done", "refused", ".taking"
MOST_IN_A_BATCH = 5_000
"""Single pictures; what is more makes the next batch."""
TEMPORARY_ENDINGS = ("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".swp")
"""Names that programs give to what they are still writing; names that start with a dot are, too."""


@dataclass(frozen=True)
class Drop:
    """Files and folders that leave the inbox together.

    Attributes:
        paths: Files and folders, relative to the inbox.
        fault: Why none of it can be taken; empty where an ingest decides.
    """

    paths: tuple[Path, ...]
    fault: str = ""


@dataclass(frozen=True)
class _File:
    """A file as it is now.

    Attributes:
        path: Relative to the inbox.
        fingerprint: What changes while somebody writes to it.
        temporary: Whether its name says that somebody does.
        fault: Why it cannot be taken, whatever it holds.
    """

    path: Path
    fingerprint: tuple[int, int, int]
    temporary: bool
    fault: str


class Inbox:
    """A folder that is looked at again and again.

    Args:
        folder: The inbox.
        settle_seconds: A file is complete once its size and time have not changed for this long.
        clock: Seconds that only ever grow.
    """

    def __init__(self, folder: Path, settle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.incomplete = 0
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._unchanged_since: dict[Path, tuple[tuple[int, int, int], float]] = {}

    def complete(self, classes: Collection[str]) -> list[Drop]:
        """Look once, and return what is complete, in a fixed order.

        ``incomplete`` counts the other files.

        Args:
            classes: Names of folders whose pictures are taken one by one.

        Raises:
            OSError: The folder cannot be read.
        """
        entries = [(entry, list(_files(entry, self.folder))) for entry in _entries(self.folder)]
        settled = self._settled(file for _, files in entries for file in files)
        pictures: list[Path] = []
        drops: list[Drop] = []
        self.incomplete = 0
        for entry, files in entries:
            counted = [file for file in files if not _is_hidden(file.path)]
            if entry.is_dir(follow_symlinks=False) and entry.name not in classes:
                whole = bool(counted) and all(file.path in settled for file in files)
                drops += [_whole(Path(entry.name), counted)] if whole else []
                self.incomplete += 0 if whole else len(counted)
                continue
            for file in counted:
                if file.path not in settled:
                    self.incomplete += 1
                elif file.fault or file.path.suffix.lower() not in SUFFIXES:
                    drops.append(_alone(file, in_class=len(file.path.parts) > 1))
                else:
                    pictures.append(file.path)
        batches = [pictures[start : start + MOST_IN_A_BATCH] for start in range(0, len(pictures), MOST_IN_A_BATCH)]
        return [*(Drop(tuple(batch)) for batch in batches), *drops]

    def take(self, drop: Drop, batch: str) -> None:
        """Move a drop out of everybody's reach; what has vanished meanwhile is left out.

        Raises:
            OSError: The disk fails to rename; what was moved is in hand.
        """
        for path in drop.paths:
            move(self.folder / path, self.in_hand(batch) / path)

    def in_hand(self, batch: str) -> Path:
        """Return the folder of a batch in hand."""
        return self.folder / IN_HAND / batch

    def batches_in_hand(self) -> list[str]:
        """Return the batches in hand, oldest first."""
        folder = self.folder / IN_HAND
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def put_back(self, batch: str) -> None:
        """Move a folder in hand that no record knows back to where it is looked at like anything that arrives.

        Raises:
            OSError: The disk fails.
        """
        move(self.in_hand(batch), self.folder / f"again-{secrets.token_hex(6)}")

    def _settled(self, files: Iterable[_File]) -> set[Path]:
        now = self._clock()
        seen, settled = {}, set()
        for file in files:
            known = self._unchanged_since.get(file.path)
            since = known[1] if known and known[0] == file.fingerprint else now
            seen[file.path] = (file.fingerprint, since)
            if now - since >= self._settle_seconds and not file.temporary:
                settled.add(file.path)
        self._unchanged_since = seen
        return settled


def move(source: Path, target: Path) -> None:
    """Give a file or folder its place in another folder of the inbox; one that has vanished is left out.

    Raises:
        OSError: The disk fails.
    """
    atomic.make_folder(target.parent)
    try:
        disk.rename(source, target)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies directly in the inbox, but for its own folders and hidden files."""
    own = {DONE, REFUSED, IN_HAND, watch_records.LOCK}
    with os.scandir(folder) as found:
        entries = [entry for entry in found if entry.name not in own and not _is_hidden(Path(entry.name))]
    return sorted(entries, key=lambda entry: entry.name)


def _files(entry: os.DirEntry[str], root: Path) -> Iterator[_File]:
    """Every file of an entry, hidden ones included: they show that somebody is still writing."""
    if not entry.is_dir(follow_symlinks=False):
        yield from _seen(Path(entry.path), root)
        return
    for parent, folders, names in os.walk(entry.path):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in sorted([*names, *links]):
            yield from _seen(Path(parent) / name, root)


def _seen(path: Path, root: Path) -> Iterator[_File]:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    relative = path.relative_to(root)
    temporary = not _is_hidden(relative) and any(map(_is_temporary, relative.parts))
    fingerprint = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    yield _File(relative, fingerprint, temporary, _fault(relative, facts.st_mode))


def _fault(path: Path, mode: int) -> str:
    if not str(path).isprintable():
        return f"The name {str(path)!a} contains characters that cannot be printed: rename it."
    if stat.S_ISLNK(mode):
        return f"{path} is a link: put the file itself into the inbox."
    return "" if stat.S_ISREG(mode) else f"{path} is not a file."


def _whole(path: Path, files: list[_File]) -> Drop:
    faults = [file.fault for file in files if file.fault]
    return Drop((path,), faults[0] if faults else "")


def _alone(file: _File, *, in_class: bool) -> Drop:
    """A file that is not a picture: a table or archive, or something that can only be refused."""
    known = file.path.suffix.lower() in TABLES or archives.is_archive(file.path)
    if file.fault or (known and not in_class):
        return Drop((file.path,), file.fault)
    why = "only pictures belong in the folder of a class" if in_class else "its format is unknown"
    return Drop((file.path,), f"{file.path} cannot be taken: {why}. `simulator.py ingest --help` lists the formats.")


def _is_temporary(name: str) -> bool:
    return name.startswith("~$") or name.lower().endswith(TEMPORARY_ENDINGS)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in LEFT_OUT for part in path.parts)
