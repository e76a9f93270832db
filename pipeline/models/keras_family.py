"""Keras networks behind the ``Model`` protocol."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import History, Probabilities, Shape
from pipeline.errors import ModelError
from pipeline.facts.manifest_facts import ModelFormat, ShiftsName
from pipeline.models import onnx_files, shift_averaging
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_fitting import FitParameters, checkpoint_file, fit_arrays, seeded
from pipeline.models.protocol import ONNX_OPSET
from pipeline.models.runtime import import_keras, import_tensorflow
from pipeline.stored_images import ImageSource, blocks

FILE = "model.keras"
PREDICT_BATCH = 256
PREDICT_AT_ONCE = 64 * PREDICT_BATCH
"""Images that Keras is given together; it copies them."""


@dataclass(frozen=True)
class KerasTraining:
    """What makes one Keras recipe.

    Attributes:
        build: Returns a fresh network of pixels 0 to 255 ``[N, H, W, C]`` that ends in ``K`` probabilities;
            called within the seed of the fit.
        fit: Fits that network in place and says how it went.
        test_shifts: Chooses the copies of an image over which the fitted network averages its answers; ``None`` where
            the recipe is not asked to.
    """

    build: Callable[[], Any]
    fit: Callable[[Any, FitRequest], History]
    test_shifts: Callable[[Any, FitRequest], ShiftsName] | None = None


def array_training(build: Callable[[], Any], parameters: FitParameters) -> KerasTraining:
    """Return the training of a network that comes compiled; see ``fit_arrays``."""

    def fit(network: Any, request: FitRequest) -> History:
        return fit_arrays(network, request, parameters)

    return KerasTraining(build, fit)


class KerasModel:
    """A network with its training, or without one where it was loaded from a file.

    Args:
        shape: Height, width and channels.
        n_classes: How many classes there are.
        training: How to build and fit it; ``None`` for a loaded network.
        network: The trained network; ``None`` until it is fitted.
    """

    native_format: ModelFormat = "keras"

    def __init__(self, shape: Shape, n_classes: int, training: KerasTraining | None, network: Any = None) -> None:
        self._shape = shape
        self._n_classes = n_classes
        self._training = training
        self._network = network

    @property
    def network(self) -> Any:
        """The Keras network itself.

        Raises:
            ModelError: The model was not fitted yet.
        """
        if self._network is None:
            raise ModelError("This model has not been trained yet: fit it first.")
        return self._network

    @property
    def weights(self) -> int | None:
        return sum(int(np.prod(weight.shape)) for weight in self.network.trainable_weights)

    def fit(self, request: FitRequest) -> History:
        if self._training is None:
            raise ModelError("A loaded network is not trained again: create the model from its recipe.")
        # Keras keeps graphs and names of every network it ever made; a sweep fits hundreds in one process.
        import_keras().backend.clear_session()
        with seeded(request.seed):
            self._network = checked(self._training.build, self._shape, self._n_classes)
            history = self._training.fit(self._network, request)
        if self._training.test_shifts is None:
            return history
        chosen = self._training.test_shifts(self._network, request)
        self._network = shift_averaging.averaged(self._network, chosen)
        return replace(history, test_shifts=(chosen,))

    def predict(self, images: ImageSource) -> Probabilities:
        parts = [self.network.predict(part, PREDICT_BATCH, verbose=0) for part in blocks(images, PREDICT_AT_ONCE)]
        return np.concatenate(parts).astype(np.float32, copy=False)

    def save(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        self.network.save(path)
        return path

    def export_onnx(self, path: Path) -> None:
        network, tensorflow = self.network, import_tensorflow()
        signature = [tensorflow.TensorSpec([None, *self._shape], tensorflow.uint8, name=onnx_files.INPUT)]

        # training=False, or layers that augment would stay active in the exported graph.
        @tensorflow.function(input_signature=signature)  # type: ignore[untyped-decorator]
        def classify(images: Any) -> dict[str, Any]:
            probabilities = tensorflow.cast(network(images, training=False), tensorflow.float32)
            return {onnx_files.OUTPUT: probabilities}

        with onnx_files.conversion("This network"):
            import tf2onnx

            converted, _ = tf2onnx.convert.from_function(classify, input_signature=signature, opset=ONNX_OPSET)
        onnx_files.write(converted, path, self._n_classes)


def checked(build: Callable[[], Any], shape: Shape, n_classes: int) -> Any:
    """Return a fresh network, checked to take these images and to give probabilities.

    Raises:
        ModelError: It cannot be built, does not take such images, or does not end in ``K`` probabilities.
    """
    size = " x ".join(map(str, shape))
    try:
        network = build()
        output = np.asarray(network(np.zeros((2, *shape), np.uint8), training=False))
    except (ValueError, TypeError) as error:
        raise ModelError(f"The network cannot be built for images of {size}: {error}") from error
    if output.shape != (2, n_classes) or not np.allclose(output.sum(axis=1), 1, atol=1e-3) or output.min() < 0:
        raise ModelError(
            f"The network gives {output.shape[1:]} values per image, not {n_classes} probabilities: "
            f"end it with Dense({n_classes}, activation='softmax')."
        )
    return network


def load(path: Path, shape: Shape, n_classes: int, checkpoint: int | None) -> KerasModel:
    """Return a saved network, or one of its checkpoints.

    Keras' safe mode refuses layers that carry code; it is a precaution, not a security boundary, so the caller
    verifies the file's digest first.

    Raises:
        ModelError: The file cannot be read, or there is no such checkpoint.
    """
    try:
        network = import_keras().models.load_model(path, compile=False, safe_mode=True)
        if checkpoint is not None:
            fitted = shift_averaging.inner(network)
            fitted.load_weights(checkpoint_file(path.parent / "checkpoints", checkpoint))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path.name} cannot be read as a Keras model: {error}") from error
    return KerasModel(shape, n_classes, None, checked(lambda: network, shape, n_classes))
