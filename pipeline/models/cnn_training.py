"""How our CNN is trained: random affine copies, AdamW, one cycle of the learning rate, label smoothing.

Source of the one-cycle schedule: Smith and Topin 2018, 'Super-Convergence'; of label smoothing: Szegedy and
others 2016, 'Rethinking the Inception Architecture', section 7.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.contracts import History
from pipeline.models.augmentation import Affine, random_affine
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_fitting import early_stopping, history_of, observers
from pipeline.models.runtime import import_keras, import_tensorflow

WARM_UP = 0.25
LAST_RATE = 0.01
"""The learning rate starts and ends at this fraction of its peak."""


@dataclass(frozen=True)
class Schedule:
    """Every number of one training.

    An epoch shows every image once, and at least ``least_images`` copies: few images are shown more often.
    """

    epochs: int
    least_images: int
    batch_size: int
    peak_learning_rate: float
    weight_decay: float
    label_smoothing: float
    affine: Affine


def fit_augmented(network: Any, request: FitRequest, schedule: Schedule) -> History:
    """Fit a fresh network in place and keep the epoch with the lowest validation loss.

    The schedule always runs to its end: half-way through a cycle a network is not yet what it will be.
    """
    keras = import_keras()
    order = batches(len(request.train_labels), schedule, request.seed)
    steps = len(order) // schedule.epochs
    optimizer = keras.optimizers.AdamW(
        one_cycle(schedule.peak_learning_rate, len(order)), weight_decay=schedule.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=schedule.label_smoothing)
    network.compile(optimizer, loss, metrics=["accuracy"])
    watch = early_stopping(request, patience=schedule.epochs)
    result = network.fit(
        _augmented(request, schedule, order, network.output_shape[-1]),
        epochs=schedule.epochs,
        steps_per_epoch=steps,
        validation_data=_plain(request, network.output_shape[-1]),
        callbacks=[*watch, *observers(request, schedule.epochs)],
        shuffle=False,
        verbose=0,
    )
    return history_of(result.history, watch)


def batches(images: int, schedule: Schedule, seed: int) -> np.ndarray:
    """Which images each step sees, int32 ``[steps, batch]``: shuffled passes one after another, no image favoured."""
    steps = math.ceil(max(images, schedule.least_images) / schedule.batch_size) * schedule.epochs
    rng = np.random.default_rng(seed)
    passes = math.ceil(steps * schedule.batch_size / images)
    order = np.concatenate([rng.permutation(images).astype(np.int32) for _ in range(passes)])
    return order[: steps * schedule.batch_size].reshape(steps, schedule.batch_size)


def one_cycle(peak: float, steps: int) -> Any:
    """A learning rate that rises to its peak in the first quarter of the steps and falls to almost nothing."""
    turn = max(1, round(WARM_UP * steps))
    return import_keras().optimizers.schedules.CosineDecay(
        peak * LAST_RATE, max(1, steps - turn), alpha=LAST_RATE, warmup_target=peak, warmup_steps=turn
    )


def _augmented(request: FitRequest, schedule: Schedule, order: np.ndarray, n_classes: int) -> Any:
    tensorflow = import_tensorflow()
    seed = request.seed % 2**31
    images, labels = tensorflow.constant(request.train_images), tensorflow.constant(request.train_labels)

    def batch(step: Any, rows: Any) -> Any:
        pixels = tensorflow.cast(tensorflow.gather(images, rows), tensorflow.float32)
        moved = random_affine(pixels, schedule.affine, tensorflow.stack([seed, tensorflow.cast(step, "int32")]))
        rounded = tensorflow.cast(tensorflow.round(moved), tensorflow.uint8)
        return rounded, tensorflow.one_hot(tensorflow.gather(labels, rows), n_classes)

    steps = tensorflow.data.Dataset.from_tensor_slices(order).enumerate()
    return steps.map(batch, num_parallel_calls=tensorflow.data.AUTOTUNE, deterministic=True).prefetch(2)


def _plain(request: FitRequest, n_classes: int) -> Any:
    if len(request.validation_labels) == 0:
        return None
    tensorflow = import_tensorflow()
    rows = (request.validation_images, np.eye(n_classes, dtype=np.float32)[request.validation_labels])
    return tensorflow.data.Dataset.from_tensor_slices(rows).batch(256)
