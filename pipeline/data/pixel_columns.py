"""Which columns of a CSV hold pixels, and in which shape."""

import csv
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import Shape
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.text import quoted

PIXEL = re.compile(r"pixel.*|\d+x\d+", re.DOTALL)
"""Whatever starts with "pixel" counts as a pixel column, so that a typo in its number is found."""
LABEL = "label"


@dataclass(frozen=True)
class PixelColumns:
    """A header, and which of its columns are pixels.

    Attributes:
        header: Every column's name.
        start, stop: The pixels are ``header[start:stop]``.
    """

    header: tuple[str, ...]
    start: int
    stop: int

    @property
    def pixels(self) -> tuple[str, ...]:
        """Names of the columns of pixels."""
        return self.header[self.start : self.stop]

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the columns before and behind the pixels."""
        return self.header[: self.start] + self.header[self.stop :]


def read_header(path: Path) -> list[str]:
    """Return the column names of a CSV, without the space around them; empty for an empty file.

    Raises:
        DataError: The file cannot be read as a CSV.
    """
    with blaming(path, "a CSV file"), path.open(encoding="utf-8-sig", newline="") as stream:
        return [field.strip() for field in next(csv.reader(stream), [])]


def has_pixels(header: Sequence[str]) -> bool:
    """Return whether a column is named as pixels are."""
    return any(PIXEL.fullmatch(name.lower()) for name in header)


def find(path: Path) -> PixelColumns:
    """Return where a CSV has its pixels.

    Raises:
        DataError: The file is empty, has no header, or has no columns that are named as pixels are.
    """
    header = tuple(read_header(path))
    if not header:
        raise DataError(f"{path} is empty: a header and a row for each image are expected.")
    if all(name.lstrip("-").isdigit() for name in header):
        raise DataError(f"{path} has no header: its first row must be label,pixel0,pixel1,... or pixel0,pixel1,...")
    named = [index for index, name in enumerate(header) if PIXEL.fullmatch(name.lower())]
    if not named:
        examples = _counted(header) or header
        found = quoted(", ".join([*examples[:2], *(["…"] if len(examples) > 2 else [])]))
        names = "" if look_misnamed(header) else "; if it names pictures, their column must be called file, image or id"
        raise DataError(
            f"{path} has no columns of pixels: they must be called pixel0, pixel1, … (or 1x1, 1x2, …), not "
            f"{found}{names}."
        )
    return PixelColumns(header, named[0], named[-1] + 1)


def look_misnamed(header: Sequence[str]) -> bool:
    """Return whether most columns are counted, as pixels are, but have other names."""
    return not has_pixels(header) and 2 * len(_counted(header)) > len(header) > 4


def _counted(header: Sequence[str]) -> list[str]:
    """The columns whose names differ only in their numbers: the largest such group."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in header:
        if any(character.isdigit() for character in name):
            groups[re.sub(r"\d+", "0", name)].append(name)
    return max(groups.values(), key=len, default=[])


def shape_of(path: Path, columns: PixelColumns, shape: Shape | None) -> Shape:
    """Return height, width and channels of the images, whose pixels must have their names in order.

    Args:
        path: For messages.
        columns: Where the pixels are.
        shape: What the user gave; ``None`` takes square grey images. The channels of a coloured pixel are adjacent.

    Raises:
        DataError: The number of pixels does not fit, or a column is out of order or not named as a pixel.
    """
    count = len(columns.pixels)
    if shape is None:
        side = math.isqrt(count)
        if not count or side * side != count:
            raise DataError(
                f"{path} has {count:,} pixel columns, which is not a square number (28 x 28 has 784): give "
                "--shape HEIGHT,WIDTH, or HEIGHT,WIDTH,3 for colours."
            )
        shape = (side, side, 1)
    elif math.prod(shape) != count:
        sides = " x ".join(map(str, shape))
        raise DataError(f"{path} has {count:,} pixel columns, but images of {sides} have {math.prod(shape):,}.")
    _require_order(path, columns.pixels, shape)
    return shape


def _require_order(path: Path, pixels: Sequence[str], shape: Shape) -> None:
    height, width, channels = shape
    # Kaggle's own sets count from 0, others of the same form from 1, and some name row and column.
    known = [[f"pixel{index + first}" for index in range(len(pixels))] for first in (0, 1)]
    if channels == 1:
        known.append([f"{row + 1}x{column + 1}" for row, column in itertools.product(range(height), range(width))])
    names = [name.lower() for name in pixels]
    if names not in known:
        wrong, expected = max(_first_difference(names, form) for form in known)
        raise DataError(f"{path} has the pixel column '{quoted(pixels[wrong])}' where '{expected}' is expected.")


def _first_difference(names: list[str], form: list[str]) -> tuple[int, str]:
    return next((index, right) for index, (name, right) in enumerate(zip(names, form, strict=True)) if name != right)
