"""Means of several members: cross-fitted, each without one fold, or fitted on the same rows with other seeds.

Of a cross-fitted model each row is in one fold, so each has a prediction by the one member that never saw it: the
out-of-fold predictions.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pipeline.contracts import FitProgress, History, Labels, Probabilities
from pipeline.errors import ModelError
from pipeline.facts.base import Facts, RelativeName
from pipeline.facts.manifest_facts import ModelFormat, ShiftsName
from pipeline.models import onnx_mean
from pipeline.models.fitting import FitRequest
from pipeline.models.protocol import Model
from pipeline.stored_images import ImageSource, joined, take

FILE = "members.json"
VALIDATES = 10
"""One row in so many of a member's own, class by class, validates: it serves early stopping and calibration."""


class Members(Facts):
    """``members.json``: the native files of the members, beside it."""

    format: Literal["keras", "xgboost", "joblib"]
    members: tuple[RelativeName, ...]


MEMBERS = TypeAdapter(Members)


class CrossFittedModel:
    """The mean of several members.

    Args:
        members: One model for each fold, untrained unless they were loaded.
        n_classes: How many classes there are.
        folds: The fold of each training row and then of each validation row, ``[N]``; ``None`` for loaded members.
    """

    native_format: ModelFormat = "cross-fitted"

    def __init__(self, members: Sequence[Model], n_classes: int, folds: NDArray[np.int64] | None = None) -> None:
        self.members = tuple(members)
        self._n_classes = n_classes
        self._folds = folds
        self._out_of_fold: Probabilities | None = None

    @property
    def weights(self) -> int | None:
        counts = [member.weights for member in self.members]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def out_of_fold(self) -> Probabilities:
        """What the member that never saw it answered for each training row and then each validation row, ``[N, K]``.

        Raises:
            ModelError: The model was not fitted.
        """
        if self._out_of_fold is None:
            raise ModelError("Out-of-fold predictions are made by the fit: fit the model first.")
        return self._out_of_fold

    def fit(self, request: FitRequest) -> History:
        """Train each member on the rows outside its fold, validation rows included; one row of history a member."""
        if self._folds is None:
            raise ModelError("Loaded members are not trained again: create the model from its recipe.")
        images = joined([request.train_images, request.validation_images])
        labels = np.concatenate([request.train_labels, request.validation_labels])
        predicted = np.full((len(labels), self._n_classes), np.nan, np.float32)
        rows: list[dict[str, float]] = []
        histories: list[History] = []
        for number, member in enumerate(self.members):
            mine = self._folds == number
            history = member.fit(self._request_of(number, request, take(images, ~mine), labels[~mine]))
            predicted[mine] = member.predict(take(images, mine))
            histories.append(history)
            kept = (history.best_step or len(history.rows)) - 1
            known = history.rows[kept] if 0 <= kept < len(history.rows) else {}
            right = predicted[mine].argmax(axis=1) == labels[mine]
            rows.append({**known, "step": float(number + 1), "out_of_fold_accuracy": float(right.mean())})
        self._out_of_fold = predicted
        return History(tuple(rows), test_shifts=_shifts(histories), automatic=history.automatic)

    def predict(self, images: ImageSource) -> Probabilities:
        found: Probabilities = np.mean([member.predict(images) for member in self.members], axis=0, dtype=np.float32)
        return found

    def save(self, folder: Path) -> Path:
        """Write each member's native file into a folder of its own, and ``members.json``, whose path is returned."""
        files = [member.save(folder / f"member-{number}") for number, member in enumerate(self.members, 1)]
        names = [file.relative_to(folder).as_posix() for file in files]
        facts = MEMBERS.validate_python({"format": self.members[0].native_format, "members": tuple(names)})
        path = folder / FILE
        path.write_text(facts.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return path

    def export_onnx(self, path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="pipeline-members-") as folder:
            files = [Path(folder) / f"{number}.onnx" for number in range(len(self.members))]
            for member, file in zip(self.members, files, strict=True):
                member.export_onnx(file)
            onnx_mean.write(files, path, self._n_classes)

    def _request_of(self, number: int, request: FitRequest, images: ImageSource, labels: Labels) -> FitRequest:
        validates = _validates(labels)
        return replace(
            request,
            train_images=take(images, ~validates),
            train_labels=labels[~validates],
            train_weights=_weights(request, labels[~validates]),
            validation_images=take(images, validates),
            validation_labels=labels[validates],
            seed=(request.seed + number) % 2**31,
            progress=_counted_on(request.progress, number, len(self.members)),
            checkpoints=None,
        )


class SeedAveragedModel(CrossFittedModel):
    """The mean of several models of one recipe that are fitted on the same rows and differ by seed."""

    def fit(self, request: FitRequest) -> History:
        """Train each member on all training rows; one row of history a member, its last."""
        members = len(self.members)
        rows: list[dict[str, float]] = []
        histories: list[History] = []
        for number, member in enumerate(self.members):
            seed = (request.seed + number) % 2**31
            of_member = replace(
                request, seed=seed, progress=_counted_on(request.progress, number, members), checkpoints=None
            )
            history = member.fit(of_member)
            histories.append(history)
            rows.append({**(history.rows[-1] if history.rows else {}), "step": float(number + 1)})
        return History(tuple(rows), test_shifts=_shifts(histories), automatic=history.automatic)


def _shifts(histories: Sequence[History]) -> tuple[ShiftsName, ...] | None:
    """What each member chose, if members choose."""
    chosen = [history.test_shifts for history in histories if history.test_shifts is not None]
    return tuple(name for one in chosen for name in one) or None


def _counted_on(report: FitProgress, number: int, members: int) -> FitProgress:
    def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
        report(number * steps + step, members * steps, metrics)

    return progress


def _weights(request: FitRequest, labels: Labels) -> NDArray[np.float64] | None:
    """Weights by class, as the request has them for its training rows: rows that validated there have them too."""
    if request.train_weights is None:
        return None
    classes = max(request.train_labels.max(), labels.max()) + 1
    by_class = np.ones(classes)
    by_class[request.train_labels] = request.train_weights
    return by_class[labels]


def _validates(labels: Labels) -> NDArray[np.bool_]:
    """Whether each row validates: of each class every tenth, so that no class loses its last one."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero(labels == label)[VALIDATES - 1 :: VALIDATES]] = True
    return chosen
