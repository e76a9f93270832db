"""Bring a picture of a digit into MNIST's form."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.data.ink import find_ink

if TYPE_CHECKING:
    from PIL import Image

WORKING_SIDE = 256
"""Pixels of a photo's longer side while the ink is looked for: a pen stroke is still several pixels wide."""
BOX = 5 / 7
"""Share of the side that the ink fills: 20 of 28 pixels in MNIST (LeCun et al. 1998, section III.A)."""
THINNEST_STROKE = 0.09
"""Strokes thinner than this share of the ink's longer side are thickened; MNIST's are about 0.13 wide."""


def light_on_dark(grey: "Image.Image", height: int, width: int) -> NDArray[np.uint8]:
    """Return the sign in a grey picture as MNIST has it, uint8 ``[height, width]``.

    Light ink on black, cropped to the ink, scaled into a box of 5/7 of the side with its proportions kept, and moved
    so that the centre of mass is in the middle (LeCun et al. 1998, section III.A).

    Args:
        grey: Mode ``L``, upright, any size, dark on light or light on dark.
        height: Pixels.
        width: Pixels.

    Raises:
        DataError: The picture is blank.
    """
    small = grey.copy()
    small.thumbnail((WORKING_SIDE, WORKING_SIDE), _antialias(), reducing_gap=2.0)
    ink = find_ink(np.asarray(small, np.float32))
    fitted = _fit(_thicken(_crop(ink)), max(1, round(height * BOX)), max(1, round(width * BOX)))
    return _centre(fitted, height, width)


def _crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fine pen lines would all but vanish when scaled down to a few pixels."""
    from scipy import ndimage

    inside = np.pad(ink > 0.5, 1)
    if not inside.any():
        return ink
    width = 2 * float(np.quantile(ndimage.distance_transform_edt(inside)[inside], 0.9))
    missing = int(np.ceil((THINNEST_STROKE * max(ink.shape) - width) / 2))
    if missing < 1:
        return ink
    down, across = np.ogrid[-missing : missing + 1, -missing : missing + 1]
    disc = down**2 + across**2 <= missing**2
    thick: NDArray[np.float32] = ndimage.grey_dilation(np.pad(ink, missing), footprint=disc)
    return thick


def _fit(ink: NDArray[np.float32], box_height: int, box_width: int) -> NDArray[np.float32]:
    from PIL import Image

    scale = min(box_height / ink.shape[0], box_width / ink.shape[1])
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), _antialias()))
    brightest = float(small.max())
    return np.clip(small / brightest, 0, 1) if brightest > 0 else small


def _centre(ink: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    down, across = np.indices(ink.shape)
    weight = max(float(ink.sum()), 1e-6)
    top = _shift(height, ink.shape[0], float((down * ink).sum()) / weight)
    left = _shift(width, ink.shape[1], float((across * ink).sum()) / weight)
    canvas = np.zeros((height, width), np.uint8)
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(ink * 255)
    return canvas


def _shift(side: int, length: int, centre_of_mass: float) -> int:
    """Where the ink begins so that its centre of mass is on pixel ``side / 2``, as in MNIST, and nothing is cut off."""
    return int(np.clip(round(side / 2 - centre_of_mass), 0, side - length))


def _antialias() -> "Image.Resampling":
    from PIL import Image

    return Image.Resampling.BICUBIC
