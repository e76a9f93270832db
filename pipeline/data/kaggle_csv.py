"""Kaggle's CSV format: a header, then a row for each image, ``label,pixel0,pixel1,...``."""

import csv
import functools
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Shape
from pipeline.data import class_labels, pixel_columns
from pipeline.data.pixel_columns import LABEL, PixelColumns
from pipeline.data.raw import RawPart, RawSet, parent_name
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.text import quoted

BLOCK = 256
"""Number of rows of a refused file checked at a time."""
BLANK = "\n"
"""What text mode makes of an empty line; NumPy's reader skips it."""
IDS = ("id", "imageid", "image_id")
"""Columns allowed beside label and pixels."""


def read_labelled(path: Path, shape: Shape | None = None, label: str = LABEL) -> RawSet:
    """Read a labelled CSV: pixels, a label of 0 to 255 or in words, perhaps an id.

    Args:
        path: The file.
        shape: Height, width and channels; ``None`` takes square grey images.
        label: The column with the label, in any case.

    Raises:
        DataError: Names file, row and column of the first thing that is wrong.
    """
    columns = pixel_columns.find(path)
    at = _label_place(path, columns, label)
    shape = pixel_columns.shape_of(path, columns, shape)
    classes = None
    if columns.others == columns.header[:1] and _is_number(path):
        table = _table(path, columns, whole=True)
        labels, pixels = table[:, 0].copy(), np.ascontiguousarray(table[:, 1:])
    else:
        pixels = _table(path, columns)
        texts = _texts(path, columns, at)
        labels, classes = class_labels.coded(texts, str(path), functools.partial(_line_number, path))
    part = RawPart(str(path), str(path), pixels.reshape(-1, *shape), labels, functools.partial(_line_number, path))
    return RawSet(parent_name(path), f"Kaggle-form CSV {path}", part, classes=classes)


def read_unlabelled(path: Path, shape: Shape | None = None) -> tuple[NDArray[np.uint8], tuple[str, ...] | None]:
    """Read a CSV of pixels (Kaggle's test.csv), perhaps with an id.

    Args:
        path: The file.
        shape: Height, width and channels; ``None`` takes square grey images.

    Returns:
        Images, uint8 ``[N, H, W, C]``, and their ids; ``None`` if it has no column of ids.

    Raises:
        DataError: Names file, row and column of the first thing that is wrong.
    """
    columns = pixel_columns.find(path)
    others = [name.lower() for name in columns.others]
    if LABEL in others:
        raise DataError(f"{path} has a label column: give images without labels, such as Kaggle's test.csv.")
    if len(others) > 1:
        named = quoted(", ".join(columns.others))
        raise DataError(
            f"{path} has the columns {named} besides its pixels, where only a column of ids may be: remove the others."
        )
    shape = pixel_columns.shape_of(path, columns, shape)
    images = _table(path, columns).reshape(-1, *shape)
    if not others:
        return images, None
    ids = tuple(_texts(path, columns, columns.header.index(columns.others[0])))
    class_labels.require_distinct(ids, str(path), functools.partial(_line_number, path))
    return images, ids


def _label_place(path: Path, columns: PixelColumns, label: str) -> int:
    names = [name.lower() for name in columns.header]
    others = [name.lower() for name in columns.others]
    if label.lower() not in others:
        found = quoted(", ".join(columns.others)) or "none"
        raise DataError(
            f"{path} has no label column (besides pixels, it has {found}): call the column with the labels '{label}', "
            "or put the sample_submission.csv that names it next to the file."
        )
    unknown = [name for name in columns.others if name.lower() not in (label.lower(), *IDS)]
    if unknown:
        raise DataError(f"{path} has the column '{quoted(unknown[0])}', which is neither label nor pixels: remove it.")
    return names.index(label.lower())


def _is_number(path: Path) -> bool:
    """Whether the first row starts with a whole number, or with something that is a fault in any case."""
    with _rows(path) as rows:
        first = next((line for line in rows if line != BLANK), "").split(",")[0].strip()
    return not any(character.isalpha() for character in first) or first.lower() in class_labels.MISSING


