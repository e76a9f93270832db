"""Every metric of one model on one labelled set, as ``scores.json`` holds them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.errors import DataError
from pipeline.facts.scores import Averages, CalibrationBin, ClassScores, Confusion, Estimate, Figures
from pipeline.judging.intervals import clopper_pearson

CALIBRATION_BINS = 10
MOST_CONFUSIONS = 10
SMALLEST_PROBABILITY = 1e-15


def problem(probabilities: Probabilities, labels: Labels, classes: int) -> str | None:
    """Why predictions cannot be scored, in a sentence; ``None`` where they can."""
    if len(labels) == 0:
        return "There is no labelled image to score on."
    if probabilities.shape != (len(labels), classes):
        return f"The model gave {probabilities.shape} probabilities for {len(labels)} images of {classes} classes."
    rows = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(rows):
        return f"The model gave NaN or infinite probabilities for {len(rows):,} images, first in row {rows[0]}."
    rows = np.flatnonzero((probabilities < 0).any(axis=1) | (np.abs(probabilities.sum(axis=1) - 1) > 1e-3))
    if len(rows):
        return f"What the model gave are no probabilities (row {rows[0]} is negative or does not sum to 1)."
    return None


def score(probabilities: Probabilities, labels: Labels, classes: Sequence[str]) -> Figures:
    """Return every metric that follows from predictions; figures that are undefined are ``None``.

    Args:
        probabilities: ``[N, K]``.
        labels: ``[N]``.
        classes: The K class names.

    Raises:
        DataError: The set is empty, or a probability is missing, NaN or impossible.
    """
    from sklearn.metrics import confusion_matrix, matthews_corrcoef

    reason = problem(probabilities, labels, len(classes))
    if reason:
        raise DataError(reason)
    predicted = probabilities.argmax(axis=1)
    errors = int((predicted != labels).sum())
    low, high = clopper_pearson(len(labels) - errors, len(labels))
    confusion = confusion_matrix(labels, predicted, labels=np.arange(len(classes)))
    truth = np.eye(len(classes))[labels]
    return Figures(
        images=len(labels),
        errors=errors,
        accuracy=Estimate(value=1 - errors / len(labels), low=float(low), high=float(high)),
        **_averages(predicted, labels),
        matthews=float(matthews_corrcoef(labels, predicted)),
        log_loss=log_loss(probabilities, labels),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        calibration_error=calibration_error(probabilities, labels),
        roc_auc=_roc_auc(probabilities, labels),
        per_class=_per_class(predicted, labels, classes),
        confusion=tuple(map(tuple, confusion.tolist())),
        top_confusions=_top_confusions(confusion, classes),
        calibration=calibration_bins(probabilities, labels),
    )


def nothing(images: int) -> Figures:
    """Return the figures where nothing can be scored: every one is ``None``."""
    average = Averages(macro=None, weighted=None)
    return Figures(
        images=images,
        errors=None,
        accuracy=Estimate(value=None, low=None, high=None),
        precision=average,
        recall=average,
        f1=average,
        matthews=None,
        log_loss=None,
        brier=None,
        calibration_error=None,
        roc_auc=None,
        per_class=(),
        confusion=(),
        top_confusions=(),
        calibration=(),
    )


def log_loss(probabilities: Probabilities, labels: Labels) -> float:
    """Mean negative logarithm of the probability that the truth was given."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


def calibration_bins(probabilities: Probabilities, labels: Labels) -> tuple[CalibrationBin, ...]:
    """Confidence and accuracy by ten equal bins of the top probability; bins without an image are left out."""
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


def calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """Expected calibration error of the top label (Guo and others 2017, section 2)."""
    bins = calibration_bins(probabilities, labels)
    return sum(bin.images * abs(bin.confidence - bin.accuracy) for bin in bins) / len(labels)


def _averages(predicted: NDArray[np.intp], labels: Labels) -> dict[str, Averages]:
    from sklearn.metrics import precision_recall_fscore_support

    # Classes without an image have no recall; averaging them in as zero would punish the model for the data.
    present = np.unique(labels)
    found: dict[str, dict[str, float]] = {"precision": {}, "recall": {}, "f1": {}}
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(labels, predicted, labels=present, average=average, zero_division=0.0)
        for name, value in zip(found, values, strict=False):
            found[name][average] = float(value)
    return {name: Averages(**averages) for name, averages in found.items()}


def _per_class(predicted: NDArray[np.intp], labels: Labels, classes: Sequence[str]) -> tuple[ClassScores, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    every = np.arange(len(classes))
    precision, recall, f1, images = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0.0)
    right = np.bincount(labels[predicted == labels], minlength=len(classes))
    low, high = clopper_pearson(right, images)
    return tuple(
        ClassScores(
            name=name,
            images=int(images[k]),
            precision=float(precision[k]),
            recall=float(recall[k]) if images[k] else None,
            recall_low=float(low[k]) if images[k] else None,
            recall_high=float(high[k]) if images[k] else None,
            f1=float(f1[k]) if images[k] else None,
        )
        for k, name in enumerate(classes)
    )


def _top_confusions(confusion: NDArray[np.int64], classes: Sequence[str]) -> tuple[Confusion, ...]:
    wrong = confusion * (1 - np.eye(len(confusion), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    cells = [divmod(int(cell), len(classes)) for cell in order if wrong.flat[cell] > 0]
    return tuple(Confusion(truth=classes[t], predicted=classes[p], images=int(wrong[t, p])) for t, p in cells)


def _roc_auc(probabilities: Probabilities, labels: Labels) -> float | None:
    from sklearn.metrics import roc_auc_score

    if len(np.unique(labels)) != probabilities.shape[1]:
        return None
    # One class against the rest, each in turn: scikit-learn's own average refuses float32 rows that do not sum to 1.
    areas = [roc_auc_score(labels == k, probabilities[:, k]) for k in range(probabilities.shape[1])]
    return float(np.mean(areas))
