"""Pixels in a JSON body: counted before anything is allocated, parsed once, and checked to the last number."""

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from pipeline.contracts import Images
from pipeline.serving.refusals import MOST_IMAGES, MOST_LISTS, MOST_NUMBERS, RequestRefusal

EXPECTED = 'Send {"images": [image, ...]} and nothing else, each image rows of whole numbers from 0 to 255.'
NAMES = {None: "null", True: "true", False: "false"}
ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
LONG_NUMBER = b"0" * 40
"""Thousands of digits each would take the parser a third of a second, in which nobody else is answered."""
CHUNK = 4_096
"""Values that are searched together for the one that is wrong."""
Shape = tuple[int, int, int]


def images_from_json(body: bytes, shape: Shape) -> Images:
    """Return images from ``{"images": [...]}``, exactly as the model takes them: uint8 ``[N, H, W, C]``.

    Each image is rows of whole numbers from 0 to 255; a last axis of one channel may be left out.

    Args:
        body: The request's body, of any length that was accepted.
        shape: Height, width and channels.

    Raises:
        RequestRefusal: The body is not JSON, or holds anything else.
    """
    _require_bounded(body)
    images = _images_field(body)
    if not images:
        raise RequestRefusal(422, "There are no images in `images`: send at least one.")
    if len(images) > MOST_IMAGES:
        raise RequestRefusal(
            413, f"{len(images):,} images are too many at once: send at most {MOST_IMAGES:,} per request."
        )
    return np.frombuffer(_pixels(_numbers(images, shape), shape), np.uint8).reshape(-1, *shape)


def _require_bounded(body: bytes) -> None:
    """Refuse by counting what would be allocated: a list takes 100 bytes of memory for two in the body."""
    if body.count(b",") > MOST_NUMBERS or body.count(b"[") > MOST_LISTS:
        raise RequestRefusal(
            413,
            f"The body holds too many numbers at once: send at most {MOST_NUMBERS:,} in {MOST_LISTS:,} lists "
            "per request, and leave out a last axis of one channel.",
        )
    if body.count(b'"') > 2 or body.count(b"{") > 1:
        raise RequestRefusal(422, f"{EXPECTED} Text, and fields of other names, are not read.")
    if LONG_NUMBER in body.translate(ANY_DIGIT):
        raise RequestRefusal(
            422, f"A number has {len(LONG_NUMBER)} digits or more: pixels are whole numbers from 0 to 255."
        )


def _images_field(body: bytes) -> list[Any]:
    from pydantic_core import from_json

    try:
        with _collecting_no_garbage():
            value = from_json(body, cache_strings="none")
    except ValueError as error:
        raise RequestRefusal(400, f"The body is not JSON: {str(error)[:200]}.") from error
    images = value.get("images") if isinstance(value, dict) else None
    if not isinstance(images, list) or len(value) != 1:
        raise RequestRefusal(422, EXPECTED)
    return images


@contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """Half a million new lists would otherwise be searched for garbage while they are made: four times as slow."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _numbers(images: list[Any], shape: Shape) -> list[Any]:
    """Return all values in one list, having checked that every list has the length that the model's shape demands."""
    expected = shape[:2] if shape[2] == 1 and not _is_deep(images[0]) else shape
    level = images
    for side in expected:
        if set(map(type, level)) != {list} or set(map(len, level)) != {side}:
            raise _wrong_shape(images, expected)
        level = list(chain.from_iterable(level))
    if list in set(map(type, level)):
        raise _wrong_shape(images, expected)
    return level


def _is_deep(image: Any) -> bool:
    """Return whether an image's first pixel is a list of channels."""
    return len(_sides(image)) == 3


def _sides(value: Any) -> tuple[int, ...]:
    """Return the lengths of the first lists within one another."""
    sides = []
    while isinstance(value, list):
        sides.append(len(value))
        value = value[0] if value else None
    return tuple(sides)


def _wrong_shape(images: list[Any], expected: tuple[int, ...]) -> RequestRefusal:
    for number, image in enumerate(images, start=1):
        if (found := _sides(image)) != expected:
            wanted, got = (" x ".join(map(str, sides)) or "a number" for sides in (expected, found))
            return RequestRefusal(422, f"Image {number} must be {wanted} pixels, not {got}.")
    return RequestRefusal(422, "The images have rows of unequal length: every image needs the same shape.")


def _pixels(values: list[Any], shape: Shape) -> bytes:
    """Return whole numbers from 0 to 255 as bytes, or refuse the first that is none."""
    content = _as_bytes(values)
    if content is not None:
        return content
    chunks = range(0, len(values), CHUNK)
    start = next(start for start in chunks if _as_bytes(values[start : start + CHUNK]) is None)
    place, fault = next(
        (place, fault) for place, value in enumerate(values[start:], start) if (fault := _fault(value)) is not None
    )
    image, row, column = (int(axis) + 1 for axis in np.unravel_index(place // shape[2], (MOST_IMAGES, *shape[:2])))
    raise RequestRefusal(422, f"Image {image}, row {row}, column {column}: {fault}.")


def _as_bytes(values: list[Any]) -> bytes | None:
    """Return whole numbers from 0 to 255 as bytes (``7.0`` is whole), ``None`` where any value is something else."""
    kinds = set(map(type, values))
    try:
        if kinds == {int}:
            return bytes(values)
        if kinds <= {int, float}:
            numbers = np.array(values, np.float64)
            whole = (numbers >= 0) & (numbers <= 255) & (numbers == np.rint(numbers))
            return numbers.astype(np.uint8).tobytes() if whole.all() else None
    except (ValueError, OverflowError):  # beyond a byte, or beyond a float
        pass
    return None


def _fault(value: Any) -> str | None:
    """Return what is wrong with a pixel, in a few words."""
    if type(value) not in {int, float}:
        return f"{NAMES.get(value, 'an object')} is not a number from 0 to 255"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and infinity are not pixels"
    if not 0 <= value <= 255:
        return f"{value:g} is out of range (0 to 255)" if abs(value) < 1e9 else "the number is out of range (0 to 255)"
    if value != int(value):
        return f"{value:g} has a fraction, but pixels are whole numbers from 0 to 255 and are not to be scaled"
    return None
