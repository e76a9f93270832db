"""How boosted trees are trained: rounds, early stopping, progress and history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.models import tree_matrices
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import import_xgboost, tree_device
from pipeline.models.shifting import suitable_count
from pipeline.models.tree_features import PIXELS, TreeFeatures

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
        automatic: Parameters of the recipe that were left to it, and what they became.
    """

    parameters: Mapping[str, Any]
    rounds: int
    patience: int = 0
    shifts: int = 0
    features: str = PIXELS
    automatic: Mapping[str, float] = field(default_factory=dict)

    def copies(self, images: int) -> int:
        """Return how many moved copies are added to a number of training images."""
        return suitable_count(images) if self.shifts < 0 else self.shifts * images

    def became(self, images: int) -> dict[str, float]:
        """Return what each parameter became that was left to the program, for a number of training images."""
        shifts = {"shifts": round(self.copies(images) / images, 2)} if self.shifts < 0 else {}
        return {**self.automatic, **shifts}


def train(boosting: Boosting, request: FitRequest, features: TreeFeatures, n_classes: int) -> tuple[Any, Rows]:
    """Return the trees, cut after the round of the lowest validation loss if there is one, and the history.

    No checkpoints are written: any round can be cut from the final trees.
    """
    xgboost = import_xgboost()
    images = request.train_images
    count = boosting.copies(len(images))
    log: dict[str, dict[str, list[float]]] = {}
    parameters = {**boosting.parameters, **_objective(n_classes), "seed": request.seed % 2**31, "device": tree_device()}
    with tree_matrices.scratch(request) as folder:
        rows = tree_matrices.matrices(request, features, count, boosting.parameters, folder)
        booster = xgboost.train(
            parameters,
            rows[0][0],
            num_boost_round=boosting.rounds,
            evals=rows,
            evals_result=log,
            verbose_eval=False,
            callbacks=_callbacks(boosting, request, n_classes),
        )
        del rows
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


def _rows(log: Mapping[str, Mapping[str, list[float]]]) -> Rows:
    columns: dict[str, list[float]] = {}
    for name, metrics in log.items():
        prefix = "" if name == "train" else f"{name}_"
        loss, error = metrics.values()
        columns[f"{prefix}loss"] = loss
        columns[f"{prefix}accuracy"] = [1 - value for value in error]
    rows = zip(*columns.values(), strict=True)
    return tuple({"step": step, **dict(zip(columns, row, strict=True))} for step, row in enumerate(rows, 1))
