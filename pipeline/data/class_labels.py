"""Labels and ids that a file holds as text."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.checks import LARGEST_LABEL
from pipeline.data.raw import RowNumber
from pipeline.data.wording import require_printable
from pipeline.errors import DataError
from pipeline.text import quoted

Numbers = NDArray[Any]
MISSING = frozenset({"", "nan", "na", "null", "none"})
"""How a missing value is written, in lower case."""


def coded(texts: Sequence[str], file: str, row_number: RowNumber) -> tuple[Numbers, tuple[str, ...] | None]:
    """Return labels as numbers, and the names of the classes; ``None`` if the labels are whole numbers themselves.

    Class names that are numbers come first, in numeric order, then the others as text.

    Args:
        texts: The labels.
        file: For messages.
        row_number: Maps an image's index to the row number that a person would count.

    Raises:
        DataError: A label is missing or is not printable text; names the row.
    """
    for index, text in enumerate(texts):
        if text.lower() in MISSING:
            raise DataError(f"{file}, row {row_number(index)}: the label is missing.")
    names = set(texts)
    if all(_is_plain_number(name) for name in names):
        return np.array([int(text) for text in texts], np.int64), None
    for name in names:
        require_printable(name, f"{file}: the class")
    classes = tuple(sorted(names, key=_number_first))
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[text] for text in texts], np.int64), classes


def from_one_hot(
    columns: Sequence[Sequence[str]], classes: Sequence[str], file: str, row_number: RowNumber
) -> tuple[Numbers, tuple[str, ...]]:
    """Return labels from one-hot columns: one column per class, exactly one of which is 1 in every row.

    Raises:
        DataError: A row has no 1 or several, or a value other than 0 and 1; names the row.
    """
    ones, zeros = {"1", "1.0", "True", "true"}, {"0", "0.0", "False", "false"}
    labels = []
    for index, row in enumerate(zip(*columns, strict=True)):
        marked = [place for place, value in enumerate(row) if value in ones]
        if len(marked) != 1 or any(value not in ones | zeros for value in row):
            names, found = quoted(", ".join(classes), 200), quoted(",".join(row))
            raise DataError(
                f"{file}, row {row_number(index)}: one of {names} must be 1 and the others 0, not '{found}'."
            )
        labels += marked
    return np.array(labels, np.int64), tuple(classes)


def names_of(path: Path, name: str, array: NDArray[Any]) -> tuple[str, ...]:
    """Return the names that an array of an ``.npz`` lists, strings or whole numbers.

    Args:
        path: The file.
        name: The array's name.
        array: ``[N]``.

    Raises:
        DataError: It is another kind of array, or a name occurs twice.
    """
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise DataError(f"{path}[{name}] holds {array.dtype} of shape {array.shape}: strings [N] are expected.")
    return unlike(path, name, tuple(map(str, array.tolist())))


def unlike(path: Path, what: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that must all be different.

    Raises:
        DataError: A name occurs twice.
    """
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise DataError(f"{path} has '{quoted(twice)}' twice among its {what}.")
    return names


def require_distinct(ids: Sequence[str], file: str, row_number: RowNumber) -> None:
    """Refuse an id that is empty or occurs twice.

    Raises:
        DataError: Names the rows.
    """
    first: dict[str, int] = {}
    for index, name in enumerate(ids):
        if not name:
            raise DataError(f"{file}, row {row_number(index)}: the id is missing.")
        if name in first:
            earlier = row_number(first[name])
            raise DataError(f"{file}, row {row_number(index)}: the id {quoted(name)} is already in row {earlier}.")
        first[name] = index


def _is_plain_number(text: str) -> bool:
    """Whether a number is written in the canonical form that a submission uses."""
    return (
        text.isascii() and text.isdigit() and len(text) < 17 and str(int(text)) == text and int(text) <= LARGEST_LABEL
    )


def _number_first(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
