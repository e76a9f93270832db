"""The multi-layer perceptron of the 2018 pipeline, kept exactly as it was."""

from typing import Any

from pipeline.models.keras_family import KerasModel, array_training
from pipeline.models.runtime import import_keras


def build(
    shape: tuple[int, int, int], n_classes: int, *, units: int, epochs: int, batch_size: int, patience: int
) -> KerasModel:
    """Dense ``units`` with ReLU, then softmax; pixels scaled to [0, 1]; Adam."""

    def network() -> Any:
        return _network(shape, n_classes, units)

    training = array_training(network, epochs=epochs, batch_size=batch_size, patience=patience)
    return KerasModel(shape, n_classes, training)


def _network(shape: tuple[int, int, int], n_classes: int, units: int) -> Any:
    keras = import_keras()
    layers = keras.layers
    # The range of a uint8 pixel is known beforehand; a scale learnt from few images, as MinMaxScaler does,
    # would blow up pixels that happen to be empty in all of them.
    network = keras.Sequential(
        [
            keras.Input(shape, dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(n_classes, activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
