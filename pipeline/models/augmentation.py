"""Random affine copies of a batch of images, all in one operation."""

import math
from typing import Any

from pipeline.models.runtime import import_tensorflow

DEGREES, SCALE, SHEAR, SHIFT = 10.0, 0.1, 0.13, 0.05
"""Limits at strength 1: rotation, zoom of each axis, horizontal shear, shift as a fraction of the side."""


def distorted(images: Any, strength: float, seed: Any) -> Any:
    """Return a batch ``[N, H, W, C]`` of floats, each image transformed on its own; its edge is continued outwards.

    The same two-integer ``seed`` gives the same maps on every run.
    """
    tensorflow = import_tensorflow()
    count, height, width, _ = images.shape
    return tensorflow.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_transforms(count, height, width, strength, seed),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _transforms(count: int, height: int, width: int, strength: float, seed: Any) -> Any:
    """Rows of the map from each output pixel to the input pixel it is taken from."""
    tensorflow = import_tensorflow()
    draw = strength * tensorflow.random.stateless_uniform((6, count), seed, -1.0, 1.0)
    angle, zoom_x, zoom_y = draw[0] * math.radians(DEGREES), 1 + SCALE * draw[1], 1 + SCALE * draw[2]
    cosine, sine = tensorflow.cos(angle), tensorflow.sin(angle)
    a, b = cosine * zoom_x, SHEAR * draw[3] - sine * zoom_y
    c, d = sine * zoom_x, cosine * zoom_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    move_x = middle_x - a * middle_x - b * middle_y + SHIFT * width * draw[4]
    move_y = middle_y - c * middle_x - d * middle_y + SHIFT * height * draw[5]
    nothing = tensorflow.zeros_like(a)
    return tensorflow.stack([a, b, move_x, c, d, move_y, nothing, nothing], axis=1)
