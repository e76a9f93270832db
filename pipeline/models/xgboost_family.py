"""XGBoost's boosted trees behind the ``Model`` protocol."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import History, Probabilities, Shape
from pipeline.errors import ModelError
from pipeline.facts.manifest_facts import ModelFormat
from pipeline.models import onnx_files
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import import_xgboost
from pipeline.models.tree_features import PIXELS, TreeFeatures
from pipeline.models.xgboost_training import Boosting, train
from pipeline.stored_images import ImageSource, blocks

FILE = "model.ubj"
FEATURES = "features"
"""Attribute of the trees that names what they see."""
PREDICT_AT_ONCE = 65_536
"""Images whose features are in memory together."""
CONVERTER_OPSET = 15
"""The newest that onnxmltools accepts; it concerns only the trees, which are an operator of another domain."""


class XGBoostModel:
    """Boosted trees on pixels, 0 to 255, or on gradients; scaling would change no split, but its rounding flips some.

    Args:
        shape: Height, width and channels.
        n_classes: How many classes there are.
        boosting: How to train; ``None`` for loaded trees.
        booster: The trained trees, which name their features; ``None`` until they are fitted.
    """

    native_format: ModelFormat = "xgboost"
    weights: int | None = None

    def __init__(self, shape: Shape, n_classes: int, boosting: Boosting | None, booster: Any = None) -> None:
        self._shape = shape
        self._n_classes = n_classes
        self._boosting = boosting
        self._booster = booster
        kind = boosting.features if boosting is not None else booster.attr(FEATURES) or PIXELS
        self._features = TreeFeatures(kind, shape)

    @property
    def booster(self) -> Any:
        """The trees themselves, cut after the best round.

        Raises:
            ModelError: The model was not fitted yet.
        """
        if self._booster is None:
            raise ModelError("This model has not been trained yet: fit it first.")
        return self._booster

    def fit(self, request: FitRequest) -> History:
        boosting = self._boosting
        if boosting is None:
            raise ModelError("Loaded trees are not trained again: create the model from its recipe.")
        self._booster, rows = train(boosting, request, self._features, self._n_classes)
        self._booster.set_attr(**{FEATURES: boosting.features})
        return History(rows, self._booster.num_boosted_rounds(), automatic=boosting.became(len(request.train_labels)))

    def predict(self, images: ImageSource) -> Probabilities:
        answers = [self.booster.inplace_predict(self._features.of(part)) for part in blocks(images, PREDICT_AT_ONCE)]
        probabilities = np.concatenate(answers).astype(np.float32, copy=False)
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

            front = self._features.front("features")
            floats = FloatTensorType([None, self.booster.num_features()])
            converted = convert_xgboost(self.booster, initial_types=[("floats", floats)], target_opset=CONVERTER_OPSET)
            model = onnx_files.with_front(converted, front)
        onnx_files.write(model, path, self._n_classes)


def load(path: Path, shape: Shape, n_classes: int, checkpoint: int | None) -> XGBoostModel:
    """Return saved trees, or their first ``checkpoint`` rounds.

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
        raise ModelError(f"This version has no checkpoint {checkpoint}: it has 1 to {rounds}, one per boosting round.")
    return XGBoostModel(shape, n_classes, None, booster if checkpoint is None else booster[:checkpoint])
