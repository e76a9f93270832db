"""The last check of a ``submission.csv`` before it is sent: Kaggle accepts a malformed one and fails it later."""

import csv
from pathlib import Path

from pipeline.contracts import SUBMISSION_COLUMNS
from pipeline.errors import DataError
from pipeline.text import plain, quoted


def check(path: Path, ids: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """Check columns, number of rows, ids in their order, and labels among the classes.

    Raises:
        DataError: Names the row of the first thing that is wrong.
    """
    rows = _rows(path)
    columns = ",".join(SUBMISSION_COLUMNS)
    if tuple(rows[0]) != SUBMISSION_COLUMNS:
        raise DataError(f"{path} starts with '{quoted(','.join(rows[0]))}' instead of '{columns}': predict again.")
    if len(rows) - 1 != len(ids):
        raise DataError(f"{path} has {len(rows) - 1:,} predictions for {len(ids):,} images: predict again.")
    known = set(classes)
    for number, (row, expected) in enumerate(zip(rows[1:], ids, strict=True), start=2):
        if len(row) != 2 or row[0] != expected:
            raise DataError(
                f"{path}, row {number}: expected a label for id {quoted(expected)}, found '{quoted(','.join(row))}'."
            )
        if row[1] not in known:
            raise DataError(
                f"{path}, row {number}: the label '{quoted(row[1])}' is not one of the classes "
                f"{plain(', '.join(classes))}."
            )


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.reader(stream, strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a submission: {error}.") from error
