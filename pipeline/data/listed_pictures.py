"""Pictures whose labels are in a CSV, by name: the format of most image competitions."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import Images, Shape
from pipeline.data import class_labels, picture_stack, pixel_columns
from pipeline.data.kaggle_csv import IDS
from pipeline.data.picture_index import PictureIndex
from pipeline.data.pixel_columns import has_pixels
from pipeline.data.preparation import Preparation
from pipeline.data.raw import RawPart, RawSet, parent_name
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.facts.competition import SubmissionForm
from pipeline.text import quoted

NAMES = ("file", "filename", "file_name", "path", "image", *IDS)
"""Columns that name pictures, in a table without pixels."""
LABELS = ("label", "class", "target", "category")
"""Names of a column of labels if nothing else identifies it."""
LOOKED_AT = 100
"""Rows that show which column names pictures."""


@dataclass(frozen=True)
class ListedPicture:
    """A row of a table.

    Attributes:
        name: As the table names the picture.
        line: Of the row, as an editor counts it.
        file: The picture.
        label: Its class; ``None`` where the table does not say.
        fault: Why there is no picture, in a sentence.
    """

    name: str
    line: int
    file: Path
    label: str | None
    fault: str = ""


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


def is_list(header: Sequence[str], label_columns: Sequence[str] = ()) -> bool:
    """Return whether a CSV with this header names pictures, rather than hold their pixels.

    Args:
        header: Names of the columns.
        label_columns: Those that are known to hold labels, if any: the others may have any name then.
    """
    return not has_pixels(header) and (bool(label_columns) or any(name.lower() in NAMES for name in header))


def listed(path: Path, label_columns: Sequence[str] = ()) -> list[ListedPicture]:
    """Return the pictures that a CSV names, which may lack labels or be missing.

    Args:
        path: As ``read``.
        label_columns: As ``read``; if empty and no column has the name of one, there are no labels.

    Raises:
        DataError: No column names pictures, several may hold labels, or a row has too many or too few columns.
    """
    table = _read(path)
    chosen = tuple(label_columns) or _label_columns(table)
    index = PictureIndex(path.parent)
    names = table.column(_name_column(table, chosen, index))
    rows = zip(names, _texts(table, chosen), strict=True)
    return [_listed(index, path, table.line(number), *row) for number, row in enumerate(rows)]


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
    chosen = tuple(label_columns) or _label_columns(table)
    if not chosen:
        raise _without_labels(table)
    index = PictureIndex(path.parent)
    files = index.all(table.column(_name_column(table, chosen, index)), "train", path.name)
    labels, classes = _labels(table, chosen)
    images, preparation = picture_stack.read(files, shape)
    names = tuple(file.relative_to(path.parent).as_posix() for file in files)
    part = RawPart(str(path.parent), str(path), images, labels, table.line, names)
    return RawSet(parent_name(path), f"pictures listed in {path}", part, classes=classes, preparation=preparation)


def asked_for(folder: Path, sample: SubmissionForm, preparation: Preparation, *, only_test: bool) -> Images:
    """Return the test pictures that a sample submission names, prepared, uint8 ``[N, H, W, C]``.

    Args:
        folder: They are below it.
        sample: Its ids are their names, with or without suffix.
        preparation: What the model's dataset declares.
        only_test: Whether the folder holds nothing but test pictures; otherwise, only its folders called ``test`` do.

    Raises:
        DataError: A picture is missing or cannot be read, or the sample leaves out test pictures next to its own.
    """
    index = PictureIndex(folder)
    files = index.all(sample.ids, "test", "the sample submission")
    left = [path for path in index.left_over(files) if only_test or _in_test_folder(path.relative_to(folder))]
    if left:
        raise DataError(
            f"{sample.title} asks for {len(files):,} pictures, but not for {len(left):,} others next to them, such as "
            f"{left[0]}: it may have been cut short, so get it again, or move these pictures elsewhere."
        )
    return picture_stack.read_all_prepared(files, preparation)


def _in_test_folder(path: Path) -> bool:
    return any("test" in folder.lower() for folder in path.parent.parts)


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


def _label_columns(table: _Table) -> tuple[str, ...]:
    known = tuple(name for name in table.header if name.lower() in LABELS)
    if len(known) > 1:
        raise _without_labels(table)
    return known or (table.header[1:] if len(table.header) == 2 else ())


def _without_labels(table: _Table) -> DataError:
    _require_no_pixels(table, [name for name in table.header if name.lower() in LABELS])
    names = quoted(", ".join(table.header), 200)
    return DataError(f"{table.path} has the columns {names}: call the one with the labels 'label'.")


def _name_column(table: _Table, labels: Sequence[str], index: PictureIndex) -> str:
    """The column whose first rows name most pictures; the first of several."""
    others = [name for name in table.header if name not in labels]
    found = {name: sum(map(index.knows, table.column(name)[:LOOKED_AT])) for name in others}
    if any(found.values()):
        return max(others, key=found.__getitem__)
    _require_no_pixels(table, labels)
    raise DataError(
        f"No column of {table.path} ({quoted(', '.join(others), 200)}) names a picture below {table.path.parent}: put "
        "the pictures there, unpacked."
    )


def _listed(index: PictureIndex, path: Path, line: int, name: str, label: str | None) -> ListedPicture:
    try:
        file = index.find(name, "train")
    except DataError as error:
        return ListedPicture(name, line, path, label, f"{path.name}, row {line}: {error}")
    if file is None:
        fault = f"{path.name}, row {line}: there is no picture '{quoted(name)}' in or below its folder."
        return ListedPicture(name, line, path, label, fault)
    return ListedPicture(name, line, file, label)


def _texts(table: _Table, chosen: Sequence[str]) -> list[str | None]:
    """The label of each row as text; ``None`` where there is none."""
    if len(chosen) > 1:
        labels, classes = _labels(table, chosen)
        assert classes is not None
        return [classes[label] for label in labels.tolist()]
    if not chosen:
        return [None] * len(table.rows)
    return [None if text.lower() in class_labels.MISSING else text for text in table.column(chosen[0])]


def _labels(table: _Table, chosen: Sequence[str]) -> tuple[class_labels.Numbers, tuple[str, ...] | None]:
    if len(chosen) == 1:
        return class_labels.coded(table.column(chosen[0]), str(table.path), table.line)
    return class_labels.from_one_hot([table.column(name) for name in chosen], chosen, str(table.path), table.line)