def _table(path: Path, columns: PixelColumns, *, whole: bool = False) -> NDArray[np.uint8]:
    """Return the columns of pixels, or all columns, which are whole numbers then."""
    with _rows(path) as rows:
        if all(line == BLANK for line in rows):
            raise DataError(f"{path} has a header but no rows.")
    used = None if whole else range(columns.start, columns.stop)
    with blaming(path, "a CSV file"):
        try:
            table = _parsed(path, used, skip=1)
        except ValueError as error:
            raise DataError(
                _first_fault(path, columns, used) or f"{path} cannot be read: {quoted(str(error), 200)}"
            ) from error
    if table.shape[1] != (len(columns.header) if whole else len(columns.pixels)):
        raise DataError(_first_fault(path, columns, used) or f"{path} has rows whose width differs from its header.")
    return table


def _texts(path: Path, columns: PixelColumns, at: int) -> list[str]:
    """Return one column as text; every row must be as wide as the header."""
    width, found = len(columns.header), []
    with blaming(path, "a CSV file"), _rows(path) as rows:
        for number, line in enumerate(rows, start=2):
            if line == BLANK:
                continue
            fields = next(csv.reader([line]), []) if '"' in line else None
            has = line.count(",") + 1 if fields is None else len(fields)
            if has != width:
                raise DataError(f"{path}, row {number}: {has:,} columns, but the header has {width:,}.")
            found.append((_field(line, at, width) if fields is None else fields[at]).strip())
    return found


def _field(line: str, at: int, width: int) -> str:
    """Return one field of a line without splitting all of it."""
    return line.split(",", at + 1)[at] if 2 * at < width else line.rsplit(",", width - at)[at - width]


@contextmanager
def _rows(path: Path) -> Iterator[TextIO]:
    """The file's lines after its header, whatever bytes are in them."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        next(stream)
        yield stream


def _line_number(path: Path, index: int) -> int:
    """Return the line of an image, counted as an editor does: the file is read again, but only for a message."""
    with _rows(path) as rows:
        filled = (number for number, line in enumerate(rows, start=2) if line != BLANK)
        return next(itertools.islice(filled, index, None))


def _parsed(lines: Path | list[str], used: Sequence[int] | None, skip: int = 0) -> NDArray[np.uint8]:
    return np.loadtxt(
        lines,
        np.uint8,
        delimiter=",",
        skiprows=skip,
        comments=None,
        usecols=used,
        quotechar=None if used is None else '"',
        ndmin=2,
        encoding="utf-8-sig",
    )


def _first_fault(path: Path, columns: PixelColumns, used: Sequence[int] | None) -> str | None:
    """Locate the fault after a failure: loadtxt is fast, but its messages count rows differently."""
    width = len(columns.header) if used is None else len(used)
    with _rows(path) as rows:
        number = 2
        while block := list(itertools.islice(rows, BLOCK)):
            if not _is_sound(block, used, width):
                for offset, line in enumerate(block):
                    if line != BLANK and (fault := _row_fault(line.split(","), columns.header, used)):
                        return f"{path}, row {number + offset}{fault}."
            number += len(block)
    return None


def _is_sound(block: list[str], used: Sequence[int] | None, width: int) -> bool:
    try:
        return any(line != BLANK for line in block) and _parsed(block, used).shape[1] == width
    except ValueError:
        return False


def _row_fault(fields: list[str], header: Sequence[str], used: Sequence[int] | None) -> str | None:
    if len(fields) != len(header):
        return f": {len(fields):,} columns, but the header has {len(header):,}"
    places = range(len(header)) if used is None else used
    faults = ((header[place], _fault(fields[place].strip())) for place in places)
    return next((f", column {name}: {fault}" for name, fault in faults if fault), None)


def _fault(field: str) -> str | None:
    if field.lower() in class_labels.MISSING:
        return "the value is missing" if field == "" else f"the value is missing ('{field}')"
    digits = field.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return f"'{quoted(field, 20)}' is not a whole number"
    in_range = not field.startswith("-") and len(digits.lstrip("0")) <= 3 and int(digits) <= 255
    return None if in_range else f"{quoted(field, 20)} is not between 0 and 255"
