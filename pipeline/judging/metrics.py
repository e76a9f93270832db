"""Every metric of one model on one labelled set, as ``scores.json`` holds them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.errors import DataError
from pipeline.facts.score_facts import Averages, ClassScores, Confusion, Estimate, Figures
from pipeline.judging.intervals import clopper_pearson
from pipeline.judging.scalar_figures import FIGURES, calibration_bins

MOST_CONFUSIONS = 10


def problem(probabilities: Probabilities, labels: Labels, classes: int) -> str | None:
    """Return why predictions cannot be scored, in a sentence; ``None`` where they can."""
    if len(labels) == 0:
        return "There are no labelled images to score on."
    if probabilities.shape != (len(labels), classes):
        return f"The model gave {probabilities.shape} probabilities for {len(labels)} images of {classes} classes."
    rows = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(rows):
        return f"The model gave NaN or infinite probabilities for {len(rows):,} images, first in row {rows[0]}."
    rows = np.flatnonzero((probabilities < 0).any(axis=1) | (np.abs(probabilities.sum(axis=1) - 1) > 1e-3))
    if len(rows):
        return f"The model's outputs are not probabilities (row {rows[0]} is negative or does not sum to 1)."
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
    from sklearn.metrics import confusion_matrix

    reason = problem(probabilities, labels, len(classes))
    if reason:
        raise DataError(reason)
    predicted = probabilities.argmax(axis=1)
    errors = int((predicted != labels).sum())
    low, high = clopper_pearson(len(labels) - errors, len(labels))
    confusion = confusion_matrix(labels, predicted, labels=np.arange(len(classes)))
    scalars: dict[str, Any] = {name: figure.measure(probabilities, labels) for name, figure in FIGURES.items()}
    return Figures(
        images=len(labels),
        errors=errors,
        accuracy=Estimate(value=1 - errors / len(labels), low=float(low), high=float(high)),
        **_averages(predicted, labels),
        **scalars,
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
        **dict.fromkeys(FIGURES),
        per_class=(),
        confusion=(),
        top_confusions=(),
        calibration=(),
    )


def _averages(predicted: NDArray[np.intp], labels: Labels) -> dict[str, Any]:
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
    taken = np.bincount(predicted, minlength=len(classes))
    low, high = clopper_pearson(right, images)
    return tuple(
        ClassScores(
            name=name,
            images=int(images[k]),
            precision=float(precision[k]) if taken[k] else None,
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
