"""What is recorded of a submission to Kaggle: a row of ``metric_results/submissions.csv``."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

Status = Literal["sending", "unknown", "superseded", "refused", "pending", "complete", "error"]


def predictor(version: str, refit: int | None) -> str:
    """Return what predicted, in words: a version, or its refit with a number of seeds."""
    return f"the refit of {version}" if refit else version


@dataclass(frozen=True)
class SubmissionRecord:
    """One attempt to submit: a row of the file, its fields in the order of the columns.

    Attributes:
        submitted_at: UTC, ISO 8601, of the moment just before it was sent.
        competition: Its name in Kaggle's addresses.
        version, digest: Which version predicted.
        file_sha256: Digest of the file that was sent.
        rows: How many predictions it holds.
        message: The description it was sent with; no two attempts share one.
        reference: Kaggle's number, ``None`` until it is known.
        status: ``sending`` while it is being sent, and after a crash there; ``unknown`` if Kaggle may or may not
            have it, and ``superseded`` once the file was sent again all the same; ``refused`` if it was certainly not
            submitted; then as Kaggle says.
        expected_low, expected_score, expected_high: The score expected before sending, with its 95 % interval.
        public_score: Kaggle's, ``None`` until it is known.
        leak: Whether the version was trained on test images and submitted all the same.
        reason: Why it was refused, is unknown or could not be scored, in a sentence.
        metric: What all scores are values of; see ``pipeline.judging.competition_metrics``.
        refit: Number of seeds of the refit that predicted in the version's place, while the expected score is the
            version's; ``None`` if the version itself predicted.
    """

    submitted_at: str
    competition: str
    version: str
    digest: str
    file_sha256: str
    rows: Annotated[int, Field(ge=0)]
    message: Annotated[str, Field(min_length=1)]
    reference: int | None
    status: Status
    expected_low: FiniteFloat
    expected_score: FiniteFloat
    expected_high: FiniteFloat
    public_score: FiniteFloat | None = None
    leak: bool = False
    reason: str = ""
    metric: Annotated[str, Field(min_length=1)] = "accuracy"
    refit: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.expected_low <= self.expected_score <= self.expected_high:
            raise ValueError("expected_score is not between expected_low and expected_high")
        return self

    @property
    def difference(self) -> float | None:
        """The public score less the expected one; ``None`` until it is known."""
        return None if self.public_score is None else self.public_score - self.expected_score

    @property
    def as_expected(self) -> bool | None:
        """Whether the public score is in the 95 % interval; ``None`` until it is known, and for a refit."""
        if self.public_score is None or self.refit:
            return None
        return self.expected_low <= self.public_score <= self.expected_high

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The 95 % interval of the expected score; ``None`` twice for a refit, of which the version's says nothing."""
        return (None, None) if self.refit else (self.expected_low, self.expected_high)

    @property
    def predictor(self) -> str:
        """What predicted, in words."""
        return predictor(self.version, self.refit)

    @property
    def key(self) -> tuple[str, str]:
        """What is sent only once: to a competition, a file, whichever version predicted it."""
        return self.competition, self.file_sha256
