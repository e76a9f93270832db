"""The three iterative CNNs, each an answer to the one before it, kept exactly as they were."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.contracts import Shape
from pipeline.models.keras_family import KerasModel, array_training
from pipeline.models.keras_fitting import Epochs, FitParameters, Patience
from pipeline.models.runtime import import_keras


@dataclass(frozen=True)
class Layout:
    """What differs between the three."""

    filters: tuple[int, ...]
    units: int
    batch_norm: bool
    dropout: float


class BaselineParameters(FitParameters):
    """What `cnn_baseline` can be given."""

    epochs: Epochs = 5
    patience: Patience = 5


class DropoutParameters(FitParameters):
    """What `cnn_dropout` can be given."""

    epochs: Epochs = 10
    patience: Patience = 5


class BatchnormParameters(FitParameters):
    """What `cnn_batchnorm` can be given."""

    epochs: Epochs = 12
    patience: Patience = 5


def build_baseline(shape: Shape, n_classes: int, parameters: BaselineParameters) -> KerasModel:
    """Return the first: Conv 32, pool, Dense 128."""
    return _model(Layout(filters=(32,), units=128, batch_norm=False, dropout=0), shape, n_classes, parameters)


def build_dropout(shape: Shape, n_classes: int, parameters: DropoutParameters) -> KerasModel:
    """Return the second: Conv 32, pool, Conv 64, pool, Dense 128, Dropout 0.5."""
    return _model(Layout(filters=(32, 64), units=128, batch_norm=False, dropout=0.5), shape, n_classes, parameters)


def build_batchnorm(shape: Shape, n_classes: int, parameters: BatchnormParameters) -> KerasModel:
    """Return the third: as the second, with BatchNorm after each Conv, and Dense 256."""
    return _model(Layout(filters=(32, 64), units=256, batch_norm=True, dropout=0.5), shape, n_classes, parameters)


def _model(layout: Layout, shape: Shape, n_classes: int, parameters: FitParameters) -> KerasModel:
    return KerasModel(shape, n_classes, array_training(partial(_network, layout, shape, n_classes), parameters))


def _network(layout: Layout, shape: Shape, n_classes: int) -> Any:
    keras = import_keras()
    layers = keras.layers
    stack = [keras.Input(shape, dtype="uint8"), layers.Rescaling(1 / 255)]
    for width in layout.filters:
        stack.append(layers.Conv2D(width, 3, activation="relu"))
        stack += [layers.BatchNormalization()] if layout.batch_norm else []
        stack.append(layers.MaxPooling2D())
    stack += [layers.Flatten(), layers.Dense(layout.units, activation="relu")]
    stack += [layers.Dropout(layout.dropout)] if layout.dropout else []
    network = keras.Sequential([*stack, layers.Dense(n_classes, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
