"""The three iterative CNNs, each an answer to the one before it, kept exactly as they were."""

from dataclasses import dataclass
from typing import Any

from pipeline.models.keras_family import KerasModel, array_training
from pipeline.models.runtime import import_keras


@dataclass(frozen=True)
class Layout:
    """What differs between the three."""

    filters: tuple[int, ...]
    units: int
    batch_norm: bool
    dropout: float


def build_baseline(
    shape: tuple[int, int, int], n_classes: int, *, epochs: int, batch_size: int, patience: int
) -> KerasModel:
    """First: Conv 32, pool, Dense 128."""
    layout = Layout(filters=(32,), units=128, batch_norm=False, dropout=0)
    return _model(layout, shape, n_classes, epochs=epochs, batch_size=batch_size, patience=patience)


def build_dropout(
    shape: tuple[int, int, int], n_classes: int, *, epochs: int, batch_size: int, patience: int
) -> KerasModel:
    """Second: Conv 32, pool, Conv 64, pool, Dense 128, Dropout 0.5."""
    layout = Layout(filters=(32, 64), units=128, batch_norm=False, dropout=0.5)
    return _model(layout, shape, n_classes, epochs=epochs, batch_size=batch_size, patience=patience)


def build_batchnorm(
    shape: tuple[int, int, int], n_classes: int, *, epochs: int, batch_size: int, patience: int
) -> KerasModel:
    """Third: as the second, with BatchNorm after each Conv, and Dense 256."""
    layout = Layout(filters=(32, 64), units=256, batch_norm=True, dropout=0.5)
    return _model(layout, shape, n_classes, epochs=epochs, batch_size=batch_size, patience=patience)


def _model(
    layout: Layout, shape: tuple[int, int, int], n_classes: int, *, epochs: int, batch_size: int, patience: int
) -> KerasModel:
    def network() -> Any:
        return _network(layout, shape, n_classes)

    training = array_training(network, epochs=epochs, batch_size=batch_size, patience=patience)
    return KerasModel(shape, n_classes, training)


def _network(layout: Layout, shape: tuple[int, int, int], n_classes: int) -> Any:
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
