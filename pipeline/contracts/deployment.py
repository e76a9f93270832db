"""The champion in production, and the submission that it made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Deployment:
    """The champion of a dataset, as ``production/<dataset>/current.json`` names it.

    Attributes:
        dataset: The dataset's name.
        id, digest: Which version serves.
        folder: ``production/<dataset>/<id>``, complete with ``model.onnx``.
        previous_id: Which version served before, ``None`` for the first.
        action: How it came into production.
        reason: For an override or a rollback, a person's words.
        promoted_at: UTC, ISO 8601.
    """

    dataset: str
    id: str
    digest: str
    folder: Path
    previous_id: str | None
    action: Literal["promote", "rollback", "override"]
    reason: str
    promoted_at: str


@dataclass(frozen=True)
class Refit:
    """A champion's recipe fitted on all labelled images, for a submission alone.

    Attributes:
        id: The champion's id.
        folder: Where its ``manifest.json`` and ``model.onnx`` are.
        digest: Its own digest.
        seeds: Models whose probabilities are averaged.
    """

    id: str
    folder: Path
    digest: str
    seeds: int


@dataclass(frozen=True)
class Submission:
    """A written and checked ``submission.csv``, or ``benchmark_predictions.csv`` where there is no test set.

    Attributes:
        csv: The file.
        rows: How many predictions it holds.
        version_id, version_digest: Which champion made it.
        source: Which images it predicts, in words.
        stand_in: Whether benchmark images stood in for a test set.
        accuracy: On the stand-in's known labels; ``None`` for a true test set, or where it was trained on them.
        escaped: Ids and class names that were written with an apostrophe, since a spreadsheet would evaluate them.
        refit: Number of seeds of the refit that made it in the champion's place; ``None`` if the champion did.
        sample: The sample submission whose format the file has; ``None`` where there is none.
    """

    csv: Path
    rows: int
    version_id: str
    version_digest: str
    source: str
    stand_in: bool
    accuracy: float | None = None
    escaped: tuple[str, ...] = ()
    refit: int | None = None
    sample: Path | None = None

    @property
    def predictor(self) -> str:
        """What made it, in words."""
        return f"champion {self.version_id}" if self.refit is None else f"refit of {self.version_id} (not judged)"

    @property
    def place(self) -> str:
        """The file, and whose format it has."""
        return str(self.csv) if self.sample is None else f"{self.csv}, in the format of {self.sample}"
