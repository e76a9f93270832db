"""From the pictures in a request to images as the model takes them, or a refusal."""

import struct
from collections.abc import Sequence

import numpy as np

from pipeline.contracts import Images
from pipeline.data.picture_file import PNG_START, PictureTooLargeError, decode_picture
from pipeline.data.preparation import Preparation, default_for, prepare
from pipeline.errors import DataError
from pipeline.serving.refusals import MOST_PICTURES, RequestRefusal

SMALL_BYTES = 16 * 1024
SMALL_PIXELS = 2**17
"""A PNG up to this size, such as a drawing, is prepared in about a millisecond; a file of so few bytes cannot unpack
into more than some 16 MB, whatever it holds."""
PNG_HEAD = struct.Struct(">16sII")
"""The start of a PNG: signature, length and name of the first chunk, then width and height (its specification, 5.2
and 11.2.1)."""


def images_from_pictures(pictures: list[bytes], preparation: Preparation) -> Images:
    """Return images from picture files, each prepared as the dataset declares: uint8 ``[N, H, W, C]``.

    Raises:
        RequestRefusal: A file is not a picture, is too large, or is blank; or there are too many or none.
    """
    if not pictures:
        raise RequestRefusal(422, "There is no file in the form: send one or more pictures in the field `files`.")
    if len(pictures) > MOST_PICTURES:
        raise RequestRefusal(
            413, f"{len(pictures)} pictures are too many at once: send at most {MOST_PICTURES} per request."
        )
    several = len(pictures) > 1
    return np.stack(
        [_image(picture, f"Picture {number}: " * several, preparation) for number, picture in enumerate(pictures, 1)]
    )


def is_small(pictures: Sequence[bytes]) -> bool:
    """Return whether this is one small PNG, by its size and the size in its head."""
    if len(pictures) != 1 or not PNG_HEAD.size <= len(pictures[0]) <= SMALL_BYTES:
        return False
    start, width, height = PNG_HEAD.unpack_from(pictures[0])
    return bool(start.startswith(PNG_START) and width * height <= SMALL_PIXELS)


def warm_up() -> None:
    """Load what decodes pictures, so that the first one is answered as fast as the next."""
    from PIL import Image, ImageDraw

    Image.preinit()
    picture = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(picture).line([(20, 20), (40, 40)], fill=0, width=6)
    prepare(picture, default_for((28, 28, 1)))


def _image(picture: bytes, prefix: str, preparation: Preparation) -> Images:
    try:
        return prepare(decode_picture(picture, "The file", preparation.decoded_side), preparation)
    except PictureTooLargeError as error:
        raise RequestRefusal(413, f"{prefix}{error}") from error
    except DataError as error:
        raise RequestRefusal(422, f"{prefix}{error}") from error
