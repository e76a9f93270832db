"""Files of labels or probabilities, one line or row per image: CSV with named columns, or ``.npz``.

CSV: ``label`` (or ``prediction``), or one column of probabilities for each class, named as the class; ``id`` (or
``ImageId``) may come first. ``.npz``: ``labels`` or ``probabilities`` and, optionally, ``ids`` and ``classes``.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.class_labels import names_of, unlike
from pipeline.data.npz import read_arrays
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.text import quoted

ID_COLUMNS = ("id", "imageid")
LABEL_COLUMNS = ("label", "labels", "prediction", "predicted")
ARRAYS = {"labels", "probabilities", "ids", "classes"}


@dataclass(frozen=True, eq=False)
class AnswerFile:
    """One file.

    Attributes:
        path: Where it is.
        values: Labels as text ``[N]``, or probabilities ``[N, K]``.
        classes: Names of the K columns, 0 to K - 1 where the file names none; ``None`` for labels.
        ids: One id per image; ``None`` if the file has none.
    """

    path: Path
    values: NDArray[Any]
    classes: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None


def read(path: Path) -> AnswerFile:
    """Return the content of a file of answers.

    Raises:
        DataError: It cannot be read, or its columns, arrays or rows are not what they should be.
    """
    if path.suffix.lower() == ".npz":
        return _from_arrays(path)
    return _from_csv(path)


def aligned(
    files: Sequence[AnswerFile], classes: tuple[str, ...] | None = None
) -> tuple[list[NDArray[Any]], tuple[str, ...] | None]:
    """Return the values of several files in one order of images and columns, and the classes that columns name.

    Images are matched by id where the files have ids, and by their place otherwise.

    Args:
        files: Files about the same images.
        classes: The order of columns; by default that of the first file that has any.

    Raises:
        DataError: The files differ in their images or classes, or only some of them have ids.
    """
    named = [file for file in files if file.classes is not None]
    classes = classes or (named[0].classes if named else None)
    return [_in_order(file, files[0], classes) for file in files], classes


def _in_order(file: AnswerFile, first: AnswerFile, classes: tuple[str, ...] | None) -> NDArray[Any]:
    values = file.values
    if (file.ids is None) != (first.ids is None):
        with_ids, without = (first, file) if file.ids is None else (file, first)
        raise DataError(f"{with_ids.path} has ids and {without.path} has none: give all of them ids, or none.")
    if file.ids is not None and first.ids is not None:
        place = {image: row for row, image in enumerate(file.ids)}
        missing = next((image for image in first.ids if image not in place), None)
        if missing is not None or len(place) != len(first.ids):
            what = f"{len(place):,} images" if missing is None else f"no image '{quoted(missing)}'"
            raise DataError(f"{file.path} has {what}, but {first.path} has {len(first.ids):,} images of its own ids.")
        values = values[[place[image] for image in sorted(first.ids)]]
    elif len(values) != len(first.values):
        raise DataError(f"{file.path} has {len(values):,} rows, but {first.path} has {len(first.values):,}.")
    if file.classes is None or classes is None:
        return values
    if set(file.classes) != set(classes):
        raise DataError(f"{file.path} has the classes {quoted(', '.join(file.classes))}, unlike the other files.")
    return values[:, [file.classes.index(name) for name in classes]]


def _from_arrays(path: Path) -> AnswerFile:
    arrays = read_arrays(path, ARRAYS)
    found = [name for name in ("labels", "probabilities") if name in arrays]
    if len(found) != 1:
        raise DataError(f"{path} must hold one array of labels or one of probabilities, and it holds {len(found)}.")
    values = arrays[found[0]]
    dimensions, kinds = (1, "iuU") if found == ["labels"] else (2, "f")
    if values.ndim != dimensions or values.dtype.kind not in kinds:
        raise DataError(f"{path}[{found[0]}] holds {values.dtype} of shape {values.shape}.")
    classes, ids = (names_of(path, name, arrays[name]) if name in arrays else None for name in ("classes", "ids"))
    if ids is not None and len(ids) != len(values):
        raise DataError(f"{path} has {len(ids):,} ids for {len(values):,} rows.")
    if classes is not None and dimensions == 2 and len(classes) != values.shape[1]:
        raise DataError(f"{path} has {len(classes):,} classes for {values.shape[1]:,} columns.")
    if dimensions == 1:
        return AnswerFile(path, values.astype(str), None, ids)
    return AnswerFile(path, values, classes or tuple(map(str, range(values.shape[1]))), ids)


def _from_csv(path: Path) -> AnswerFile:
    with blaming(path, "CSV"), path.open(encoding="utf-8-sig", newline="") as stream:
        lines = [[field.strip() for field in line] for line in csv.reader(stream) if line]
    if len(lines) < 2:
        raise DataError(f"{path} needs a first line with the names of its columns, and a line for each image.")
    header, rows = lines[0], lines[1:]
    uneven = next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if uneven is not None:
        raise DataError(f"{path}, line {uneven} has more or fewer fields than the first line ({len(header)}).")
    ids = None
    if header[0].lower() in ID_COLUMNS and len(header) > 1:
        ids = unlike(path, "ids", tuple(row[0] for row in rows))
        header, rows = header[1:], [row[1:] for row in rows]
    if len(header) == 1:
        if header[0].lower() not in LABEL_COLUMNS:
            raise DataError(f"{path} has the column '{quoted(header[0])}', not one of {', '.join(LABEL_COLUMNS)}.")
        return AnswerFile(path, np.array([row[0] for row in rows]), None, ids)
    classes = unlike(path, "columns", tuple(header))
    return AnswerFile(path, _numbers(path, rows), classes, ids)


def _numbers(path: Path, rows: list[list[str]]) -> NDArray[np.float64]:
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path} has a probability that is not a number ({quoted(str(error))}).") from error
