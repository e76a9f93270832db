"""Pictures whose labels are in a CSV, by name: the format of most image competitions."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import Images, Shape
from pipeline.data import class_labels, picture_stack, pixel_columns
from pipeline.data.picture_index import PictureIndex
from pipeline.data.preparation import Preparation
from pipeline.data.raw import RawPart, RawSet, parent_name
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.text import quoted

LABELS = ("label", "class", "target", "category")
"""Names of a column of labels if nothing else identifies it."""


@dataclass(frozen=True)
class _Table:
    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        """Return the values of one column, without the space around them."""
        place = self.header.index(name)
        return [row[place].strip() for row in self.rows]

    def line(self, index: int) -> int:
        """Return the line of a row, as an editor counts it."""
        return self.lines[index]


def read(path: Path, label_columns: Sequence[str] = (), shape: Shape | None = None) -> RawSet:
    """Read the pictures that a CSV names, with their labels.

    Args:
        path: The CSV; its pictures are below its folder.
        label_columns: One column of labels, or one-hot columns; if empty, a column is found by its name.
        shape: What each picture is scaled to; ``None`` if all have one size.

    Raises:
        DataError: No column names pictures or labels, a picture is missing, or a row is wrong.
    """
    table = _read(path)
    chosen = tuple(label_columns) or _label_column(table)
    index = PictureIndex(path.parent)
    files = index.all(table.column(_name_column(table, chosen, index)), "train", path.name)
    labels, classes = _labels(table, chosen)
    images, preparation = picture_stack.read(files, shape)
    names = tuple(file.relative_to(path.parent).as_posix() for file in files)
    part = RawPart(str(path.parent), str(path), images, labels, table.line, names)
    return RawSet(parent_name(path), f"pictures listed in {path}", part, classes=classes, preparation=preparation)


def named(folder: Path, ids: Sequence[str], preparation: Preparation, place: str) -> Images:
    """Return the test pictures of these ids, prepared, uint8 ``[N, H, W, C]``.

    Args:
        folder: They are below it.
        ids: Their names, with or without suffix.
        preparation: What the model's dataset declares.
        place: Where the ids are from, for messages.

    Raises:
        DataError: A picture is missing or cannot be read.
    """
    return picture_stack.read_all_prepared(PictureIndex(folder).all(ids, "test", place), preparation)


def _read(path: Path) -> _Table:
    with blaming(path, "a CSV file"), path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        rows = [(reader.line_num, tuple(row)) for row in reader if row]
    if len(rows) < 2:
        raise DataError(f"{path} is empty: a header and a row for each picture are expected.")
    header = tuple(name.strip() for name in rows[0][1])
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}, row {number}: {len(row):,} columns, but the header has {len(header):,}.")
    numbers, content = zip(*rows[1:], strict=True)
    return _Table(path, header, content, numbers)


def _require_no_pixels(table: _Table, labels: Sequence[str]) -> None:
    """Refuse a table that names no pictures, but seems to hold pixels."""
    if pixel_columns.look_misnamed([name for name in table.header if name not in labels]):
        pixel_columns.find(table.path)


def _label_column(table: _Table) -> tuple[str]:
    known = [name for name in table.header if name.lower() in LABELS]
    rest = known or (table.header[1:] if len(table.header) == 2 else ())
    if len(rest) != 1:
        _require_no_pixels(table, known)
        names = quoted(", ".join(table.header), 200)
        raise DataError(f"{table.path} has the columns {names}: call the one with the labels 'label'.")
    return (rest[0],)


def _name_column(table: _Table, labels: Sequence[str], index: PictureIndex) -> str:
    for name in table.header:
        first = table.column(name)[0]
        if name not in labels and first and index.find(first, "train"):
            return name
    _require_no_pixels(table, labels)
    names = quoted(", ".join(name for name in table.header if name not in labels), 200)
    raise DataError(
        f"No column of {table.path} ({names}) names a picture below {table.path.parent}: put the pictures there, "
        "unpacked."
    )


def _labels(table: _Table, chosen: Sequence[str]) -> tuple[class_labels.Numbers, tuple[str, ...] | None]:
    if len(chosen) == 1:
        return class_labels.coded(table.column(chosen[0]), str(table.path), table.line)
    return class_labels.from_one_hot([table.column(name) for name in chosen], chosen, str(table.path), table.line)
