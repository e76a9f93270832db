"""From the body of a request to images as the model takes them, or a refusal."""

import io
import json
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images
from pipeline.errors import DataError
from pipeline.serving.refusals import MOST_IMAGES, MOST_PICTURES, MOST_PIXELS, Refusal

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""What is decoded; Pillow knows many more that nobody sends and that widen what can be attacked."""

DECODED_SIDE = 512
"""A JPEG is decoded at the smallest scale that leaves this many pixels a side, which saves most of the work."""


def images_from_json(body: bytes, shape: tuple[int, int, int]) -> Images:
    """Images from ``{"images": [...]}``, exactly as the model takes them: uint8 ``[N, H, W, C]``.

    Each image is rows of whole numbers from 0 to 255; a last axis of one channel may be left out.

    Raises:
        Refusal: The body is no JSON, or holds anything else.
    """
    images = _images_field(body)
    if not images:
        raise Refusal(422, "There is no image in `images`: send at least one.")
    if len(images) > MOST_IMAGES:
        raise Refusal(413, f"{len(images):,} images are too many at once: send at most {MOST_IMAGES:,} a request.")
    return _as_pixels(_as_numbers(images), shape)


def images_from_pictures(pictures: list[bytes], shape: tuple[int, int, int]) -> Images:
    """Images from picture files, each centred and scaled as the training images were.

    Raises:
        Refusal: A file is no picture, is too large, or is blank; or there are too many or none.
    """
    from pipeline.data.photos import to_model_input

    if not pictures:
        raise Refusal(422, "There is no file in the form: send one or more pictures in the field `files`.")
    if len(pictures) > MOST_PICTURES:
        raise Refusal(413, f"{len(pictures)} pictures are too many at once: send at most {MOST_PICTURES} a request.")
    images = []
    for number, picture in enumerate(pictures, start=1):
        try:
            images.append(to_model_input(_open(picture), shape))
        except DataError as error:
            raise Refusal(422, _of(number, pictures, str(error))) from error
        except Refusal as refusal:
            raise Refusal(refusal.status, _of(number, pictures, refusal.sentence)) from refusal
    return np.stack(images)


def warm_up() -> None:
    """Load what decodes pictures, so that the first one is answered as fast as the next."""
    from PIL import Image, ImageDraw

    from pipeline.data.photos import to_model_input

    Image.preinit()
    picture = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(picture).line([(20, 20), (40, 40)], fill=0, width=6)
    to_model_input(picture, (28, 28, 1))


def _of(number: int, pictures: list[bytes], sentence: str) -> str:
    return sentence if len(pictures) == 1 else f"Picture {number}: {sentence}"


def _open(picture: bytes) -> Any:
    from PIL import Image

    unreadable = Refusal(422, "This is not a picture that can be read: send a PNG, JPEG, WebP, BMP, GIF or TIFF file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(picture), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(None) from error
    except Exception as error:  # a decoder may raise anything for bytes that are no picture
        raise unreadable from error
    if opened.width * opened.height > MOST_PIXELS:
        raise _too_large(opened.size)
    try:
        opened.draft("RGB", (DECODED_SIDE, DECODED_SIDE))
        opened.load()
    except Exception as error:
        raise unreadable from error
    return opened


def _too_large(size: tuple[int, int] | None) -> Refusal:
    found = f"{size[0]:,} x {size[1]:,} pixels are" if size else "The picture is"
    return Refusal(413, f"{found} too large: send a picture of at most {MOST_PIXELS // 10**6} million pixels.")


def _images_field(body: bytes) -> list[Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body is not JSON: {error}.") from error
    images = value.get("images") if isinstance(value, dict) else None
    if not isinstance(images, list) or len(value) != 1:
        raise Refusal(422, 'Send {"images": [image, ...]}, each image a list of rows of whole numbers from 0 to 255.')
    return images


def _as_numbers(images: list[Any]) -> NDArray[Any]:
    try:
        numbers = np.array(images)
    except (ValueError, OverflowError) as error:
        raise Refusal(422, "The images have rows of unequal length: every image needs the same shape.") from error
    if numbers.dtype.kind not in "iuf":
        raise Refusal(422, f"Pixels must be whole numbers from 0 to 255, not {_kind(numbers)}.")
    return numbers


def _kind(numbers: NDArray[Any]) -> str:
    names = {"b": "true or false", "U": "text", "S": "text", "O": "null, objects or numbers beyond all bounds"}
    return names.get(numbers.dtype.kind, "something else")


def _as_pixels(numbers: NDArray[Any], shape: tuple[int, int, int]) -> Images:
    expected = [shape, shape[:2]] if shape[2] == 1 else [shape]
    if numbers.shape[1:] not in expected:
        wanted, found = (" x ".join(map(str, sides)) or "a number" for sides in (expected[-1], numbers.shape[1:]))
        raise Refusal(422, f"Each image must be {wanted} pixels, not {found}.")
    if numbers.dtype.kind == "f":
        _require_whole(numbers)
    if numbers.min() < 0 or numbers.max() > 255:
        raise Refusal(422, f"Pixels go from 0 to 255, not from {numbers.min():g} to {numbers.max():g}.")
    return numbers.astype(np.uint8).reshape(-1, *shape)


def _require_whole(numbers: NDArray[Any]) -> None:
    odd = np.argwhere(~np.isfinite(numbers))
    if len(odd):
        place = ", ".join(map(str, odd[0][1:3]))
        raise Refusal(422, f"Image {odd[0][0] + 1} has no finite number at row, column {place}: NaN is no pixel.")
    if (numbers != np.rint(numbers)).any():
        raise Refusal(
            422, "Pixels must be whole numbers from 0 to 255: fractions look like scaled images, do not scale."
        )
