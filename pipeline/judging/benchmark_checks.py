"""The checks that read the benchmark. With a champion they come after the debit, whatever they find."""

from collections.abc import Mapping

import numpy as np

from pipeline.contracts import Check
from pipeline.judging import paired, scalar_figures
from pipeline.judging.comparisons import compare
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.intervals import clopper_pearson
from pipeline.judging.rules import rule
from pipeline.judging.words import passed, percent

DUMMY_ALPHA = 0.05
RESOLUTION = 4
"""Decimals of a point to which differences are compared: corrupted copies resolve a hundredth of a point."""


@rule(
    "accuracy_floor",
    looks_at="benchmark",
    burden="proven good",
    why="It is what a user relies on, and the whole benchmark is there to prove it.",
    words="Accuracy proven to be at least {:.4g} (lower 95 % bound).",
)
def accuracy_floor(evidence: Evidence, floor: float) -> Check:
    """Check that the lower 95 % bound of accuracy reaches the floor."""
    right = int(paired.right(evidence.challenger.benchmark, evidence.labels).sum())
    low = float(clopper_pearson(right, len(evidence.labels)).low)
    sentence = f"{percent(right / len(evidence.labels))} (at least {percent(low)}, with 95 % confidence)."
    return Check("accuracy_floor", f"accuracy at least {100 * floor:.4g} %", passed(low >= floor), low, floor, sentence)


@rule(
    "recall_floor",
    looks_at="benchmark",
    burden="not proven bad",
    why="A class has few images: demanding proof would refuse good models and, below 17 images, every model.",
    words="No class proven to have a recall below {:.4g} (upper 95 % bound).",
)
def recall_floor(evidence: Evidence, floor: float) -> Check:
    """Check that the upper 95 % bound of the recall of every class reaches the floor."""
    name, title = "recall_floor", f"no class proven below {100 * floor:.4g} %"
    images = np.bincount(evidence.labels, minlength=len(evidence.classes))
    hits = evidence.labels[paired.right(evidence.challenger.benchmark, evidence.labels)]
    right = np.bincount(hits, minlength=len(evidence.classes))
    high = clopper_pearson(right, images).high
    worst = int(high.argmin())
    silent = np.array(evidence.classes)[clopper_pearson(0, images).high >= floor]
    found = f"{percent(right[worst] / images[worst])} (at most {percent(high[worst])}, with 95 % confidence)"
    too_few = f" Too few images to judge: {', '.join(silent)}." if len(silent) else ""
    sentence = f"Lowest: {evidence.classes[worst]}, {found}.{too_few}"
    return Check(name, title, passed(high[worst] >= floor), float(high[worst]), floor, sentence)


@rule(
    "calibration_limit",
    looks_at="benchmark",
    burden="as measured",
    why="The limit is coarse, far above the measurement error.",
    words="Expected calibration error at most {:g}.",
)
def calibration(evidence: Evidence, limit: float) -> Check:
    """Check that confidence does not lie too far from accuracy."""
    error = scalar_figures.calibration_error(evidence.challenger.benchmark, evidence.labels)
    sentence = f"Confidence and accuracy differ by {100 * error:.2f} points on average."
    title = f"calibration error at most {100 * limit:.4g} points"
    return Check("calibration", title, passed(_points(error - limit) <= 0), error, limit, sentence)


@rule(
    "calibration_margin",
    looks_at="benchmark",
    burden="as measured",
    why="Both errors are measured on the same images, and the margin is wider than their noise.",
    words="Expected calibration error at most {:g} above the champion's.",
)
def calibration_margin(evidence: Evidence, margin: float) -> Check | None:
    """Check that the calibration error does not exceed the champion's by more than the margin."""
    if evidence.champion is None:
        return None
    mine, theirs = (
        scalar_figures.calibration_error(one.benchmark, evidence.labels)
        for one in (evidence.challenger, evidence.champion)
    )
    title = f"calibration error at most {100 * margin:.4g} points above the champion's"
    sentence = f"{100 * mine:.2f} points against the champion's {100 * theirs:.2f}."
    rise = mine - theirs
    return Check("calibration_margin", title, passed(_points(rise - margin) <= 0), rise, margin, sentence)


