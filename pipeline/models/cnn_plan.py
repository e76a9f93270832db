"""How long and how hard our CNN trains, computed from the number of images; pure arithmetic.

One recipe serves every size: more steps for more images, and the more often an image is seen, the more it is
distorted. Source of the one-cycle schedule: Smith and Topin 2018, 'Super-Convergence'.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import EffortName
from pipeline.models.cnn_parameters import ArchitectureName, CnnParameters

MOST_EPOCHS = 20
REFERENCE_IMAGES = 54_000
GROWTH = 1.5
"""Up to the reference, the number of passes grows with this power of the number of images,"""
SMALLEST_SHARE = 0.36
"""starting from this share of all passes: 5 of 14."""
WARM_UP = 0.2
"""Fraction of the steps in which the learning rate rises, from a tenth of its peak."""
LOWEST_RATE = 0.001
"""The learning rate never falls below this fraction of its peak."""
UNDISTORTED_END = 0.1
"""Fraction of the steps, the last ones, that see undistorted images, like those that will be predicted."""


@dataclass(frozen=True)
class Convolution:
    """One convolution, with BatchNorm and ReLU.

    Attributes:
        filters: How many it has.
        kernel: Side of its kernels, in pixels.
        stride: 2 halves the image, and with it the time of what follows.
        pooled: Whether the image is then halved by taking the largest of 2 x 2 values.
        normalised: Whether it has BatchNorm.
    """

    filters: int
    kernel: int = 3
    stride: int = 1
    pooled: bool = False
    normalised: bool = True


@dataclass(frozen=True)
class Effort:
    """The network and the training that an effort means.

    Attributes:
        layers: The convolutions.
        passes: How often each image is seen if there are 54,000 or more; with fewer, down to a third as often.
        fewest_steps: Lower bound, for small sets of images.
    """

    layers: tuple[Convolution, ...]
    passes: int
    fewest_steps: int


def _pooled(*filters: int, stride: int) -> tuple[Convolution, ...]:
    first, *others = filters
    return (
        Convolution(first, kernel=5, stride=stride, normalised=False),
        *(Convolution(width, pooled=True) for width in others),
    )


def _deep(*filters: int) -> tuple[Convolution, ...]:
    strides = (2, 1, 1, 2, 1, 2, 1)
    return tuple(
        Convolution(width, 5 if number == 0 else 3, stride)
        for number, (width, stride) in enumerate(zip(filters, strides, strict=True))
    )


_DEEP = _deep(32, 64, 64, 128, 128, 128, 128)
EFFORTS: Mapping[ArchitectureName, Mapping[EffortName, Effort]] = {
    "pooled": {
        "quick": Effort(_pooled(16, 32, 64, 64, stride=2), passes=1, fewest_steps=250),
        "standard": Effort(_pooled(32, 64, 128, 128, stride=2), passes=14, fewest_steps=300),
        "max": Effort(_pooled(12, 48, 96, 128, 128, stride=1), passes=20, fewest_steps=600),
    },
    "deep": {
        "quick": Effort(_deep(16, 32, 32, 64, 64, 64, 64), passes=1, fewest_steps=250),
        "standard": Effort(_DEEP, passes=14, fewest_steps=300),
        "max": Effort(_DEEP, passes=30, fewest_steps=600),
    },
}


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        steps: Batches in all.
        epochs: Equal stretches of steps; each ends with a row of history and a checkpoint.
        distortion: Strength of the affine maps; 1 is up to 10 degrees.
    """

    steps: int
    epochs: int
    distortion: float


def plan(images: int, effort: Effort, *, epochs: int, batch_size: int) -> Plan:
    """Return the plan for a number of images; ``epochs`` above 0 is the exact number of passes over them."""
    if epochs:
        steps = math.ceil(epochs * images / batch_size)
    else:
        passes = effort.passes * max(SMALLEST_SHARE, min(1.0, images / REFERENCE_IMAGES) ** GROWTH)
        steps = max(1, effort.fewest_steps * 128 // batch_size, round(passes * images / batch_size))
    passes = steps * batch_size / images
    return Plan(steps, epochs or max(1, min(MOST_EPOCHS, round(passes))), distortion_strength(passes))


def became(planned: Plan, images: int, asked: CnnParameters, used: CnnParameters) -> dict[str, float]:
    """Return what epochs and batch size became where they were left to the plan and the device.

    Args:
        planned: The training.
        images: Those to fit.
        asked: Parameters as they were given.
        used: The same with the batch size in use.
    """
    found: dict[str, float] = {}
    if asked.epochs == 0:
        found["epochs"] = round(planned.steps * used.batch_size / images, 1)
    if asked.batch_size != used.batch_size:
        found["batch_size"] = used.batch_size
    return found


def distortion_strength(passes: float) -> float:
    """Return 0.9 if each image is seen once, 1.1 at 10 times, 1.5 at 1,000 times."""
    return 0.9 + 0.2 * math.log10(max(1.0, passes))


def learning_rates(steps: int, peak: float) -> NDArray[np.float32]:
    """Return one cycle: a linear rise in the first fifth of the steps, then a linear fall to almost nothing."""
    progress = np.arange(steps) / steps
    rise = 0.1 + 0.9 * progress / WARM_UP
    fall = np.maximum(LOWEST_RATE, (1 - progress) / (1 - WARM_UP))
    return (peak * np.where(progress < WARM_UP, rise, fall)).astype(np.float32)


def batches(images: int, steps: int, batch_size: int, seed: int) -> NDArray[np.int32]:
    """Return the rows of every batch, ``[steps, batch_size]``: whole shuffles end to end, so no image is favoured."""
    random = np.random.default_rng(seed)
    shuffles = -(-steps * batch_size // images)
    order = np.concatenate([random.permutation(images).astype(np.int32) for _ in range(shuffles)])
    return order[: steps * batch_size].reshape(steps, batch_size)


def stretches(steps: int, epochs: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last step of each epoch, as a half-open range."""
    ends = np.linspace(0, steps, min(epochs, steps) + 1).round().astype(int).tolist()
    return pairwise(ends)
