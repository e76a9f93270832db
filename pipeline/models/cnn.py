"""Our own CNN: the network, and what one builds it with."""

from typing import Any

from pipeline.contracts import History
from pipeline.errors import ModelError
from pipeline.models.augmentation import Affine
from pipeline.models.cnn_training import Schedule, fit_augmented
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_family import KerasModel, KerasTraining
from pipeline.models.runtime import import_keras

EPOCHS = {"quick": 2, "standard": 8, "max": 20}
"""What each effort means."""


def build(
    shape: tuple[int, int, int],
    n_classes: int,
    *,
    effort: str,
    epochs: int,
    least_images: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    label_smoothing: float,
    degrees: float,
    scale: float,
    shear: float,
    shift: float,
) -> KerasModel:
    """Four convolutions, BatchNorm and ReLU after each, trained on random affine copies; 67,000 weights on MNIST.

    ``epochs`` 0 takes the number that ``effort`` means.

    Raises:
        ModelError: The effort is unknown.
    """
    if effort not in EPOCHS:
        raise ModelError(f"There is no effort {effort!r}: choose one of {', '.join(EPOCHS)}.")
    schedule = Schedule(
        epochs=epochs or EPOCHS[effort],
        least_images=least_images,
        batch_size=batch_size,
        peak_learning_rate=learning_rate,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        affine=Affine(degrees, scale, shear, shift),
    )

    def fit(network: Any, request: FitRequest) -> History:
        return fit_augmented(network, request, schedule)

    return KerasModel(shape, n_classes, KerasTraining(lambda: network(shape, n_classes), fit))


def network(shape: tuple[int, int, int], n_classes: int) -> Any:
    """The uncompiled network: uint8 ``[N, H, W, C]`` in, probabilities ``[N, K]`` out."""
    keras = import_keras()
    layers = keras.layers
    images = keras.Input(shape, dtype="uint8")
    x = _convolution(layers.Rescaling(1 / 255)(images), filters=16, size=5, strides=2)
    x = _pool(_convolution(x, filters=32))
    x = _pool(_convolution(x, filters=64))
    x = _convolution(x, filters=64)
    return keras.Model(images, layers.Dense(n_classes, activation="softmax")(layers.Flatten()(x)))


def _convolution(x: Any, *, filters: int, size: int = 3, strides: int = 1) -> Any:
    layers = import_keras().layers
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    # Keras' momentum of 0.99 follows too slowly for a fit of one or two epochs.
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _pool(x: Any) -> Any:
    # Very small images are used up by the strides before; they go on unpooled.
    return import_keras().layers.MaxPooling2D()(x) if min(x.shape[1:3]) >= 2 else x
