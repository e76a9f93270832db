"""What a Kaggle competition's files look like and what it wants back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import PositiveInt

from pipeline.facts.base import Facts

DEFAULT_COMPETITION = "digit-recognizer"
"""The Kaggle competition of the dataset ``kaggle``."""
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?kaggle\.com/(?:competitions|c)/([^/?#]+)(?:[/?#].*)?", re.IGNORECASE)


def name_in(text: str) -> str:
    """Return the name of a competition, which may be given by its whole address on kaggle.com; not checked."""
    address = _ADDRESS.fullmatch(text.strip())
    return address[1] if address else text


def option(competition: str) -> str:
    """Return what a command needs to name a competition: nothing for the default, else `` --competition NAME``."""
    return "" if competition == DEFAULT_COMPETITION else f" --competition {competition}"


@dataclass(frozen=True)
class SubmissionForm:
    """What a submission must look like: the form of ``sample_submission.csv``.

    Attributes:
        id_column: Name of the first column.
        columns: Names of the other columns: one for a label, or one a class for probabilities.
        ids: The id of each row, in order.
        file: The sample that shows this; ``None`` where no file does.
    """

    id_column: str
    columns: tuple[str, ...]
    ids: tuple[str, ...]
    file: Path | None = field(default=None, compare=False)

    @property
    def header(self) -> tuple[str, ...]:
        """All column names, in order."""
        return self.id_column, *self.columns

    @property
    def title(self) -> str:
        """What a sentence calls the sample."""
        return f"The sample submission {self.file}" if self.file else "The sample submission"


def numbered_form(ids: tuple[str, ...], columns: tuple[str, ...] = ("Label",)) -> SubmissionForm:
    """Return digit-recognizer's form for these ids, or with these columns; written where no sample says otherwise."""
    return SubmissionForm("ImageId", columns, ids)


@dataclass(frozen=True)
class CompetitionForm:
    """Where a competition's files have what.

    Attributes:
        folder: Where the files are.
        train: The CSV with the labels, beside pixels or names of pictures, or the folder with one sub-folder per class;
            ``None`` if there are no training images.
        label_columns: Columns of ``train`` that hold the label: one, or one a class of which a single one is 1; empty
            if the folders' names are the labels.
        test: The CSV with the pixels of the test images; ``None`` if the sample's ids name pictures.
        sample: What a submission must look like.
    """

    folder: Path
    train: Path | None
    label_columns: tuple[str, ...]
    test: Path | None
    sample: SubmissionForm


@dataclass(frozen=True)
class KnownCompetition:
    """A competition whose files are known in advance.

    Attributes:
        files: Their names; each is downloaded and checked on its own.
        rows: How many rows a file must have: a download cut at the end of a line is otherwise a valid file.
    """

    files: tuple[str, ...]
    rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def sample(self) -> SubmissionForm | None:
        """What a submission must look like; ``None`` if the number of images is not known."""
        images = self.rows.get("test.csv")
        return None if images is None else numbered_form(tuple(map(str, range(1, images + 1))))


DIGIT_RECOGNIZER = KnownCompetition(
    files=("train.csv", "test.csv", "sample_submission.csv"),
    rows=MappingProxyType({"train.csv": 42_000, "test.csv": 28_000, "sample_submission.csv": 28_000}),
)
KNOWN: dict[str, KnownCompetition] = {DEFAULT_COMPETITION: DIGIT_RECOGNIZER}
"""By name; the form of every other competition is read from its files."""


class CompetitionChoices(Facts):
    """What a user chose for a competition, once: ``data/kaggle/<name>.json``.

    Attributes:
        shape: Height, width and channels of its images, where its files do not say.
        metric: What it is scored by; ``None`` takes what its sample suggests.
        probabilities: Whether it wants probabilities although its sample has one column.
    """

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    metric: str | None = None
    probabilities: bool | None = None
