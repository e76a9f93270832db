"""Kaggle's CSV form: a header, then a row for each image, ``label,pixel0,pixel1,...``."""

import csv
import functools
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from pipeline.data.raw import RawPart, RawSet, parent_name
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.text import quoted

BLOCK = 256
"""Rows of a refused file that are checked together."""
BLANK = "\n"
"""What text mode makes of an empty line; NumPy's reader skips it."""


def read_labelled(path: Path) -> RawSet:
    """Read a labelled CSV: square grey images, labels 0 to 255.

    Raises:
        DataError: Names file, row and column of the first thing that is wrong.
    """
    header = _header(path)
    if header[0].lower() != "label":
        raise DataError(f"{path} has '{quoted(header[0])}' as its first column; a labelled set starts with 'label'.")
    side = _side(path, header[1:])
    table = _table(path, header)
    images = np.ascontiguousarray(table[:, 1:]).reshape(-1, side, side)
    part = RawPart(str(path), str(path), images, table[:, 0].copy(), functools.partial(_line_number, path))
    return RawSet(parent_name(path), f"Kaggle-form CSV {path}", part)


def read_unlabelled(path: Path) -> NDArray[np.uint8]:
    """Read a CSV of pixels alone (Kaggle's test.csv): square grey images, uint8 ``[N, H, W]``.

    Raises:
        DataError: Names file, row and column of the first thing that is wrong.
    """
    header = _header(path)
    if header[0].lower() == "label":
        raise DataError(f"{path} has a label column: give images without labels, such as Kaggle's test.csv.")
    side = _side(path, header)
    return _table(path, header).reshape(-1, side, side)


def _header(path: Path) -> list[str]:
    with blaming(path, "a CSV file"), path.open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream), [])
    if not header:
        raise DataError(f"{path} is empty: a header and a row for each image are expected.")
    if all(field.strip().lstrip("-").isdigit() for field in header):
        raise DataError(f"{path} has no header: its first row must be label,pixel0,pixel1,... or pixel0,pixel1,...")
    return [field.strip() for field in header]


def _side(path: Path, pixels: list[str]) -> int:
    side = math.isqrt(len(pixels))
    if not pixels or side * side != len(pixels):
        raise DataError(f"{path} has {len(pixels):,} pixel columns, which is not a square number (28 x 28 has 784).")
    # Kaggle's own sets count from 0, others of the same form from 1, and some name row and column.
    known = (
        [f"pixel{index}" for index in range(side * side)],
        [f"pixel{index + 1}" for index in range(side * side)],
        [f"{row + 1}x{column + 1}" for row in range(side) for column in range(side)],
    )
    names = [name.lower() for name in pixels]
    if names not in known:
        wrong, expected = max(_first_difference(names, form) for form in known)
        raise DataError(f"{path} has the pixel column '{quoted(pixels[wrong])}' where '{expected}' is expected.")
    return side


def _first_difference(names: list[str], form: list[str]) -> tuple[int, str]:
    return next((index, right) for index, (name, right) in enumerate(zip(names, form, strict=True)) if name != right)


def _table(path: Path, header: list[str]) -> NDArray[np.uint8]:
    with _rows(path) as rows:
        if all(line == BLANK for line in rows):
            raise DataError(f"{path} has a header but no rows.")
    with blaming(path, "a CSV file"):
        try:
            table = _parsed(path, skip=1)
        except ValueError as error:
            raise DataError(
                _first_fault(path, header) or f"{path} cannot be read: {quoted(str(error), 200)}"
            ) from error
    if table.shape[1] != len(header):
        raise DataError(_first_fault(path, header) or f"{path} has rows whose width differs from its header.")
    return table


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


def _parsed(lines: Path | list[str], skip: int = 0) -> NDArray[np.uint8]:
    return np.loadtxt(lines, np.uint8, delimiter=",", skiprows=skip, comments=None, ndmin=2, encoding="utf-8-sig")


def _first_fault(path: Path, header: list[str]) -> str | None:
    """Look for the fault only after a failure: loadtxt is fast, but its messages count rows differently."""
    with _rows(path) as rows:
        number = 2
        while block := list(itertools.islice(rows, BLOCK)):
            if not _is_sound(block, len(header)):
                for offset, line in enumerate(block):
                    if line != BLANK and (fault := _row_fault(line.split(","), header)):
                        return f"{path}, row {number + offset}{fault}."
            number += len(block)
    return None


def _is_sound(block: list[str], columns: int) -> bool:
    try:
        return any(line != BLANK for line in block) and _parsed(block).shape[1] == columns
    except ValueError:
        return False


def _row_fault(fields: list[str], header: list[str]) -> str | None:
    if len(fields) != len(header):
        return f": {len(fields):,} columns, but the header has {len(header):,}"
    faults = ((name, _fault(field.strip())) for name, field in zip(header, fields, strict=True))
    return next((f", column {name}: {fault}" for name, fault in faults if fault), None)


def _fault(field: str) -> str | None:
    if field.lower() in {"", "nan", "na", "null", "none"}:
        return "the value is missing" if field == "" else f"the value is missing ('{field}')"
    digits = field.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return f"'{quoted(field, 20)}' is not a whole number"
    in_range = not field.startswith("-") and len(digits.lstrip("0")) <= 3 and int(digits) <= 255
    return None if in_range else f"{quoted(field, 20)} is not between 0 and 255"
