"""What arrives: folders, archives, CSV, npz, Parquet and single pictures become one list of labelled items."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.data import checks, idx, npz, parquet, picture_list, shards, sources
from pipeline.data.image_folder import SUFFIXES
from pipeline.data.notices import Notify
from pipeline.data.raw import RawPart, RawSet
from pipeline.errors import DataError, PipelineError
from pipeline.growing import archives

LEFT_OUT = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, eq=False)
class Item:
    """One image that arrived.

    Attributes:
        name: Where it is, for messages: a path relative to its source, or a row.
        content: The path of a picture file, the bytes of one, or pixels, uint8 ``[H, W, C]``.
        label: The name of its class; ``None`` where nobody gave one.
        selection: One of ``shards.SELECTIONS``.
    """

    name: str
    content: Path | bytes | NDArray[Any]
    label: str | None
    selection: str = shards.ARRIVED


@dataclass
class Arrivals:
    """Everything that was found.

    Attributes:
        items: The images.
        faults: What could not be read at all, a sentence a file.
        left_out: Files of other kinds.
    """

    items: list[Item] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Desk:
    """Where arrivals are opened.

    Attributes:
        scratch: A folder for what archives unpack to.
        read_named: Reads ``mnist``, ``digits``, ``kaggle``, ``auto``.
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
        reason = found.faults[0] if found.faults else "there is no picture, CSV, .npz or Parquet file in it"
        raise DataError(f"{', '.join(specs)} cannot be ingested: {reason.rstrip('.')}.")
    return found


def _open(spec: str, desk: Desk, scratch: Path, found: Arrivals) -> None:
    if spec in sources.BUILT_IN:
        found.items += _of_set(desk.read_named(spec))
        return
    if spec.startswith("hf:"):
        desk.download(spec.removeprefix("hf:"), scratch)
        own = Arrivals()
        _walk(scratch, scratch, own)
        found.items += _with_parts(own.items)
        found.faults += own.faults
        return
    path = Path(spec).expanduser()
    if not path.exists():
        raise DataError(
            f"{path} does not exist: name a file or folder, one of {', '.join(sources.BUILT_IN)}, or hf:NAME."
        )
    if path.is_file() and archives.is_archive(path):
        archives.unpack(path, scratch)
        _walk(scratch, scratch, found)
    elif path.is_file():
        _file(path, path.parent, None, found)
    elif idx.find(path):
        found.items += _of_set(idx.read_folder(path))
    else:
        _walk(path, path, found)


def _with_parts(items: list[Item]) -> list[Item]:
    """The items of a dataset that the Hub keeps as ``train-….parquet`` and ``test-….parquet``, with their part."""
    parts = {"train": shards.TRAINING, "test": shards.TESTING}
    named = {part for item in items for part in parts if item.name.startswith(part)}
    if named != parts.keys():
        return items
    return [replace(item, selection=_part_of(item, parts)) for item in items]


def _part_of(item: Item, parts: Mapping[str, str]) -> str:
    return next((kind for part, kind in parts.items() if item.name.startswith(part)), item.selection)


def _walk(root: Path, folder: Path, found: Arrivals) -> None:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        label = Path(parent).name if Path(parent) != root else None
        for name in sorted(files):
            if not name.startswith(".") and name not in LEFT_OUT:
                _file(Path(parent) / name, root, label, found)


def _file(path: Path, root: Path, label: str | None, found: Arrivals) -> None:
    """Add what one file holds; a file that cannot be read does not affect the others."""
    name, suffix = path.relative_to(root).as_posix(), path.suffix.lower()
    if suffix in SUFFIXES:
        found.items.append(Item(name, path, label))
        return
    readers: dict[str, Callable[[Path], Iterator[Item]]] = {".csv": _csv, ".npz": _npz, ".parquet": _parquet}
    if suffix not in readers:
        found.left_out.append(name)
        return
    try:
        found.items += list(readers[suffix](path))
    except PipelineError as error:
        found.faults.append(str(error))


def _csv(path: Path) -> Iterator[Item]:
    if picture_list.is_list(path):
        for row in picture_list.read(path):
            yield Item(row.name, row.file, row.label)
    else:
        yield from _of_set(sources.read_file(path))


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
