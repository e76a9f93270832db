"""Our own CNN: the network, and the same network through faster kernels during training."""

import math
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.models.cnn_plan import Convolution
from pipeline.models.runtime import import_keras, import_tensorflow

SMALLEST_TO_STRIDE = 16
SMALLEST_TO_POOL = 3
MOMENTUM = 0.9
"""Of BatchNorm's running averages; Keras' 0.99 follows too slowly for a fit of one or two passes."""


def network(shape: tuple[int, int, int], n_classes: int, convolutions: Sequence[Convolution], seed: int) -> Any:
    """Return the uncompiled network: uint8 ``[N, H, W, C]`` in, probabilities ``[N, K]`` out.

    The first convolution has its stride on images of at least 16 pixels only; later ones have theirs, or are pooled,
    while the image is large enough.
    """
    keras = import_keras()
    layers = keras.layers
    seeds = iter(np.random.default_rng(seed).integers(0, 2**31 - 1, len(convolutions) + 1).tolist())
    size = min(shape[:2])
    stack = [keras.Input(shape, dtype="uint8"), layers.Rescaling(1 / 255)]
    for number, one in enumerate(convolutions):
        stride = one.stride if size >= (SMALLEST_TO_POOL if number else SMALLEST_TO_STRIDE) else 1
        stack.append(_convolution(one.filters, one.kernel, stride, next(seeds)))
        size = -(-size // stride)
        if one.pooled and size >= SMALLEST_TO_POOL:
            stack.append(layers.MaxPooling2D())
            size //= 2
        stack += [layers.BatchNormalization(momentum=MOMENTUM)] if one.normalised else []
        stack.append(layers.ReLU())
    start = keras.initializers.RandomNormal(stddev=0.01, seed=next(seeds))
    return keras.Sequential(
        [*stack, layers.Flatten(), layers.Dense(n_classes, kernel_initializer=start), layers.Softmax()]
    )


def training_logits(net: Any, pixels: Any, compute: Any) -> tuple[Any, list[tuple[Any, Any, Any]]]:
    """Return the logits of scaled pixels in training mode, by the network's own weights.

    Convolutions run in ``compute`` and BatchNorm as one fused operation, in half the time of Keras' own layers.

    Returns:
        The logits, and ``(layer, mean, variance)`` of the batch for each BatchNorm.
    """
    tensorflow, layers = import_tensorflow(), import_keras().layers
    value, statistics = tensorflow.cast(pixels, compute), []
    for layer in net.layers:
        if isinstance(layer, layers.Conv2D):
            kernel = tensorflow.cast(layer.kernel.value, compute)
            value = tensorflow.nn.conv2d(value, kernel, layer.strides, "SAME")
        elif isinstance(layer, layers.BatchNormalization):
            value, mean, variance, *_ = tensorflow.compat.v1.nn.fused_batch_norm(
                value, layer.gamma.value, layer.beta.value, epsilon=layer.epsilon, is_training=True
            )
            statistics.append((layer, mean, variance))
        elif isinstance(layer, layers.MaxPooling2D):
            value = tensorflow.nn.max_pool2d(value, layer.pool_size, layer.strides, "VALID")
        elif isinstance(layer, layers.ReLU):
            value = tensorflow.nn.relu(value)
        elif isinstance(layer, layers.Flatten):
            value = tensorflow.reshape(value, (-1, math.prod(value.shape[1:])))
        elif isinstance(layer, layers.Dense):
            value = tensorflow.matmul(tensorflow.cast(value, tensorflow.float32), layer.kernel.value) + layer.bias.value
    return value, statistics


def follow(statistics: list[tuple[Any, Any, Any]]) -> None:
    """Move BatchNorm's running averages towards the statistics of one batch."""
    for layer, mean, variance in statistics:
        for average, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            average.value.assign(layer.momentum * average.value + (1 - layer.momentum) * new)


def fastest_float() -> Any:
    """Return bfloat16 if the device multiplies it natively, else float32, since emulation is slower."""
    tensorflow = import_tensorflow()
    for device in tensorflow.config.list_physical_devices("GPU"):
        capability = tensorflow.config.experimental.get_device_details(device).get("compute_capability", (0, 0))
        return tensorflow.bfloat16 if capability >= (8, 0) else tensorflow.float32
    flags = _processor_flags()
    return tensorflow.bfloat16 if {"avx512_bf16", "amx_bf16"} & flags else tensorflow.float32


def _processor_flags() -> set[str]:
    file = Path("/proc/cpuinfo")
    if platform.system() != "Linux" or not file.exists():
        return set()
    lines = file.read_text(errors="replace").splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def _convolution(width: int, kernel: int, stride: int, seed: int) -> Any:
    keras = import_keras()
    start = keras.initializers.HeNormal(seed=seed)
    return keras.layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer=start)
