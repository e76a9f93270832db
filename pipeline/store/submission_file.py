"""``submission.csv``: written in the form of the competition's sample, and checked before it is sent.

Kaggle accepts a malformed file and fails it later, which costs a submission.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.contracts import Probabilities
from pipeline.errors import DataError
from pipeline.facts.competition import SubmissionForm
from pipeline.store import atomic
from pipeline.text import cell, plain, quoted

SUM_TOLERANCE = 1e-3
"""Tolerance of the sum of an image's probabilities, which should be 1."""


def class_columns(
    form: SubmissionForm, classes: Sequence[str], probabilities: bool, asked_by: str = "--probabilities"
) -> tuple[int, ...] | None:
    """Return the class whose probability each column of a sample asks for; ``None`` if it asks for a label.

    A column belongs to the class of its name, a prefix common to all columns aside (``c0``, ``c1``).
    A single column asks for a label or, if probabilities of two classes are wanted, for that of the second.

    Args:
        form: The sample's.
        classes: The model's class names.
        probabilities: Whether probabilities are wanted.
        asked_by: The options that asked for them.

    Raises:
        DataError: The columns and the classes do not belong together.
    """
    if len(form.columns) > 1:
        for written in (str, str.casefold):
            if found := _places([written(name) for name in form.columns], [written(name) for name in classes]):
                return found
        raise DataError(
            f"The sample submission has the columns {plain(', '.join(form.columns))}, which are not the model's "
            f"classes {plain(', '.join(classes))}: train on the competition's own labels."
        )
    if not probabilities:
        return None
    if len(classes) != 2:
        raise DataError(
            f"The sample submission has one column, '{quoted(form.columns[0])}', which cannot hold the "
            f"probabilities of {len(classes)} classes: leave out {asked_by}."
        )
    return (1,)


def _places(columns: Sequence[str], classes: Sequence[str]) -> tuple[int, ...] | None:
    known = {name: place for place, name in enumerate(classes)}
    beginnings = {columns[0].removesuffix(name) for name in classes if columns[0].endswith(name)}
    for beginning in sorted(beginnings, key=len):
        found = tuple(known.get(name.removeprefix(beginning), -1) for name in columns)
        if sorted(found) == list(range(len(classes))):
            return found
    return None


def content(form: SubmissionForm, predicted: Probabilities, classes: Sequence[str], probabilities: bool) -> bytes:
    """Return a submission: the sample's columns and ids, with the model's answer for each id.

    An id, label or column's name that a spreadsheet would evaluate gets an apostrophe in front.

    Args:
        form: The sample's.
        predicted: Class probabilities, ``[N, K]``, in the order of the sample's ids.
        classes: The K class names.
        probabilities: Whether probabilities are wanted.

    Raises:
        DataError: The sample's columns and the classes do not belong together.
    """
    asked = class_columns(form, classes, probabilities)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(cell, form.header))
    if asked is None:
        named = [cell(name) for name in classes]
        writer.writerows((cell(name), named[k]) for name, k in zip(form.ids, predicted.argmax(axis=1), strict=True))
    else:
        values = predicted[:, list(asked)].tolist()
        writer.writerows((cell(name), *(f"{p:.9g}" for p in row)) for name, row in zip(form.ids, values, strict=True))
    return text.getvalue().encode()


def write(
    path: Path, form: SubmissionForm, predicted: Probabilities, classes: Sequence[str], probabilities: bool
) -> None:
    """Write a submission in one step, as ``content`` returns it.

    Raises:
        DataError: The sample's columns and the classes do not belong together.
        StoreError: The disk is full or fails.
    """
    atomic.write_bytes(path, content(form, predicted, classes, probabilities))


def check(path: Path, form: SubmissionForm, classes: Sequence[str], probabilities: bool) -> None:
    """Check columns, number of rows, ids in their order, and labels among the classes or probabilities.

    Raises:
        DataError: Names the row of the first thing that is wrong.
    """
    asked = class_columns(form, classes, probabilities)
    rows = _rows(path)
    if tuple(rows[0]) != form.header:
        wanted = quoted(",".join(form.header))
        raise DataError(f"{path} starts with '{_quoted(rows[0])}' instead of '{wanted}': predict again.")
    if len(rows) - 1 != len(form.ids):
        raise DataError(f"{path} has {len(rows) - 1:,} predictions for {len(form.ids):,} images: predict again.")
    known = set(classes)
    for number, (row, expected) in enumerate(zip(rows[1:], form.ids, strict=True), start=2):
        if len(row) != len(form.header) or row[0] != expected:
            raise DataError(
                f"{path}, row {number}: expected a prediction for id {quoted(expected)}, found '{_quoted(row)}'."
            )
        if asked is None and row[1] not in known:
            raise DataError(
                f"{path}, row {number}: the label '{quoted(row[1])}' is not one of the classes "
                f"{plain(', '.join(classes))}."
            )
        if asked is not None and not _are_probabilities(row[1:], complete=len(asked) == len(classes)):
            raise DataError(f"{path}, row {number}: '{_quoted(row[1:])}' are not probabilities.")


def _are_probabilities(row: Sequence[str], *, complete: bool) -> bool:
    try:
        values = np.array([float(value) for value in row])
    except ValueError:
        return False
    in_range = bool(((values >= 0) & (values <= 1)).all())
    return in_range and (not complete or abs(float(values.sum()) - 1) <= SUM_TOLERANCE)


def _quoted(row: Sequence[str]) -> str:
    return quoted(",".join(row))


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.reader(stream, strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a submission: {error}.") from error
