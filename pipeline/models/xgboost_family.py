"""XGBoost's boosted trees behind the ``Model`` protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import FitProgress, History, Images, Labels, ModelFormat, Probabilities
from pipeline.errors import ModelError
from pipeline.models import onnx_files
from pipeline.models.runtime import import_xgboost
from pipeline.models.shifting import shifted_copies

FILE = "model.ubj"
CONVERTER_OPSET = 15
"""The newest that onnxmltools accepts; it concerns only the trees, which are an operator of another domain."""


@dataclass(frozen=True)
class Boosting:
    """What makes one boosted-trees recipe.

    Attributes:
        parameters: As ``xgboost.train`` takes them.
        rounds: Most boosting rounds.
        patience: Rounds without a better validation loss before training ends; 0 runs all.
        shifts: Copies of each training image, each moved by one pixel; 0 to 8.
    """

    parameters: Mapping[str, Any]
    rounds: int
    patience: int = 0
    shifts: int = 0


class XGBoostModel:
    """Boosted trees on raw pixels, 0 to 255: scaling would change no split, but its rounding flips some.

    Args:
        shape: Height, width and channels.
        n_classes: How many classes there are.
        boosting: How to train; ``None`` for loaded trees.
        booster: The trained trees; ``None`` until they are fitted.
    """

    native_format: ModelFormat = "xgboost"
    weights: int | None = None

    def __init__(
        self, shape: tuple[int, int, int], n_classes: int, boosting: Boosting | None, booster: Any = None
    ) -> None:
        self._shape = shape
        self._n_classes = n_classes
        self._boosting = boosting
        self._booster = booster

    @property
    def booster(self) -> Any:
        """The trees themselves, cut after the best round.

        Raises:
            ModelError: The model was not fitted yet.
        """
        if self._booster is None:
            raise ModelError("This model was not trained yet: fit it first.")
        return self._booster

    def fit(
        self,
        train_images: Images,
        train_labels: Labels,
        validation_images: Images,
        validation_labels: Labels,
        *,
        seed: int,
        progress: FitProgress,
        checkpoints: Path | None,  # noqa: ARG002  any round can be cut from the final file
    ) -> History:
        boosting = self._boosting
        if boosting is None:
            raise ModelError("Loaded trees are not trained again: create the model from its recipe.")
        images, labels = shifted_copies(train_images, train_labels, boosting.shifts)
        train = _matrix(images, labels, boosting.parameters)
        sets = [(train, "train")]
        if len(validation_labels):
            sets.append((import_xgboost().DMatrix(_flat(validation_images), validation_labels), "validation"))
        self._booster, rows = _train(boosting, self._n_classes, seed, sets, progress)
        return History(rows, self._booster.num_boosted_rounds())

    def predict(self, images: Images) -> Probabilities:
        probabilities = np.asarray(self.booster.inplace_predict(_flat(images)), dtype=np.float32)
        return probabilities if probabilities.ndim == 2 else np.stack([1 - probabilities, probabilities], axis=1)

    def save(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        self.booster.save_model(path)
        return path

    def export_onnx(self, path: Path) -> None:
        with onnx_files.conversion("These trees"):
            from onnxmltools import convert_xgboost
            from onnxmltools.convert.common.data_types import FloatTensorType

            pixels = FloatTensorType([None, int(np.prod(self._shape))])
            converted = convert_xgboost(self.booster, initial_types=[("pixels", pixels)], target_opset=CONVERTER_OPSET)
            model = onnx_files.with_front(converted, self._shape)
        onnx_files.write(model, path, self._n_classes)


def load(path: Path, shape: tuple[int, int, int], n_classes: int, checkpoint: int | None) -> XGBoostModel:
    """Saved trees, or their first ``checkpoint`` rounds.

    Raises:
        ModelError: The file cannot be read, or it has fewer rounds.
    """
    xgboost = import_xgboost()
    booster = xgboost.Booster()
    try:
        booster.load_model(path)
    except xgboost.core.XGBoostError as error:
        raise ModelError(f"{path.name} cannot be read as an XGBoost model: {error}") from error
    rounds = booster.num_boosted_rounds()
    if checkpoint is not None and not 1 <= checkpoint <= rounds:
        raise ModelError(f"This version has no checkpoint {checkpoint}: there are 1 to {rounds}, one a boosting round.")
    return XGBoostModel(shape, n_classes, None, booster if checkpoint is None else booster[:checkpoint])


def _train(
    boosting: Boosting,
    n_classes: int,
    seed: int,
    sets: list[tuple[Any, str]],
    progress: FitProgress,
) -> tuple[Any, tuple[dict[str, float], ...]]:
    xgboost = import_xgboost()
    log: dict[str, dict[str, list[float]]] = {}

    class Report(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, _: Any, epoch: int, evals_log: Any) -> bool:
            progress(epoch + 1, boosting.rounds, _rows(evals_log)[-1])
            return False

    callbacks: list[Any] = [Report()]
    if boosting.patience and len(sets) > 1:
        callbacks.append(
            xgboost.callback.EarlyStopping(
                boosting.patience, metric_name=_metrics(n_classes)[0], data_name="validation", save_best=True
            )
        )
    # multi:softprob grows the same trees as the multi:softmax of 2018 and returns probabilities beside the label;
    # for two classes the logistic objective is the one that the ONNX converter knows.
    objective = {"objective": "multi:softprob", "num_class": n_classes}
    if n_classes == 2:
        objective = {"objective": "binary:logistic"}
    parameters = {**boosting.parameters, **objective, "eval_metric": _metrics(n_classes), "seed": seed}
    booster = xgboost.train(
        parameters,
        sets[0][0],
        num_boost_round=boosting.rounds,
        evals=sets,
        evals_result=log,
        verbose_eval=False,
        callbacks=callbacks,
    )
    return booster, _rows(log)


def _matrix(images: Images, labels: Labels, parameters: Mapping[str, Any]) -> Any:
    xgboost = import_xgboost()
    if parameters.get("tree_method", "hist") not in ("hist", "auto"):
        return xgboost.DMatrix(_flat(images), labels)
    # A byte a pixel, where a DMatrix takes eight.
    return xgboost.QuantileDMatrix(_flat(images), labels, max_bin=parameters.get("max_bin", 256))


def _metrics(n_classes: int) -> list[str]:
    return ["logloss", "error"] if n_classes == 2 else ["mlogloss", "merror"]


def _rows(log: Mapping[str, Mapping[str, list[float]]]) -> tuple[dict[str, float], ...]:
    columns: dict[str, list[float]] = {}
    for name, metrics in log.items():
        prefix = "" if name == "train" else f"{name}_"
        loss, error = metrics.values()
        columns[f"{prefix}loss"] = loss
        columns[f"{prefix}accuracy"] = [1 - value for value in error]
    rows = zip(*columns.values(), strict=True)
    return tuple({"step": step, **dict(zip(columns, row, strict=True))} for step, row in enumerate(rows, 1))


def _flat(images: Images) -> np.ndarray:
    return images.reshape(len(images), -1)
