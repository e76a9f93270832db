"""What ``scores.json`` holds: every metric of one model on one labelled set.

Fractions lie between 0 and 1; intervals are 95 %, Clopper and Pearson's. Figures are ``None``, and lists empty, where
the predictions could not be scored.
"""

from pydantic import ConfigDict, Field, NonNegativeInt

from pipeline.facts.base import Facts


class Estimate(Facts):
    """A fraction with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


class Averages(Facts):
    """A metric averaged over the classes that have images: unweighted, and weighted by their images."""

    macro: float | None
    weighted: float | None


class ClassScores(Facts):
    """One class; recall and F1 are ``None`` if it has no image, precision if no image was taken for it."""

    name: str = Field(alias="class")
    images: NonNegativeInt
    precision: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    f1: float | None


class Confusion(Facts):
    """How many images of class ``truth`` were taken for class ``predicted``."""

    truth: str
    predicted: str
    images: NonNegativeInt


class CalibrationBin(Facts):
    """The images whose top probability lies above ``low`` and at most at ``high``: mean confidence and accuracy."""

    low: float
    high: float
    images: NonNegativeInt
    confidence: float
    accuracy: float


class Robustness(Facts):
    """Accuracy on corrupted copies of a part of the benchmark: the mean, and by corruption."""

    mean_accuracy: float | None
    by_corruption: dict[str, float]


class Latency(Facts):
    """Milliseconds: of a single prediction (median and 95th percentile), and of an image in a batch."""

    single_p50: float | None = None
    single_p95: float | None = None
    per_image_in_batch: float | None = None


class Figures(Facts):
    """What follows from predictions and labels alone.

    Attributes:
        images: Images that were scored.
        errors: Images whose top class is wrong.
        accuracy: Right answers, as a fraction.
        precision, recall, f1: Averages over classes.
        matthews: Matthews correlation coefficient, -1 to 1.
        log_loss: Mean negative natural logarithm of the probability of the truth.
        brier: Mean squared distance of the probabilities to the truth, summed over classes.
        calibration_error: Expected calibration error of the top class, ten bins (Guo and others 2017).
        roc_auc: Mean area under the ROC curve, each class against the rest; ``None`` if a class has no image.
        per_class: The classes, in label order.
        confusion: Images, ``[K][K]``: truth in rows, prediction in columns.
        top_confusions: The ten most frequent confusions.
        calibration: The bins that have images.

    Figures that were registered later (``pipeline.judging.scalar_figures``) have no field of their own; ``figure``
    reads them all.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None] = Field(init=False)

    images: NonNegativeInt
    errors: NonNegativeInt | None
    accuracy: Estimate
    precision: Averages
    recall: Averages
    f1: Averages
    matthews: float | None
    log_loss: float | None
    brier: float | None
    calibration_error: float | None
    roc_auc: float | None
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[NonNegativeInt, ...], ...]
    top_confusions: tuple[Confusion, ...]
    calibration: tuple[CalibrationBin, ...]

    def figure(self, name: str) -> float | None:
        """Return a registered figure by its name; ``None`` if it is undefined or was not known yet."""
        value: float | None = getattr(self, name, None)
        return value


class Scores(Figures):
    """``scores.json``, and what ``evaluate`` writes.

    Attributes:
        benchmark_sha256: Digest of the set of images.
        robustness: ``None`` if it was not measured.
        latency_ms: ``None`` if it was not measured.
        model_bytes: Size of ``model.onnx``; ``None`` if something else was measured.
    """

    benchmark_sha256: str
    robustness: Robustness | None = None
    latency_ms: Latency | None = None
    model_bytes: NonNegativeInt | None = None
