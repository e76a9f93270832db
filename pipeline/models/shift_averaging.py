"""Augmentation at test time: the mean of a network's answers for copies of an image moved by one pixel.

The copies are made inside the network, so the native and the exported file both have them.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.facts.manifest_facts import ShiftsName
from pipeline.judging import scalar_figures
from pipeline.models.cnn_training import predictor
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import import_keras
from pipeline.models.temperature import FEWEST_ROWS

NAME = "mean_over_shifts"
Moves = tuple[tuple[int, int], ...]
CROSS: Moves = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
SHIFTS: Mapping[ShiftsName, Moves] = {
    "off": ((0, 0),),
    "cross": CROSS,
    "square": tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)),
}
"""By how many pixels down and right each copy is moved."""


def averaged(network: Any, shifts: ShiftsName) -> Any:
    """Return a network whose answer is the mean of another's answers for moved copies, the edges continued outwards.

    Plain layers that slice and join, so that it loads everywhere and exports exactly.
    """
    if shifts == "off":
        return network
    keras = import_keras()
    layers = keras.layers
    _, height, width, _ = network.input_shape
    images = keras.Input(network.input_shape[1:], dtype="uint8")
    top, bottom = layers.Cropping2D(((0, height - 1), (0, 0))), layers.Cropping2D(((height - 1, 0), (0, 0)))
    taller = layers.Concatenate(axis=1)([top(images), images, bottom(images)])
    left, right = layers.Cropping2D(((0, 0), (0, width - 1))), layers.Cropping2D(((0, 0), (width - 1, 0)))
    larger = layers.Concatenate(axis=2)([left(taller), taller, right(taller)])
    copies = [layers.Cropping2D(((1 - down, 1 + down), (1 - aside, 1 + aside))) for down, aside in SHIFTS[shifts]]
    return keras.Model(images, layers.Average()([network(copy(larger)) for copy in copies]), name=NAME)


def inner(network: Any) -> Any:
    """Return the network whose answers ``averaged`` averages; any other network itself."""
    if network.name != NAME:
        return network
    return next(layer for layer in network.layers if isinstance(layer, import_keras().Model))


def best(network: Any, request: FitRequest) -> ShiftsName:
    """Return the shifts with the lowest log loss on the validation images; ``off`` with fewer than a hundred."""
    if len(request.validation_labels) < FEWEST_ROWS:
        return "off"
    losses = {name: _log_loss(averaged(network, name), request) for name in SHIFTS}
    return min(SHIFTS, key=lambda name: losses[name])


def _log_loss(network: Any, request: FitRequest) -> float:
    return scalar_figures.log_loss(predictor(network)(request.validation_images), request.validation_labels)
