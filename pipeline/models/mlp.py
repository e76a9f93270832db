"""The multi-layer perceptron of the 2018 pipeline, kept exactly as it was."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from pipeline.contracts import Shape
from pipeline.models.keras_family import KerasModel, array_training
from pipeline.models.keras_fitting import BatchSize, Epochs, FitParameters, Patience
from pipeline.models.runtime import import_keras
from pipeline.models.search_space import Searched


class MlpParameters(FitParameters):
    """What `mlp` can be given."""

    units: Annotated[int, Searched(64, 1024, log=True)] = Field(
        396, ge=1, le=100_000, description="Units of the hidden layer."
    )
    epochs: Annotated[Epochs, Searched(5, 100, log=True)] = 50
    batch_size: BatchSize = 128
    patience: Patience = 0


def build(shape: Shape, n_classes: int, parameters: MlpParameters) -> KerasModel:
    """Return Dense ``units`` with ReLU, then softmax; pixels scaled to [0, 1]; Adam."""
    network = partial(_network, shape, n_classes, parameters.units)
    return KerasModel(shape, n_classes, array_training(network, parameters))


def _network(shape: Shape, n_classes: int, units: int) -> Any:
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
