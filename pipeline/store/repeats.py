"""The cells of a sweep that are measured but never judged: ``metric_results/repeats.csv``."""

import csv
import io
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, NonNegativeInt, ValidationError

from pipeline.errors import StoreError
from pipeline.facts.base import Facts
from pipeline.store import atomic, typed_files
from pipeline.store.home import Home


def _empty(value: object) -> object:
    # How CSV represents a missing value.
    return None if value == "" else value


_OrEmpty = BeforeValidator(_empty)


class Repeat(Facts):
    """One measured cell: a row of the table.

    Attributes:
        cell: Identifies the requested training.
        dataset, recipe: Names.
        parameters: Every parameter of the recipe, as JSON.
        train_size: Images handed to the trainer.
        repeat: 1 for the first repeat of a challenger.
        seed: For the choice of rows, the initial weights and augmentation.
        fit_seconds: Wall-clock seconds of the fit.
        benchmark_images, accuracy, errors, log_loss: What was measured; figures are ``None`` if the policy
            discloses verdicts only.
        benchmark_sha256: Digest of the set of benchmark images.
    """

    cell: str
    dataset: str
    recipe: str
    parameters: str = "{}"
    train_size: NonNegativeInt
    repeat: NonNegativeInt
    seed: int
    fit_seconds: float
    benchmark_images: NonNegativeInt
    accuracy: Annotated[float | None, _OrEmpty]
    errors: Annotated[NonNegativeInt | None, _OrEmpty]
    log_loss: Annotated[float | None, _OrEmpty]
    benchmark_sha256: str


COLUMNS = tuple(Repeat.model_fields)


def file(home: Home) -> Path:
    """Return where the table is."""
    return home.metric_results / "repeats.csv"


def read(home: Home) -> list[Repeat]:
    """Return every row, oldest first; a last line that a crash left torn never counted.

    A file from before a column existed is read with that column's default.

    Raises:
        StoreError: The file is damaged; names the line and the column.
    """
    path = file(home)
    if not path.exists():
        return []
    content = atomic.read_bytes(path)
    try:
        text = content[: content.rfind(b"\n") + 1].decode()
        lines = list(csv.DictReader(io.StringIO(text), restkey="too many columns", strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a backup, or move it away.") from error
    return [_parse(line, path, number) for number, line in enumerate(lines, start=2)]


def by_cell(home: Home) -> dict[str, Repeat]:
    """Return every measured cell, the newest where one was measured again."""
    return {repeat.cell: repeat for repeat in read(home)}


def record(home: Home, repeat: Repeat) -> None:
    """Add one measured cell; the file is replaced in one step.

    Raises:
        StoreError: The file is damaged, or the disk fails.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in (*read(home), repeat))
    atomic.write_text(file(home), text.getvalue())


def _parse(line: dict[str, str], path: Path, number: int) -> Repeat:
    try:
        return Repeat.model_validate(line, strict=False)
    except ValidationError as error:
        raise StoreError(
            f"{path}, line {number}, is damaged: {typed_files.first_fault(error)}. "
            "Restore the file from a backup, or move it away."
        ) from error
