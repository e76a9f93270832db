"""What arrives: folders, archives, CSV, npz, Parquet and single pictures become one list of labelled items."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.data import (
    checks,
    competition_form,
    idx,
    listed_pictures,
    npz,
    parquet,
    pixel_columns,
    sample_submission,
    shards,
    sources,
)
from pipeline.data.image_folder import SUFFIXES
from pipeline.data.notices import Notify
from pipeline.data.picture_file import MOST_BYTES
from pipeline.data.raw import RawPart, RawSet
from pipeline.errors import DataError, PipelineError
from pipeline.store import archives

LEFT_OUT = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, eq=False)
class Item:
    """One image that arrived.

    Attributes:
        name: Where it is, for messages: a path relative to its source, or a row.
        content: The path of a picture file, the bytes of one, or pixels, uint8 ``[H, W, C]``.
        label: The name of its class; ``None`` if it has none.
        selection: One of ``shards.SELECTIONS``.
        file: The file that it came in: the picture itself, a table or an archive; ``None`` for a set read by its name.
        fault: Why there is no such picture, in a sentence.
    """

    name: str
    content: Path | bytes | NDArray[Any]
    label: str | None
    selection: str = shards.ARRIVED
    file: Path | None = None
    fault: str = ""

    @property
    def shown(self) -> str:
        """What messages call a picture file: its path, or the archive and the path inside it."""
        if self.file is None:
            return self.name
        return str(self.file) if self.content == self.file else f"{self.file}: {self.name}"


@dataclass
class Arrivals:
    """Everything that was found.

    Attributes:
        items: The images.
        faults: Files that could not be read at all, with the reason in a sentence.
        left_out: Files of other kinds, with the name to show.
        listed: Pictures that a table named; they are not taken a second time on their own.
        broken_lists: Tables that name pictures and could not be read. Pictures below their folders are not taken: the
            folder's name would take the place of the label in the table.
    """

    items: list[Item] = field(default_factory=list)
    faults: list[tuple[Path, str]] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    listed: set[Path] = field(default_factory=set)
    broken_lists: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Desk:
    """Where arrivals are opened.

    Attributes:
        scratch: A folder for what archives unpack to.
        read_named: Reads ``mnist``, ``digits``, ``kaggle``, ``kaggle:NAME``, ``auto``.
        download: Reads a dataset of the Hub into a folder: ``hf:owner/name``.
        notify: Called with each sentence that a user should read.
    """

    scratch: Path
    read_named: Callable[[str], RawSet]
    download: Callable[[str, Path], None]
    notify: Notify


def collect(specs: Sequence[str], label: str | None, desk: Desk) -> Arrivals:
    """Find every image in the sources, in a fixed order.

    Args:
        specs: Paths, the names that ``--dataset`` takes, or ``hf:owner/name``.
        label: The class of all of them; ``None`` takes each picture's folder.
        desk: Where they are opened.

    Raises:
        DataError: A source does not exist, or none holds an image.
    """
    found = Arrivals()
    for number, spec in enumerate(specs):
        _open(spec, desk, desk.scratch / str(number), found)
    if label is not None:
        found.items = [replace(item, label=label) for item in found.items]
    if not found.items:
        reason = found.faults[0][1] if found.faults else "there is no picture, CSV, .npz or Parquet file in it"
        raise DataError(f"{', '.join(specs)} cannot be ingested: {reason.rstrip('.')}.")
    return found


def _open(spec: str, desk: Desk, scratch: Path, found: Arrivals) -> None:
    if sources.is_built_in(spec):
        found.items += _of_set(desk.read_named(spec))
        return
    if spec.startswith("hf:"):
        desk.download(spec.removeprefix("hf:"), scratch)
        own = Arrivals()
        _walk(scratch, scratch, own)
        found.items += _with_parts([replace(item, file=None) for item in own.items])
        found.faults += _named(own.faults, scratch, spec)
        return
    path = Path(spec).expanduser()
    if not path.exists():
        raise DataError(
            f"{path} does not exist: name a file or folder, one of {', '.join(sources.BUILT_IN)}, or hf:NAME."
        )
    if path.is_file() and archives.is_archive(path):
        _archive(path, scratch, found)
    elif path.is_file():
        _file(path, path.parent, None, found)
    elif idx.find(path):
        found.items += _of_set(idx.read_folder(path))
    else:
        _walk(path, path, found, scratch)


def _archive(path: Path, scratch: Path, found: Arrivals) -> None:
    """Add what an archive holds; archives in it stay closed.

    Raises:
        DataError: It cannot be unpacked.
    """
    archives.unpack(path, scratch, MOST_BYTES)
    own = Arrivals()
    _walk(scratch, scratch, own)
    found.items += [replace(item, file=path) for item in own.items]
    found.faults += [(path, sentence) for _, sentence in _named(own.faults, scratch, str(path))]
    found.left_out += [(path, name) for _, name in own.left_out]


def _named(faults: Sequence[tuple[Path, str]], scratch: Path, source: str) -> list[tuple[Path, str]]:
    """Faults with their files named by the source that was unpacked, not by where."""
    return [(file, sentence.replace(f"{scratch}/", f"{source}: ")) for file, sentence in faults]


def _with_parts(items: list[Item]) -> list[Item]:
    """The items of a dataset that the Hub keeps as ``train-….parquet`` and ``test-….parquet``, with their part."""
    parts = {"train": shards.TRAINING, "test": shards.TESTING}
    named = {part for item in items for part in parts if item.name.startswith(part)}
    if named != parts.keys():
        return items
    return [replace(item, selection=_part_of(item, parts)) for item in items]


def _part_of(item: Item, parts: Mapping[str, str]) -> str:
    return next((kind for part, kind in parts.items() if item.name.startswith(part)), item.selection)


def _walk(root: Path, folder: Path, found: Arrivals, scratch: Path | None = None) -> None:
    """Add what the files below a folder hold; archives among them are opened where there is ``scratch`` for it."""
    unpacked = 0
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        if any(name.lower().endswith(".csv") for name in files) and competition_form.is_competition(Path(parent)):
            folders.clear()
            _readable(Path(parent), found, partial(_competition, Path(parent), root, found))
            continue
        label = Path(parent).name if Path(parent) != root else None
        # Tables first: what they name is taken with their labels.
        for name in sorted(files, key=lambda name: (not name.lower().endswith(".csv"), name)):
            path = Path(parent) / name
            if name.startswith(".") or name in LEFT_OUT:
                continue
            shown = path.relative_to(root).as_posix()
            if not shown.isprintable():
                found.faults.append(
                    (path, f"The name {shown!a} contains characters that cannot be printed: rename it.")
                )
            elif scratch is not None and archives.is_archive(path):
                unpacked += 1
                _readable(path, found, partial(_archive, path, scratch / str(unpacked), found))
            else:
                _file(path, root, label, found)


def _readable(path: Path, found: Arrivals, read: Callable[[], None]) -> bool:
    """Read a file among others; one that cannot be read does not affect them. Returns whether it was read."""
    try:
        read()
    except PipelineError as error:
        found.faults.append((path, str(error)))
        return False
    return True


def _file(path: Path, root: Path, label: str | None, found: Arrivals) -> None:
    """Add what one file holds."""
    name, suffix = path.relative_to(root).as_posix(), path.suffix.lower()
    if suffix in SUFFIXES:
        broken = next((table for table in found.broken_lists if path.is_relative_to(table.parent)), None)
        if broken:
            found.faults.append((path, f"{name}: left out, as {broken.name}, which names pictures, cannot be used."))
        elif not found.listed or path.resolve() not in found.listed:
            found.items.append(Item(name, path, label, file=path))
    elif suffix in TABLES:
        if not _readable(path, found, partial(_table, path, TABLES[suffix], found)) and _is_list(path):
            found.broken_lists.append(path)
    else:
        found.left_out.append((path, name))


def _competition(folder: Path, root: Path, found: Arrivals) -> None:
    """Add the training images of a competition: its test images have no labels."""
    train, label_columns = competition_form.training(folder)
    if train.is_dir():
        _walk(train, train, found)
    else:
        _table(train, partial(_csv, label_columns=label_columns), found)
    for path in sorted(folder.glob("*.csv")):
        if path not in {train, sample_submission.find(folder)}:
            shown = path.relative_to(root).as_posix()
            found.faults.append((path, f"{shown}: of a competition, only the training images are taken."))


def _table(path: Path, read: Callable[[Path], Iterator[Item]], found: Arrivals) -> None:
    items = list(read(path))
    found.listed.update(item.content.resolve() for item in items if isinstance(item.content, Path))
    found.items += [item if item.file else replace(item, file=path) for item in items]


def _is_list(path: Path) -> bool:
    """Whether a table names pictures, as far as its header can be read."""
    try:
        return path.suffix.lower() == ".csv" and listed_pictures.is_list(pixel_columns.read_header(path))
    except DataError:
        return False


def _csv(path: Path, label_columns: Sequence[str] = ()) -> Iterator[Item]:
    if not listed_pictures.is_list(pixel_columns.read_header(path), label_columns):
        yield from _of_set(competition_form.labelled_csv(path, label_columns))
        return
    for row in listed_pictures.listed(path, label_columns):
        yield Item(row.name, row.file, row.label, file=row.file, fault=row.fault)


def _npz(path: Path) -> Iterator[Item]:
    yield from _of_set(npz.read_labelled(path))


def _parquet(path: Path) -> Iterator[Item]:
    for number, row in enumerate(parquet.read(path), start=1):
        yield Item(f"{path.name}, row {number}", row.picture, row.label)


def _of_set(raw: RawSet) -> Iterator[Item]:
    if raw.test is None:
        yield from _of_part(raw, raw.part, shards.ARRIVED)
        return
    yield from _of_part(raw, raw.part, shards.TRAINING)
    yield from _of_part(raw, raw.test, shards.TESTING)


def _of_part(raw: RawSet, part: RawPart, selection: str) -> Iterator[Item]:
    images = checks.pixels(part.images, part.images_file, part.row_number)
    labels = checks.labels(part, len(raw.classes) if raw.classes else None).tolist()
    file = Path(part.images_file).name
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        name = raw.classes[label] if raw.classes else str(label)
        yield Item(f"{file}, row {part.row_number(index)}", image, name, selection)


TABLES: Mapping[str, Callable[[Path], Iterator[Item]]] = {".csv": _csv, ".npz": _npz, ".parquet": _parquet}
"""Readers of files that hold many images, by suffix."""
