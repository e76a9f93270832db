"""``history.csv``: the course of a version's training, one row per epoch or boosting round."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.store import atomic

NAME = "history.csv"
STEP = "step"


def write(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the rows into a candidate's folder, ``step`` first."""
    columns = [STEP, *dict.fromkeys(key for row in rows for key in row if key != STEP)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic.write_text(folder / NAME, text.getvalue())


def read(folder: Path) -> list[dict[str, float]]:
    """Return the rows: ``step`` and the metrics that the row has; none if the file is missing.

    Raises:
        StoreError: The file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return []
    try:
        rows = csv.DictReader(io.StringIO(atomic.read_bytes(path).decode()), strict=True)
        found = [{key: float(value) for key, value in row.items() if value} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged: {error}.") from error
    if any(not math.isfinite(row.get(STEP, math.nan)) for row in found):
        raise StoreError(f"{path} is damaged: a row has no step.")
    return found