@rule(
    "class_alpha",
    looks_at="benchmark",
    burden="not proven bad",
    why="Some class nearly always loses an image or two by chance; proving no loss takes thousands per class.",
    words="No class proven worse than with the champion (exact test, Holm's correction, {:g}).",
)
def no_class_worse(evidence: Evidence, level: float) -> Check | None:
    """Check that no class is proven worse than with the champion, Holm's correction over the classes."""
    if evidence.champion is None:
        return None
    comparison = compare(evidence, evidence.champion)
    alone = paired.p_better(comparison.made, comparison.fixed)
    corrected, worst = paired.holm(alone), int(alone.argmin())
    vetoed = bool(paired.any_class_worse(comparison.fixed, comparison.made, level))
    shown, limit = paired.against_limit(float(corrected[worst]), level)
    found = (
        f"{evidence.classes[worst]}: fixed {comparison.fixed[worst]}, made {comparison.made[worst]}, "
        f"corrected {shown}, refused at {limit} or less"
    )
    named = ", ".join(np.array(evidence.classes)[corrected <= level])
    sentence = f"Proven worse: {named}. {found}." if vetoed else f"None proven worse; nearest {found}."
    return Check(
        "no_class_worse", "no class proven worse", passed(not vetoed), float(corrected[worst]), level, sentence
    )


@rule(
    "robustness_margin_pp",
    looks_at="benchmark",
    burden="as measured",
    why="7,500 corrupted copies measure the mean to about a point, and the margin is wider.",
    words="Mean accuracy on corrupted images at most {:g} points below that of the best champion so far.",
)
def robustness(evidence: Evidence, margin_pp: float) -> Check | None:
    """Check that mean accuracy on corrupted copies is not too far below that of the best champion ever."""
    if evidence.champion is None:
        return None
    name, title = "robustness", f"on corrupted images at most {margin_pp:g} points below the best champion"
    measured = [(one.corrupted_accuracy, one) for one in evidence.others]
    known = [(value, one) for value, one in measured if value is not None and np.isfinite(value)]
    mine = evidence.challenger.corrupted_accuracy
    if mine is None or not np.isfinite(mine) or evidence.champion not in [one for _, one in known]:
        return Check(name, title, "error", None, -margin_pp, "The robustness of one model was not measured.")
    theirs, best = max(known, key=lambda pair: pair[0])
    difference = _points(mine - theirs)
    lost = f" Not measured: {', '.join(evidence.lost)}." if evidence.lost else ""
    hardest = _hardest(evidence.challenger.corrupted, best)
    most = f"; most is lost on {hardest}" if hardest else ""
    sentence = f"{percent(mine)} against {percent(theirs)} of {best.id} ({difference:+.2f} points){most}.{lost}"
    return Check(name, title, passed(difference >= -margin_pp), difference, -margin_pp, sentence)


@rule(
    None,
    looks_at="benchmark",
    burden="proven good",
    why="There is no champion to compare with, and even a weak model can prove this with a few images.",
    words="A first champion is proven better (5 %) than always answering the most frequent class.",
)
def beats_dummy(evidence: Evidence) -> Check | None:
    """Check that a first champion is proven better than always naming the most frequent training class."""
    if evidence.champion is not None:
        return None
    mine = paired.right(evidence.challenger.benchmark, evidence.labels)
    dummy = evidence.labels == evidence.majority_class
    p = float(paired.p_better((mine & ~dummy).sum(), (dummy & ~mine).sum()))
    shown, limit = paired.against_limit(p, DUMMY_ALPHA)
    always = evidence.classes[evidence.majority_class]
    sentence = (
        f"{percent(mine.mean())} against {percent(dummy.mean())} of always answering {always}; {shown} for "
        f"being no better, needs p <= {limit}."
    )
    return Check("beats_dummy", "better than dummy", passed(p <= DUMMY_ALPHA), p, DUMMY_ALPHA, sentence)


def _points(difference: float) -> float:
    # Sums of floats miss an exact limit by a rounding error; no measurement resolves what is cut off here.
    return round(100 * difference, RESOLUTION)


def _hardest(mine: Mapping[str, float], best: Contender) -> str | None:
    """The corruption on which most is lost; ``None`` if nothing is on any."""
    lost = {name: best.corrupted.get(name, accuracy) - accuracy for name, accuracy in mine.items()}
    worst = max(lost, key=lambda name: lost[name], default=None)
    return worst.replace("_", " ") if worst and lost[worst] > 0 else None
