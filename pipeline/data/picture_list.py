"""A CSV that names pictures and their labels: ``file,label``."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataError

FILES = ("file", "filename", "file_name", "path", "image")
LABELS = ("label", "class")


@dataclass(frozen=True)
class ListedPicture:
    """A picture and its class; ``None`` if the field is empty."""

    name: str
    file: Path
    label: str | None


def is_list(path: Path) -> bool:
    """Return whether a CSV's header has a column of files, rather than one per pixel."""
    return any(name in FILES for name in _header(path))


def read(path: Path) -> Iterator[ListedPicture]:
    """Yield the pictures that a CSV names, by paths relative to its folder.

    Raises:
        DataError: The file cannot be read, or names a picture outside its own folder.
    """
    header = _header(path)
    at = next(index for index, name in enumerate(header) if name in FILES)
    label_at = next((index for index, name in enumerate(header) if name in LABELS), None)
    folder = path.parent.resolve()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, fields in enumerate(csv.reader(stream), start=1):
            if number == 1 or not any(fields):
                continue
            if len(fields) != len(header):
                raise DataError(f"{path}, row {number}: {len(fields)} columns, but the header has {len(header)}.")
            file = (folder / fields[at]).resolve()
            if not file.is_relative_to(folder):
                raise DataError(f"{path}, row {number}: {fields[at]} is outside {path.parent}: move it there.")
            label = fields[label_at].strip() if label_at is not None else ""
            yield ListedPicture(fields[at], file, label or None)


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [name.strip().lower() for name in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}.") from error
