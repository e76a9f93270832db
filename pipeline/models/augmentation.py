"""Random affine copies of a batch of images, all in one operation."""

import math
from dataclasses import dataclass
from typing import Any

from pipeline.models.runtime import import_tensorflow


@dataclass(frozen=True)
class Affine:
    """How far an image may be moved; each is drawn uniformly between plus and minus.

    Attributes:
        degrees: Rotation about the middle.
        scale: Zoom, each axis on its own: 0.1 is 10 %.
        shear: Horizontal shear, as the tangent of its angle.
        shift: Fraction of height and of width.
    """

    degrees: float
    scale: float
    shear: float
    shift: float


def random_affine(images: Any, affine: Affine, seed: Any) -> Any:
    """A batch ``[N, H, W, C]`` of floats, each image transformed on its own; new pixels are 0.

    The same two-integer ``seed`` gives the same transforms on every run.
    """
    tensorflow = import_tensorflow()
    batch = tensorflow.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    return tensorflow.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_transforms(affine, batch, height, width, seed),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _transforms(affine: Affine, batch: Any, height: int, width: int, seed: Any) -> Any:
    tensorflow = import_tensorflow()
    draw = tensorflow.unstack(tensorflow.random.stateless_uniform((6, batch), seed, -1.0, 1.0))
    angle = draw[0] * (affine.degrees * math.pi / 180)
    zoom_x, zoom_y = 1 + draw[1] * affine.scale, 1 + draw[2] * affine.scale
    cosine, sine = tensorflow.cos(angle), tensorflow.sin(angle)
    # Rows of the map from an output pixel to the input pixel it is taken from.
    a, b = cosine * zoom_x, draw[3] * affine.shear - sine * zoom_y
    c, d = sine * zoom_x, cosine * zoom_y
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    move_x = middle_x - a * middle_x - b * middle_y + draw[4] * affine.shift * width
    move_y = middle_y - c * middle_x - d * middle_y + draw[5] * affine.shift * height
    nothing = tensorflow.zeros_like(a)
    return tensorflow.stack([a, b, move_x, c, d, move_y, nothing, nothing], axis=1)
