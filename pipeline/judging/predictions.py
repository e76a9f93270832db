"""Predictions made anywhere, as evidence for the gate: three lists of answers to the same questions.

What takes more than predictions (corrupted copies, latency, size, how a model was made) is not looked at, and the
verdict says so.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.errors import DataError, SettingsError, shown
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.policy import GatePolicy

BEYOND_PREDICTIONS = {
    "near_copy_alpha": "near copies of training images",
    "robustness_margin_pp": "corrupted images",
    "latency_ratio": "latency",
    "size_ratio": "size",
}
"""Rules that predictions say nothing about, and what they look at."""
TEXT_OR_NUMBER = "iuUb"
"""Kinds of arrays that name classes."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The truth of a set of images, and what champion and challenger answered: labels ``[N]`` or probabilities
    ``[N, K]``, whose columns are the classes in their order.
    """

    labels: ArrayLike
    champion: ArrayLike
    challenger: ArrayLike


@dataclass(frozen=True, eq=False)
class Question:
    """All that one check of predictions rests on, in the form that the gate takes.

    Attributes:
        policy: The rules that predictions can be held against.
        evidence: The predictions.
        unseen: What the policy asks for but predictions do not show, in words.
    """

    policy: GatePolicy
    evidence: Evidence
    unseen: tuple[str, ...]


def question(
    policy: GatePolicy,
    benchmark: Answers,
    validation: Answers | None = None,
    *,
    classes: Sequence[object] | None = None,
    dataset: str = "data",
    names: tuple[str, str] = ("champion", "challenger"),
) -> Question:
    """Return the evidence in predictions, and the policy reduced to what they show.

    Args:
        policy: The rules.
        benchmark: Answers on the images that decide.
        validation: Answers on other images, which set the level; ``None`` without any.
        classes: The K classes in the order of the columns; by default 0 to K - 1, or every label that occurs.
        dataset: The dataset's name.
        names: What champion and challenger are called.

    Raises:
        DataError: An array has another length or form than its neighbours, or names an unknown class.
        SettingsError: The policy compares with every former champion, whose predictions are not at hand.
    """
    if policy.out_of_fold:
        raise SettingsError(
            "The gate mode 'cross-fit' compares models that the pipeline trained in folds, and predictions do not show "
            "that: use mode 'better' or 'as-good'."
        )
    if policy.mode == "non-inferior":
        raise SettingsError(
            "The gate mode 'non-inferior' compares with every former champion, and here there are predictions of the "
            "present one alone: use mode 'better' or 'as-good'."
        )
    known = _classes(benchmark, validation, classes)
    return _reduced(policy, _evidence(benchmark, validation, known, dataset, names), benchmark)


def _evidence(
    benchmark: Answers, validation: Answers | None, classes: tuple[str, ...], dataset: str, names: tuple[str, str]
) -> Evidence:
    labels, *answered = _coded(benchmark, classes, "the benchmark")
    if validation is None:
        screen_labels, *screened = labels[:0], answered[0][:0], answered[1][:0]
    else:
        screen_labels, *screened = _coded(validation, classes, "validation")
    truth = _digest(repr(classes), labels)
    champion, challenger = (
        Contender(name, _digest(repr(classes), deciding), truth, deciding, screening)
        for name, deciding, screening in zip(names, answered, screened, strict=True)
    )
    return Evidence(
        dataset=dataset,
        classes=classes,
        benchmark_sha256=truth,
        truth_sha256=truth,
        labels=labels,
        validation_labels=screen_labels,
        majority_class=int(np.bincount(labels, minlength=1).argmax()),
        challenger=challenger,
        champion=champion,
        former=(champion,),
        shortfall="predictions do not show what it was trained on",
    )


def _reduced(policy: GatePolicy, evidence: Evidence, benchmark: Answers) -> Question:
    off: dict[str, str | None] = dict(BEYOND_PREDICTIONS)
    if len(evidence.validation_labels) == 0:
        off["screen_alpha"] = None
    labels_only = [np.ndim(answers) == 1 for answers in (benchmark.champion, benchmark.challenger)]
    if any(labels_only):
        off |= {"calibration_margin": "calibration"}
    if labels_only[1]:
        off |= {"calibration_limit": "calibration"}
    wanted = {name: words for name, words in off.items() if getattr(policy, name) is not None}
    unseen = tuple(dict.fromkeys(words for words in wanted.values() if words))
    return Question(policy.model_copy(update=dict.fromkeys(off)), evidence, unseen)


def _classes(benchmark: Answers, validation: Answers | None, given: Sequence[object] | None) -> tuple[str, ...]:
    if given is not None:
        names = tuple(map(str, given))
        if len(set(names)) < len(names):
            raise DataError(f"A class is named twice among {shown(list(names))}.")
        return names
    groups = [benchmark, *([validation] if validation else [])]
    arrays = [np.asarray(array) for one in groups for array in (one.labels, one.champion, one.challenger)]
    columns = {array.shape[1] for array in arrays if array.ndim == 2}
    if columns:
        return tuple(map(str, range(max(columns))))
    # What has another form is refused with its place, later.
    plain = [array for array in arrays if array.ndim == 1 and array.dtype.kind in TEXT_OR_NUMBER]
    names_found = {str(value) for array in plain for value in array.tolist()}
    return tuple(sorted(names_found, key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name)))


def _coded(answers: Answers, classes: tuple[str, ...], where: str) -> tuple[Labels, Probabilities, Probabilities]:
    labels = _numbers(_texts(np.asarray(answers.labels), f"The labels of {where}"), classes, f"The labels of {where}")
    if len(labels) == 0:
        raise DataError(f"There is no label of {where}.")
    champion, challenger = (
        _probabilities(np.asarray(given), classes, f"The {who}'s predictions on {where}", len(labels))
        for who, given in (("champion", answers.champion), ("challenger", answers.challenger))
    )
    return labels, champion, challenger


def _probabilities(given: NDArray[Any], classes: tuple[str, ...], what: str, images: int) -> Probabilities:
    if len(given) != images if given.ndim else True:
        raise DataError(f"{what} have the shape {given.shape}, but there are {images:,} labels.")
    if given.ndim == 1:
        return np.eye(len(classes), dtype=np.float32)[_numbers(_texts(given, what), classes, what)]
    if given.ndim != 2 or given.shape[1] != len(classes) or given.dtype.kind not in "fiu":
        raise DataError(
            f"{what} are {given.dtype} of shape {given.shape}: labels [N] or probabilities [N, {len(classes)}] "
            "are expected."
        )
    return given.astype(np.float32)


def _texts(array: NDArray[Any], what: str) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in TEXT_OR_NUMBER:
        raise DataError(f"{what} are {array.dtype} of shape {array.shape}: numbers or strings [N] are expected.")
    return [str(value) for value in array.tolist()]


def _numbers(names: list[str], classes: tuple[str, ...], what: str) -> Labels:
    numbers = {name: number for number, name in enumerate(classes)}
    try:
        return np.array([numbers[name] for name in names], np.int64)
    except KeyError as error:
        raise DataError(f"{what} name the class {shown(error.args[0])}, which is none of {shown(classes)}.") from None


def _digest(classes: str, array: NDArray[Any]) -> str:
    content = f"{classes}{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
    return hashlib.sha256(content).hexdigest()
