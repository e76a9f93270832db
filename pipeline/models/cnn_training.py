"""How our CNN is trained: hundreds of steps inside one ``tf.function``, on images that stay uint8 until their step.

Label smoothing: Szegedy and others 2016, 'Rethinking the Inception Architecture', section 7.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pipeline.contracts import History, Probabilities
from pipeline.errors import ModelError
from pipeline.models.augmentation import distorted
from pipeline.models.cnn_network import fastest_float, follow, training_logits
from pipeline.models.cnn_parameters import CnnParameters
from pipeline.models.cnn_plan import UNDISTORTED_END, Plan, batches, learning_rates, stretches
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_fitting import checkpoint_path
from pipeline.models.muon import Muon, muon
from pipeline.models.runtime import import_tensorflow
from pipeline.models.temperature import FEWEST_ROWS, calibrated, expected
from pipeline.stored_images import ImageSource, blocks

PREDICT_BATCH = 500
MOMENTUM = 0.8
HANDED_OVER = 32 * 2**20
"""Bytes of images that TensorFlow gets at once."""

Measured = dict[str, float]
RunSteps = Callable[[int, Any, Any], tuple[float, float]]


class _Kept(NamedTuple):
    """The best epoch so far."""

    loss: float
    epoch: int
    temperature: float
    weights: list[Any]


def fit(net: Any, request: FitRequest, plan: Plan, parameters: CnnParameters) -> History:
    """Fit a fresh network in place; keep the epoch of the lowest validation loss and set its temperature.

    The one cycle always runs to its end: a network half-way through it is not comparable. Epochs are
    compared by their loss at their own best temperature, since label smoothing makes a better network less
    confident. With fewer than a hundred validation rows that is noise: the last epoch is kept, at a temperature near
    the one that its label smoothing lets expect.

    ``parameters`` come with the batch size to use.

    Raises:
        ModelError: The training loss is no longer a number.
    """
    run_steps = _epoch_runner(net, request, plan, parameters)
    order = batches(len(request.train_labels), plan.steps, parameters.batch_size, request.seed)
    rates = learning_rates(plan.steps, parameters.learning_rate)
    infer = predictor(net)
    rows: list[Measured] = []
    best = _Kept(math.inf, 0, 1.0, [])
    for epoch, (first, last) in enumerate(stretches(plan.steps, plan.epochs), start=1):
        loss, accuracy = run_steps(first, order[first:last], rates[first:last])
        if not math.isfinite(loss):
            raise ModelError("Training diverged (the loss is not a number): lower the learning rate.")
        measured, temperature, judged = _validated(infer, request, parameters)
        row = {"loss": loss, "accuracy": accuracy} | measured
        rows.append({"step": epoch, **row})
        if judged < best.loss or epoch == 1 or judged == math.inf:
            best = _Kept(judged, epoch, temperature, net.get_weights())
        if request.checkpoints is not None:
            net.save_weights(checkpoint_path(request.checkpoints, epoch))
        request.progress(epoch, min(plan.epochs, plan.steps), row)
    net.set_weights(best.weights)
    # Dividing the logits changes no label.
    last = net.layers[-2]
    last.set_weights([weight / best.temperature for weight in last.get_weights()])
    return History(tuple(rows), best.epoch)


def predictor(net: Any) -> Callable[[ImageSource], Probabilities]:
    """Return a function from uint8 images to probabilities: plain float32 inference, in batches."""
    tensorflow = import_tensorflow()
    traced = tensorflow.function(lambda batch: net(batch, training=False), autograph=False, reduce_retracing=True)

    def predict(images: ImageSource) -> Probabilities:
        return np.concatenate([traced(tensorflow.constant(part)).numpy() for part in blocks(images, PREDICT_BATCH)])

    return predict


def _epoch_runner(net: Any, request: FitRequest, plan: Plan, parameters: CnnParameters) -> RunSteps:
    """A function that trains on a stretch of batches and returns mean loss and accuracy.

    Batches are read and handed over some dozens of mebibytes at a time: nothing ever holds a copy of all images.
    """
    tensorflow = import_tensorflow()
    optimizer = muon(
        [weight.value for weight in net.trainable_variables], momentum=MOMENTUM, weight_decay=parameters.weight_decay
    )
    step = _step(net, plan, parameters, optimizer, request.seed)
    shape = request.train_images.shape[1:]
    signature = [
        tensorflow.TensorSpec((), tensorflow.int32),
        tensorflow.TensorSpec((None, parameters.batch_size, *shape), tensorflow.uint8),
        tensorflow.TensorSpec((None, parameters.batch_size), tensorflow.int32),
        tensorflow.TensorSpec((None,), tensorflow.float32),
    ]

    @tensorflow.function(autograph=False, input_signature=signature)  # type: ignore[untyped-decorator]
    def run(first: Any, images: Any, labels: Any, rates: Any) -> Any:
        count = tensorflow.shape(rates)[0]

        def body(index: Any, losses: Any, rights: Any) -> tuple[Any, Any, Any]:
            loss, right = step(first + index, images[index], labels[index], rates[index])
            return index + 1, losses + loss, rights + right

        _, losses, rights = tensorflow.while_loop(
            lambda index, *_: index < count, body, (0, 0.0, 0.0), parallel_iterations=1
        )
        return losses, rights

    at_once = max(1, HANDED_OVER // (parameters.batch_size * math.prod(shape)))

    def run_steps(first: int, order: Any, rates: Any) -> tuple[float, float]:
        sums = np.zeros(2)
        for start in range(0, len(rates), at_once):
            part = slice(start, start + at_once)
            rows, numbers = order[part], np.int32(first + start)
            labels = request.train_labels[rows].astype(np.int32)
            sums += [float(total) for total in run(numbers, request.train_images[rows], labels, rates[part])]
        loss, right = sums / len(rates)
        return float(loss), float(right)

    return run_steps


def _step(net: Any, plan: Plan, parameters: CnnParameters, optimizer: Muon, seed: int) -> Callable[..., Any]:
    """One training step, to be traced: a batch and a learning rate in, loss and share of right answers out."""
    tensorflow = import_tensorflow()
    prepare = _preparation(plan, parameters, seed)
    n_classes, smooth, compute = net.output_shape[-1], parameters.label_smoothing, fastest_float()

    def step(number: Any, images: Any, labels: Any, rate: Any) -> tuple[Any, Any]:
        target = tensorflow.one_hot(labels, n_classes, 1 - smooth + smooth / n_classes, smooth / n_classes)
        pixels = prepare(number, images)
        with tensorflow.GradientTape() as tape:
            logits, statistics = training_logits(net, pixels, compute)
            loss = tensorflow.reduce_mean(tensorflow.nn.softmax_cross_entropy_with_logits(target, logits))
        optimizer.apply(tape.gradient(loss, optimizer.weights), rate)
        follow(statistics)
        right = tensorflow.argmax(logits, 1, tensorflow.int32) == labels
        return loss, tensorflow.reduce_mean(tensorflow.cast(right, tensorflow.float32))

    return step


def _preparation(plan: Plan, parameters: CnnParameters, seed: int) -> Callable[[Any, Any], Any]:
    """Return the pixels of a batch, 0 to 1, distorted except in the last steps."""
    tensorflow = import_tensorflow()
    distorted_steps = round(plan.steps * (1 - UNDISTORTED_END))
    strength = plan.distortion * parameters.distortion
    of_fit = tensorflow.constant(seed % 2**31, tensorflow.int32)

    def prepare(number: Any, images: Any) -> Any:
        pixels = tensorflow.cast(images, tensorflow.float32) / 255
        return tensorflow.cond(
            number < distorted_steps,
            lambda: distorted(pixels, strength, tensorflow.stack([of_fit, number])),
            lambda: pixels,
        )

    return prepare


def _validated(
    infer: Callable[[ImageSource], Probabilities], request: FitRequest, parameters: CnnParameters
) -> tuple[Measured, float, float]:
    """Return an epoch's validation metrics, its temperature, and its loss at that (infinite with too few rows)."""
    labels, prior = request.validation_labels, expected(parameters.label_smoothing)
    if len(labels) == 0:
        return {}, prior, math.inf
    found = infer(request.validation_images)
    of_truth = found[np.arange(len(labels)), labels]
    measured = {
        "validation_loss": float(-np.log(of_truth + 1e-7).mean()),
        "validation_accuracy": float((found.argmax(axis=1) == labels).mean()),
    }
    if len(labels) < FEWEST_ROWS:
        return measured, calibrated(found, labels, prior)[0], math.inf
    return measured, *calibrated(found, labels)
