"""What a drift monitor keeps on disk: its reference beside the champion, and its state beside the log."""

from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.facts.base import Facts, SafeName, Sha256

Table = tuple[tuple[float, ...], ...]


class ReferenceFacts(Facts):
    """What the reference of a champion was made from.

    Attributes:
        dataset, version, digest: The champion.
        images: Images that it was not trained on, in the reference.
        trained: Images that it was trained on, on which the scores are fitted.
        classes: Class names, in label order.
        corruptions: Names of the corruptions of which there are scores.
    """

    format: Literal[1] = 1
    dataset: SafeName
    version: SafeName
    digest: str
    images: PositiveInt
    trained: PositiveInt
    classes: tuple[str, ...]
    corruptions: tuple[str, ...]


class MartingaleFacts(Facts):
    """The state of a martingale: see ``pipeline.monitoring.martingales``.

    Attributes:
        counts: Served images in each bin of each score, ``[K, BINS]``; the reference comes on top.
        stakes, sums, onsets: Of each bet, ``[K, B]``.
    """

    counts: tuple[tuple[NonNegativeInt, ...], ...]
    stakes: Table
    sums: Table
    onsets: tuple[tuple[NonNegativeInt, ...], ...]
    waiting: float
    steps: NonNegativeInt


class DriftAlarm(Facts):
    """The images that are served are not like those that the champion was judged on.

    Attributes:
        key: Of the monitor that raised it.
        sentence: What was found, for a person.
        score: What gave it away: a score, or the indicator of a class.
        rises: Whether it did so by high values; ``None`` where an earlier release did not record it.
        image: Which image raised it, counted from 1.
        since: After which image the change probably began.
        prediction_id, at: Of the image that raised it, and when that was served: UTC, ISO 8601.
        since_id: Of the first image after the change, or of the first after it that was still in the log.
        unusual: Prediction ids of the most unusual images since then, the most unusual first.
    """

    key: str
    sentence: str
    score: str
    rises: bool | None = None
    image: PositiveInt
    since: NonNegativeInt
    prediction_id: str
    at: str
    since_id: str
    unusual: tuple[str, ...]


class EndedMonitor(Facts):
    """A monitor that was followed by another one.

    Attributes:
        number: Its number in the life of the dataset, counted from 1.
        version: The champion that it watched.
        images: How many images it saw.
        alarm: What it found.
        ended_at: UTC, ISO 8601.
        reason: Why it ended.
    """

    number: PositiveInt
    version: SafeName
    images: NonNegativeInt
    alarm: DriftAlarm | None
    ended_at: str
    reason: str


class Watched(Facts):
    """What a monitor compares with what: a champion's images with a reference of this digest and size."""

    version: SafeName
    digest: str
    reference_sha256: Sha256
    reference_images: PositiveInt


class DriftState(Facts):
    """The monitor of a dataset, and those before it.

    Attributes:
        dataset: The dataset's name.
        watched: The champion and its reference.
        number: The monitor's number in the life of the dataset, counted from 1.
        level: Its part of the probability that the dataset ever has a false alarm.
        started_at: UTC, ISO 8601.
        begun_after: Only predictions with larger ids are the monitor's.
        read_to: The last prediction that it has read.
        left_out: Predictions that came with another one in the same request.
        evidence: Of the score with most, as a part of what raises the alarm.
        martingale: Its state.
        alarm: What it found; it reads no further then.
        earlier: The monitors before it, oldest first.
    """

    format: Literal[1] = 1
    dataset: SafeName
    watched: Watched
    number: PositiveInt
    level: PositiveFloat
    started_at: str
    begun_after: str
    read_to: str
    left_out: NonNegativeInt
    evidence: NonNegativeFloat
    martingale: MartingaleFacts
    alarm: DriftAlarm | None
    earlier: tuple[EndedMonitor, ...]

    @property
    def images(self) -> int:
        """Images that the monitor has seen."""
        return self.martingale.steps
