"""scikit-learn's classifiers behind the ``Model`` protocol."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import History, Labels, Probabilities, Shape
from pipeline.errors import ModelError
from pipeline.facts.manifest_facts import ModelFormat
from pipeline.models import dummy_onnx, onnx_files
from pipeline.models.fitting import FitRequest
from pipeline.models.memory import available_memory
from pipeline.models.protocol import ONNX_OPSET
from pipeline.stored_images import ImageSource, blocks

FILE = "model.joblib"
PREDICT_BATCH = 2048
COPIES = 3
"""As 32-bit floats: what the estimator is given, what its pipeline makes of that, and what it works with."""


class SklearnModel:
    """A classifier with ``predict_proba`` on flat float32 pixels, 0 to 255, ``[N, H * W * C]``.

    Args:
        shape: Height, width and channels.
        n_classes: How many classes there are.
        estimator: The classifier or pipeline; a fit trains a clone of it.
        fitted: Whether it is trained already, as a loaded one is.
    """

    native_format: ModelFormat = "joblib"

    def __init__(self, shape: Shape, n_classes: int, estimator: Any, *, fitted: bool = False) -> None:
        self._shape = shape
        self._n_classes = n_classes
        self._estimator = estimator
        self._fitted = fitted

    @property
    def estimator(self) -> Any:
        """The trained estimator itself.

        Raises:
            ModelError: The model was not fitted yet.
        """
        if not self._fitted:
            raise ModelError("This model has not been trained yet: fit it first.")
        return self._estimator

    @property
    def weights(self) -> int | None:
        """Coefficients and intercepts of a linear model; other estimators have none."""
        last = self.estimator[-1] if hasattr(self.estimator, "steps") else self.estimator
        parts = [getattr(last, name) for name in ("coef_", "intercept_") if hasattr(last, name)]
        return sum(np.size(part) for part in parts) if parts else None

    def fit(self, request: FitRequest) -> History:
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        _require_memory(len(request.train_labels), self._shape)
        estimator = _seeded(clone(self._estimator), request.seed)
        with warnings.catch_warnings():
            # The number of iterations is a parameter of the recipe: using it up is expected.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(_pixels(request.train_images), request.train_labels, **_weights(estimator, request))
        missing = sorted(set(range(self._n_classes)) - set(map(int, estimator.classes_)))
        if missing:
            raise ModelError(
                f"There is no training image of class {missing[0]} (of {self._n_classes}): train on more images."
            )
        self._estimator, self._fitted = estimator, True
        row = {"step": 1.0, "accuracy": self._accuracy(request.train_images, request.train_labels)}
        if len(request.validation_labels):
            row["validation_accuracy"] = self._accuracy(request.validation_images, request.validation_labels)
        request.progress(1, 1, row)
        return History((row,), 1)

    def predict(self, images: ImageSource) -> Probabilities:
        batches = range(0, len(images), PREDICT_BATCH)
        parts = [self.estimator.predict_proba(_pixels(images[start : start + PREDICT_BATCH])) for start in batches]
        return np.concatenate(parts).astype(np.float32)

    def save(self, folder: Path) -> Path:
        import joblib

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        joblib.dump(self.estimator, path, compress=3)
        return path

    def export_onnx(self, path: Path) -> None:
        with onnx_files.conversion("This estimator"):
            from skl2onnx import convert_sklearn
            from skl2onnx.common.data_types import FloatTensorType

            dummy_onnx.register()
            converted = convert_sklearn(
                self.estimator,
                initial_types=[("pixels", FloatTensorType([None, int(np.prod(self._shape))]))],
                options={"zipmap": False},
                target_opset={"": ONNX_OPSET, "ai.onnx.ml": 3},
            )
            model = onnx_files.with_front(converted, onnx_files.front("flat_pixels", self._shape))
        onnx_files.write(model, path, self._n_classes)

    def _accuracy(self, images: ImageSource, labels: Labels) -> float:
        return float(np.mean(self.predict(images).argmax(axis=1) == labels))


def load(path: Path, shape: Shape, n_classes: int, checkpoint: int | None) -> SklearnModel:
    """Return a saved estimator.

    **Loading runs code from the file: the caller verifies its sha256 first.**

    Raises:
        ModelError: It cannot be read, is not a classifier of these classes, or a checkpoint was asked for.
    """
    import joblib

    if checkpoint is not None:
        raise ModelError(f"This version has no checkpoint {checkpoint}: scikit-learn models are fitted in one step.")
    try:
        estimator = joblib.load(path)
    except Exception as error:  # unpickling raises anything
        raise ModelError(f"{path.name} cannot be read as a scikit-learn model: {error}") from error
    if len(getattr(estimator, "classes_", ())) != n_classes:
        raise ModelError(f"{path.name} holds no classifier of {n_classes} classes.")
    return SklearnModel(shape, n_classes, estimator, fitted=True)


def _weights(estimator: Any, request: FitRequest) -> dict[str, Any]:
    """The weights of the training images as the argument that the estimator, or a pipeline's last step, takes.

    Raises:
        ModelError: It takes none.
    """
    from sklearn.utils.validation import has_fit_parameter

    if request.train_weights is None:
        return {}
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    if not has_fit_parameter(last, "sample_weight"):
        raise ModelError(f"{type(last).__name__} does not support sample weights: use --balance oversample.")
    prefix = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
    return {f"{prefix}sample_weight": request.train_weights}


def _seeded(estimator: Any, seed: int) -> Any:
    names = [name for name in estimator.get_params() if name == "random_state" or name.endswith("__random_state")]
    return estimator.set_params(**dict.fromkeys(names, seed % 2**32))


def _require_memory(images: int, shape: Shape) -> None:
    """Refuse a fit that would not end.

    Raises:
        ModelError: There is too little memory for these images.
    """
    each = COPIES * 4 * int(np.prod(shape))
    free = available_memory()
    if free is not None and images * each > free:
        raise ModelError(
            f"scikit-learn's models take all images at once: {images:,} of them need about {images * each / 2**30:.1f} "
            f"GiB of memory, and {free / 2**30:.1f} GiB are available. Train on at most {free // each:,}, or use cnn "
            "or xgboost, which read images from disk as they need them."
        )


def _pixels(images: ImageSource) -> np.ndarray:
    if isinstance(images, np.ndarray):
        return images.reshape(len(images), -1).astype(np.float32)
    floats = np.empty((len(images), int(np.prod(images.shape[1:]))), np.float32)
    for number, part in enumerate(blocks(images, PREDICT_BATCH)):
        floats[number * PREDICT_BATCH :][: len(part)] = part.reshape(len(part), -1)
    return floats
