"""Muon for convolution kernels, Nesterov's gradient descent for all other weights.

Source: Jordan and others 2024, 'Muon: an optimizer for hidden layers in neural networks', with three
Newton-Schulz steps. On MNIST it needs about half the steps of AdamW for the same accuracy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.models.runtime import import_tensorflow

NEWTON_SCHULZ_STEPS = 3
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
MUON_SCALE = 0.2
SGD_SCALE = 2.0


@dataclass(frozen=True)
class Muon:
    """The optimizer of one network; ``apply`` is to be traced inside a ``tf.function``.

    Attributes:
        weights: TensorFlow variables, in the order of the gradients.
        velocities: One variable for each.
        momentum: Share of the velocity that is kept at each step.
        weight_decay: Of kernels, multiplied by the learning rate.
    """

    weights: Sequence[Any]
    velocities: Sequence[Any]
    momentum: float
    weight_decay: float

    def apply(self, gradients: Sequence[Any], rate: Any) -> None:
        """Change every weight by one step of this learning rate."""
        for weight, velocity, gradient in zip(self.weights, self.velocities, gradients, strict=True):
            update = gradient + self.momentum * velocity.assign(self.momentum * velocity + gradient)
            if weight.shape.rank == 4:
                kept = weight * (1 - rate * self.weight_decay)
                weight.assign(kept - rate * MUON_SCALE * orthogonalised(update))
            else:
                weight.assign_sub(rate * SGD_SCALE * update)


def muon(weights: Sequence[Any], *, momentum: float, weight_decay: float) -> Muon:
    """Return an optimizer in its initial state."""
    tensorflow = import_tensorflow()
    velocities = [tensorflow.Variable(tensorflow.zeros(weight.shape)) for weight in weights]
    return Muon(weights, velocities, momentum, weight_decay)


def orthogonalised(update: Any) -> Any:
    """Return a kernel-shaped update with all its singular values about equal, as large as a random one of its shape."""
    tensorflow = import_tensorflow()
    matrix = tensorflow.reshape(update, (-1, update.shape[-1]))
    longer, tall = max(matrix.shape), matrix.shape[0] > matrix.shape[1]
    matrix = tensorflow.transpose(matrix) if tall else matrix
    matrix /= tensorflow.norm(matrix) + 1e-7
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = tensorflow.matmul(matrix, matrix, transpose_b=True)
        matrix = a * matrix + tensorflow.matmul(b * gram + c * tensorflow.matmul(gram, gram), matrix)
    matrix = tensorflow.transpose(matrix) if tall else matrix
    return tensorflow.reshape(matrix, update.shape) * math.sqrt(longer)
