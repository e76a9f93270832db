"""The register of figures: numbers that follow from predictions and labels, each computed by one function.

To add a figure, write a function ``(probabilities, labels) -> float | None`` under ``@figure(...)`` here. Nothing else
changes: ``scores.json``, ``results.csv``, a version's report, ``show`` and the workbook are made from this register.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar

import numpy as np

from pipeline.contracts import Labels, Probabilities
from pipeline.facts.score_facts import CalibrationBin

Measure = Callable[[Probabilities, Labels], float | None]
Function = TypeVar("Function", bound=Measure)
Form = Literal["percent", "decimal"]
CALIBRATION_BINS = 10
SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class ScalarFigure:
    """One figure.

    Attributes:
        title: Its name for a person.
        form: How it is written: ``percent`` for fractions that people read as such.
        meaning: What it says, in a few words.
        measure: From probabilities ``[N, K]`` and labels ``[N]``; ``None`` where the figure is undefined.
    """

    title: str
    form: Form
    meaning: str
    measure: Measure


_REGISTER: dict[str, ScalarFigure] = {}
FIGURES: Mapping[str, ScalarFigure] = MappingProxyType(_REGISTER)
"""Every figure by the name of its function, which is its key in ``scores.json`` and its column in ``results.csv``."""


def figure(title: str, meaning: str, form: Form = "decimal") -> Callable[[Function], Function]:
    """Register the function that computes a figure."""

    def register(measure: Function) -> Function:
        _REGISTER[measure.__name__] = ScalarFigure(title, form, meaning, measure)
        return measure

    return register


@figure("Matthews correlation", "1 is perfect, 0 is no better than chance.")
def matthews(probabilities: Probabilities, labels: Labels) -> float:
    """Return the Matthews correlation coefficient, -1 to 1 (Gorodkin 2004 for several classes)."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(labels, probabilities.argmax(axis=1)))


@figure("Log loss", "Punishes confident mistakes; 0 is perfect.")
def log_loss(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean negative natural logarithm of the probability of the truth."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


@figure("Brier score", "Squared distance to the truth; 0 is perfect.")
def brier(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean squared distance of the probabilities to the truth, summed over classes."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


@figure("Calibration error", "How far its confidence is from its accuracy.", form="percent")
def calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """Return the expected calibration error of the top class, ten bins (Guo and others 2017, section 2)."""
    bins = calibration_bins(probabilities, labels)
    return sum(bin.images * abs(bin.confidence - bin.accuracy) for bin in bins) / len(labels)


@figure("Area under the ROC curve", "How well its probabilities rank, class by class.")
def roc_auc(probabilities: Probabilities, labels: Labels) -> float | None:
    """Return the mean area under the ROC curve, each class against the rest; ``None`` where a class has no image."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(labels)) != probabilities.shape[1]:
        return None
    # scikit-learn's own average refuses float32 rows that do not sum to 1.
    areas = [roc_auc_score(labels == k, probabilities[:, k]) for k in range(probabilities.shape[1])]
    return float(np.mean(areas))


def calibration_bins(probabilities: Probabilities, labels: Labels) -> tuple[CalibrationBin, ...]:
    """Return confidence and accuracy by ten equal bins of the top probability; bins without an image are left out."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    return tuple(
        CalibrationBin(
            low=bin / CALIBRATION_BINS,
            high=(bin + 1) / CALIBRATION_BINS,
            images=int((bins == bin).sum()),
            confidence=float(confidence[bins == bin].mean()),
            accuracy=float(right[bins == bin].mean()),
        )
        for bin in np.unique(bins).tolist()
    )
