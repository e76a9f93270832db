"""Bring a picture of a digit into MNIST's format."""

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
"""Minimum number of ink pixels, along a side, for each of the model's."""
RIM = 2
"""Pixels of paper around a drawing: ink that touches the edge of a picture counts less."""
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

    paper = int(np.asarray(grey)[0, 0])
    drawn = grey.point([int(level != paper) for level in range(256)])
    box = drawn.getbbox()
    if box is None:
        raise DataError(BLANK)
    left, top, right, bottom = box
    inside = left > 0 and top > 0 and right < grey.width and bottom < grey.height
    if not inside or drawn.histogram()[1] >= 0.5 * grey.width * grey.height:
        return grey.copy(), None
    factor = max(1, max(right - left, bottom - top) // side)
    near = ImageOps.expand(grey.crop(box), RIM * factor, paper)
    return near.reduce(factor), float(paper)


def _shrunk(ink: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    from PIL import Image

    factor = max(ink.shape) // side
    return np.asarray(Image.fromarray(ink).reduce(factor)) if factor > 1 else ink


def _crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Thicken fine pen lines, which would all but vanish when scaled down to a few pixels."""
    inside = ink > 0.5
    if not inside.any():
        return ink
    width = _stroke_width(inside)
    missing = int(np.ceil((THINNEST_STROKE * max(ink.shape) - width) / 2))
    if missing < 1:
        return ink
    from scipy import ndimage

    down, across = np.ogrid[-missing : missing + 1, -missing : missing + 1]
    disc = down**2 + across**2 <= missing**2
    thick: NDArray[np.float32] = ndimage.grey_dilation(np.pad(ink, missing), footprint=disc)
    return thick


def _stroke_width(inside: NDArray[np.bool_]) -> float:
    """Return the mean width of strokes in pixels: their area by half their outline."""
    core = np.zeros_like(inside)
    core[1:-1, 1:-1] = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    area = int(np.count_nonzero(inside))
    outline = area - int(np.count_nonzero(core & inside))
    return 2 * area / outline


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
