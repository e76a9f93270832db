"""How boosted trees are trained: rounds, early stopping, progress and history."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import import_xgboost, tree_device
from pipeline.models.shifting import shifted_copies, suitable_count
from pipeline.models.tree_features import PIXELS, Features, TreeFeatures

Rows = tuple[dict[str, float], ...]


@dataclass(frozen=True)
class Boosting:
    """What makes one boosted-trees recipe.

    Attributes:
        parameters: As ``xgboost.train`` takes them.
        rounds: Most boosting rounds.
        patience: Rounds without a better validation loss before training ends; 0 runs all.
        shifts: Copies of each training image, each moved by one pixel; 0 to 8, or -1 for ``suitable_count``.
        features: What the trees see: ``pixels``, 0 to 255, or ``gradients``; see ``TreeFeatures``.
    """

    parameters: Mapping[str, Any]
    rounds: int
    patience: int = 0
    shifts: int = 0
    features: str = PIXELS


def train(boosting: Boosting, request: FitRequest, features: TreeFeatures, n_classes: int) -> tuple[Any, Rows]:
    """Return the trees, cut after the round of the lowest validation loss if there is one, and the history.

    No checkpoints are written: any round can be cut from the final trees.
    """
    xgboost = import_xgboost()
    images, labels = request.train_images, request.train_labels
    count = suitable_count(len(images)) if boosting.shifts < 0 else boosting.shifts * len(images)
    images, labels = shifted_copies(images, labels, count)
    weights = _weights(request, count)
    train_rows = _matrix(features.of(images), labels, weights, boosting.parameters)
    sets = [(train_rows, "train")]
    if len(request.validation_labels):
        rows = xgboost.DMatrix(features.of(request.validation_images), request.validation_labels)
        sets.append((rows, "validation"))
    log: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        {**boosting.parameters, **_objective(n_classes), "seed": request.seed % 2**31, "device": tree_device()},
        train_rows,
        num_boost_round=boosting.rounds,
        evals=sets,
        evals_result=log,
        verbose_eval=False,
        callbacks=_callbacks(boosting, request, n_classes),
    )
    # Wherever they were grown, trees predict the same on a CPU.
    booster.set_param({"device": "cpu"})
    return booster, _rows(log)


def _objective(n_classes: int) -> dict[str, Any]:
    # For two classes the logistic objective is the one that the ONNX converter knows.
    if n_classes == 2:
        return {"objective": "binary:logistic", "eval_metric": ["logloss", "error"]}
    # It grows the same trees as the multi:softmax of 2018, and returns probabilities where that returns a label.
    return {"objective": "multi:softprob", "num_class": n_classes, "eval_metric": ["mlogloss", "merror"]}


def _callbacks(boosting: Boosting, request: FitRequest, n_classes: int) -> list[Any]:
    callback = import_xgboost().callback

    class Report(callback.TrainingCallback):  # type: ignore[misc, name-defined]
        def after_iteration(self, _: Any, epoch: int, evals_log: Any) -> bool:
            request.progress(epoch + 1, boosting.rounds, _rows(evals_log)[-1])
            return False

    if boosting.patience == 0 or len(request.validation_labels) == 0:
        return [Report()]
    loss = _objective(n_classes)["eval_metric"][0]
    stop = callback.EarlyStopping(rounds=boosting.patience, metric_name=loss, data_name="validation", save_best=True)
    return [Report(), stop]


def _weights(request: FitRequest, copies: int) -> NDArray[np.float64] | None:
    """The weights of the images and of their shifted copies."""
    weights = request.train_weights
    return None if weights is None else np.concatenate([weights, weights[np.arange(copies) % len(weights)]])


def _matrix(
    features: Features, labels: Labels, weights: NDArray[np.float64] | None, parameters: Mapping[str, Any]
) -> Any:
    xgboost = import_xgboost()
    if parameters.get("tree_method", "hist") not in ("hist", "auto"):
        return xgboost.DMatrix(features, labels, weight=weights)
    # A byte a value, where a DMatrix takes eight.
    return xgboost.QuantileDMatrix(features, labels, weight=weights, max_bin=parameters.get("max_bin", 256))


def _rows(log: Mapping[str, Mapping[str, list[float]]]) -> Rows:
    columns: dict[str, list[float]] = {}
    for name, metrics in log.items():
        prefix = "" if name == "train" else f"{name}_"
        loss, error = metrics.values()
        columns[f"{prefix}loss"] = loss
        columns[f"{prefix}accuracy"] = [1 - value for value in error]
    rows = zip(*columns.values(), strict=True)
    return tuple({"step": step, **dict(zip(columns, row, strict=True))} for step, row in enumerate(rows, 1))
