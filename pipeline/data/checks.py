"""Checks of pixels and labels as they were read: no value is rounded, clipped or guessed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Labels
from pipeline.data.notices import Notify, silent
from pipeline.data.raw import RawPart, RowNumber, from_one
from pipeline.errors import DataError

CHANNELS = (1, 3)
BLOCK_NUMBERS = 2**22
"""Number of pixels checked at a time, so that checking a large array takes little extra memory."""
LARGEST_LABEL = 2**53
"""The largest whole number up to which every floating-point label is exact."""

FRACTION = "a pixel is not a whole number"


def pixels(array: NDArray[Any], file: str, row_number: RowNumber = from_one, notify: Notify = silent) -> Images:
    """Return pixels of any numeric type as uint8 ``[N, H, W, C]``; uint8 is not copied.

    Floating-point images that hold only 0.0 and 1.0 are black and white, so 1.0 becomes 255, with a notice.
    Whole numbers are taken as they are: an integer 1 is the grey level 1.

    Args:
        array: ``[N, H, W]`` or ``[N, H, W, 1 or 3]``.
        file: Where it was read, for messages.
        row_number: Maps an image's index to the row number that a person would count.
        notify: Called with a sentence on what was assumed.

    Raises:
        DataError: Wrong shape or type, a missing value, or one that is not a whole number from 0 to 255.
    """
    if array.ndim not in {3, 4} or 0 in array.shape[1:] or (array.ndim == 4 and array.shape[3] not in CHANNELS):
        raise DataError(
            f"{file} has the shape {array.shape}; images are [N, height, width] or [N, height, width, 1 or 3]."
        )
    if len(array) == 0:
        raise DataError(f"{file} holds no images.")
    images = array if array.dtype == np.uint8 else _converted(array, file, row_number, notify)
    return images if images.ndim == 4 else images[..., None]


def _converted(array: NDArray[Any], file: str, row_number: RowNumber, notify: Notify) -> NDArray[np.uint8]:
    if array.dtype.kind not in "iuf":
        raise DataError(f"{file} holds {array.dtype}, not numbers: store pixels as uint8, 0 to 255.")
    rows = array.reshape(len(array), -1)
    step = max(1, BLOCK_NUMBERS // rows.shape[1])
    images = np.empty(rows.shape, np.uint8)
    largest = 0
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        fault = _pixel_fault(block)
        if fault is not None:
            index, sentence = fault
            if sentence == FRACTION and rows.max() <= 1:
                raise DataError(f"{file} holds {array.dtype} from 0 to 1: multiply by 255 and store it as uint8.")
            raise DataError(f"{file}, row {row_number(start + index)}: {sentence}.")
        images[start : start + step] = block
        largest = max(largest, int(images[start : start + step].max()))
    if array.dtype.kind == "f" and largest == 1:
        notify(f"{file} holds {array.dtype} of only 0.0 and 1.0: taken as black (0) and white (255).")
        images *= 255
    return images.reshape(array.shape)


def _pixel_fault(block: NDArray[Any]) -> tuple[int, str] | None:
    """Return the first faulty row of ``[n, pixels]`` and what is wrong with it."""
    if block.dtype.kind == "f" and (missing := np.isnan(block).any(axis=1)).any():
        return int(missing.argmax()), "a pixel is missing (NaN)"
    if (outside := ((block < 0) | (block > 255)).any(axis=1)).any():
        return int(outside.argmax()), "a pixel is not between 0 and 255"
    if block.dtype.kind == "f" and (fractions := (block % 1 != 0).any(axis=1)).any():
        return int(fractions.argmax()), FRACTION
    return None


def labels(part: RawPart, classes: int | None) -> Labels:
    """Return the labels of a part as int64 ``[N]``.

    Args:
        part: The part; its images say how many there must be.
        classes: How many classes there are, where the source says so.

    Raises:
        DataError: Wrong shape, type or number, a missing label, or one out of range.
    """
    file = part.labels_file
    values = part.labels.reshape(len(part.labels)) if part.labels.shape[1:] == (1,) else part.labels
    if values.ndim != 1:
        raise DataError(f"{file} has the shape {values.shape}; labels are one number for each image.")
    if len(values) != len(part.images):
        raise DataError(
            f"{part.images_file} holds {len(part.images):,} images, but {file} holds {len(values):,} labels: "
            "each image needs its own."
        )
    if values.dtype.kind not in "iuf":
        raise DataError(f"{file} holds {values.dtype}; labels are whole numbers.")
    if values.dtype.kind == "f":
        values = values.astype(np.float64)  # in half precision the limits below would be infinite
        _refuse(np.isnan(values), part, "the label is missing (NaN)")
        _refuse(np.isinf(values), part, "the label is infinite")
        _refuse(values % 1 != 0, part, "the label is not a whole number")
    _refuse(values < 0, part, "the label is negative")
    if classes is not None:
        _refuse(values >= classes, part, f"the label is not between 0 and {classes - 1}")
    _refuse(values > LARGEST_LABEL, part, f"the label is larger than {LARGEST_LABEL:,}")
    return values.astype(np.int64)


def _refuse(wrong: NDArray[np.bool_], part: RawPart, fault: str) -> None:
    if np.any(wrong):
        raise DataError(f"{part.labels_file}, row {part.row_number(int(np.argmax(wrong)))}: {fault}.")
