"""Checks of pixels and labels as they were read: nothing is rounded, scaled or guessed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Labels
from pipeline.data.raw import RawPart
from pipeline.errors import DataError

CHANNELS = (1, 3)


def pixels(array: NDArray[Any], file: str, first_row: int = 1) -> Images:
    """Pixels of any numeric type as uint8 ``[N, H, W, C]``; uint8 is not copied.

    Raises:
        DataError: Wrong shape or type, a missing value, or one that is no whole number from 0 to 255.
    """
    if array.ndim not in {3, 4} or 0 in array.shape[1:] or (array.ndim == 4 and array.shape[3] not in CHANNELS):
        raise DataError(
            f"{file} has the shape {array.shape}; images are [N, height, width] or [N, height, width, 1 or 3]."
        )
    if len(array) == 0:
        raise DataError(f"{file} holds no images.")
    if array.dtype != np.uint8:
        _check_pixel_values(array.reshape(len(array), -1), file, first_row)
    images = array.astype(np.uint8, copy=False)
    return images if images.ndim == 4 else images[..., None]


def _check_pixel_values(array: NDArray[Any], file: str, first_row: int) -> None:
    if array.dtype.kind not in "iuf":
        raise DataError(f"{file} holds {array.dtype}, not numbers: store pixels as uint8, 0 to 255.")
    if array.dtype.kind == "f":
        _refuse(np.isnan(array).any(axis=1), file, first_row, "a pixel is missing (NaN)")
    _refuse(((array < 0) | (array > 255)).any(axis=1), file, first_row, "a pixel is not between 0 and 255")
    if array.dtype.kind == "f":
        fractions = (array % 1 != 0).any(axis=1)
        if fractions.any() and array.max() <= 1:
            raise DataError(f"{file} holds {array.dtype} from 0 to 1: multiply by 255 and store it as uint8.")
        _refuse(fractions, file, first_row, "a pixel is no whole number")


def labels(part: RawPart, classes: int | None) -> Labels:
    """The labels of a part as int64 ``[N]``.

    Args:
        part: The part; its images say how many there must be.
        classes: How many classes there are, where the source says so.

    Raises:
        DataError: Wrong shape, type or number, a missing label, or one out of range.
    """
    file, row = part.labels_file, part.first_row
    values = part.labels.reshape(len(part.labels)) if part.labels.shape[1:] == (1,) else part.labels
    if values.ndim != 1:
        raise DataError(f"{file} has the shape {values.shape}; labels are one number an image.")
    if len(values) != len(part.images):
        raise DataError(
            f"{part.images_file} holds {len(part.images):,} images, but {file} holds {len(values):,} labels: "
            "each image needs its own."
        )
    if values.dtype.kind not in "iuf":
        raise DataError(f"{file} holds {values.dtype}; labels are whole numbers.")
    if values.dtype.kind == "f":
        _refuse(np.isnan(values), file, row, "the label is missing (NaN)")
        _refuse(values % 1 != 0, file, row, "the label is no whole number")
    _refuse(values < 0, file, row, "the label is negative")
    if classes is not None:
        _refuse(values >= classes, file, row, f"the label is not between 0 and {classes - 1}")
    return values.astype(np.int64)


def _refuse(wrong: NDArray[np.bool_] | np.bool_, file: str, first_row: int, fault: str) -> None:
    if np.any(wrong):
        raise DataError(f"{file}, row {int(np.argmax(wrong)) + first_row}: {fault}.")
