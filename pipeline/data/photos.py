"""Turn any picture of a digit into what the makers of MNIST would have made of it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.data.ink import find_ink
from pipeline.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

WORKING_SIDE = 256
"""Pixels of a photo's longer side while the ink is looked for: a pen stroke is still several pixels wide."""
BOX = 5 / 7
"""Share of the side that the ink fills: 20 of 28 pixels in MNIST (LeCun et al. 1998, section III.A)."""
THINNEST_STROKE = 0.09
"""Strokes thinner than this share of the ink's longer side are thickened; MNIST's are about 0.13 wide."""


def to_model_input(image: "Image.Image", shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A picture as the model takes it, uint8 ``[H, W, C]`` of the given shape.

    Grey datasets get light ink on black, cropped to the ink, scaled into a box of 5/7 of the side with its
    proportions kept, and moved so that the centre of mass is in the middle (LeCun et al. 1998, section III.A).
    Colour datasets get the picture resized.

    Args:
        image: Any mode, any size, dark on light or light on dark; its EXIF orientation is applied.
        shape: Height, width and channels.

    Raises:
        DataError: The picture is blank or cannot be decoded.
    """
    height, width, channels = shape
    upright = _upright(image)
    if channels == 3:
        return np.asarray(_flattened(upright).convert("RGB").resize((width, height), _antialias()), np.uint8)
    ink = find_ink(np.asarray(_flattened(upright).convert("L"), np.float32))
    fitted = _fit(_thicken(_crop(ink)), max(1, round(height * BOX)), max(1, round(width * BOX)))
    return _centre(fitted, height, width)[..., None]


def _upright(image: "Image.Image") -> "Image.Image":
    from PIL import ImageOps

    image.draft("RGB", (WORKING_SIDE * 2, WORKING_SIDE * 2))
    try:
        turned = ImageOps.exif_transpose(image)
        if turned.mode in {"I", "F"} or turned.mode.startswith("I;"):
            turned = _eight_bits(turned)
        turned = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"The picture cannot be decoded ({error}): save it again as PNG or JPEG.") from error
    turned.thumbnail((WORKING_SIDE, WORKING_SIDE), _antialias(), reducing_gap=2.0)
    return turned


def _eight_bits(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, np.float64))
    span = max(float(np.ptp(values)), 1.0)
    return Image.fromarray(((values - values.min()) / span * 255).astype(np.uint8))


def _flattened(image: "Image.Image") -> "Image.Image":
    """Without transparency: what is opaque is laid on white if it is dark, on black if it is light."""
    from PIL import Image

    if image.mode != "RGBA":
        return image
    opaque = np.asarray(image.getchannel("A")) > 127
    grey = np.asarray(image.convert("L"))
    ground = "black" if opaque.any() and grey[opaque].mean() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB")


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
