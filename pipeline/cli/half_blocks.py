"""A picture as characters: each shows two pixels, one above the other."""

import io

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

UPPER, LOWER, BOTH, NEITHER = "▀", "▄", "█", " "
LARGEST_SIDE = 56
"""Pixels; larger pictures are made smaller."""


def drawn(png: bytes, columns: int, *, coloured: bool) -> Text:
    """Return a picture as lines of half-block characters.

    Args:
        png: The picture.
        columns: How many characters a line may have.
        coloured: Whether the terminal shows colours; otherwise a pixel is either there or not.
    """
    pixels = _pixels(png, min(columns, LARGEST_SIDE))
    text = Text(no_wrap=True)
    light = pixels.mean(axis=2)
    there = light > (light.min() + light.max()) / 2
    for row in range(0, len(pixels), 2):
        for column in range(pixels.shape[1]):
            if coloured:
                upper, lower = (_rgb(pixels[row + half, column]) for half in (0, 1))
                text.append(UPPER, f"{upper} on {lower}")
            else:
                text.append(_character(bool(there[row, column]), bool(there[row + 1, column])))
        text.append("\n")
    return text


def _pixels(png: bytes, largest: int) -> NDArray[np.uint8]:
    """Pixels ``[H, W, 3]``, an even number of rows."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        picture.load()
        shown = picture.convert("RGB")
    shown.thumbnail((largest, largest))
    pixels = np.asarray(shown)
    return np.pad(pixels, ((0, len(pixels) % 2), (0, 0), (0, 0)))


def _rgb(pixel: NDArray[np.uint8]) -> str:
    red, green, blue = pixel.tolist()
    return f"rgb({red},{green},{blue})"


def _character(upper: bool, lower: bool) -> str:
    return {(True, True): BOTH, (True, False): UPPER, (False, True): LOWER}.get((upper, lower), NEITHER)
