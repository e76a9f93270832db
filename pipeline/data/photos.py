"""Bring a picture of a digit into MNIST's form."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.data.ink import BLANK, find_ink
from pipeline.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

WORKING_SIDE = 256
"""Pixels of a photo's longer side while the ink is looked for: a pen stroke is still several pixels wide."""
INK_SIDE = 80
"""Pixels of the longer side of the ink while its strokes are thickened."""
FINER_THAN_BOX = 3
"""How many pixels of the ink become one of the model's, at least."""
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
    box_height, box_width = max(1, round(height * BOX)), max(1, round(width * BOX))
    ink_side = max(INK_SIDE, FINER_THAN_BOX * max(box_height, box_width))
    drawing, paper = _drawing(grey, ink_side)
    drawing.thumbnail((WORKING_SIDE, WORKING_SIDE), _antialias(), reducing_gap=2.0)
    ink = _shrunk(_crop(find_ink(np.asarray(drawing, np.float32), paper)), ink_side)
    return _centre(_fit(_thicken(ink), box_height, box_width), height, width)


def _drawing(grey: "Image.Image", side: int) -> tuple["Image.Image", float | None]:
    """Return a picture and its paper's brightness, where that is the same all over, as in a drawing program.

    Such a picture is cropped to what is drawn and made smaller at once, which saves most of the work.
    """
    from PIL import ImageOps

    pixels = np.asarray(grey)
    paper = pixels[0, 0]
    drawn = pixels != paper
    if any(edge.any() for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1])) or drawn.mean() >= 0.5:
        return grey.copy(), None
    if not drawn.any():
        raise DataError(BLANK)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    scale = max(np.ptp(rows), np.ptp(columns)) / side
    rim = 2 + int(4 * max(1, scale))  # what is resampled into the edge is paper; ink that touches it counts less
    near = grey.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    cropped = ImageOps.expand(near, rim, int(paper))
    cropped.thumbnail((side + 2 * rim, side + 2 * rim), _antialias(), reducing_gap=2.0)
    return cropped, float(paper)


def _shrunk(ink: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    from PIL import Image

    scale = side / max(ink.shape)
    if scale >= 1:
        return ink
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    return np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))


def _crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fine pen lines would all but vanish when scaled down to a few pixels."""
    from scipy import ndimage

    inside = np.pad(ink > 0.5, 1)
    if not inside.any():
        return ink
    depths = ndimage.distance_transform_edt(inside)[inside]
    width = 2 * float(np.partition(depths, int(0.9 * (len(depths) - 1)))[int(0.9 * (len(depths) - 1))])
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
