"""What all readers share: turning a decoder's exceptions into sentences, and a limit on what a file may unpack to."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.data.wording import reason
from pipeline.errors import DataError

LARGEST_BYTES = 2**31
"""Bytes of one array in memory: 2 GiB hold 2.7 million images of 28 x 28. A small file can declare far more."""
COPY_AGAIN = "copy or download the file again"


@contextmanager
def blaming(path: Path, form: str) -> Iterator[None]:
    """Turn whatever a library raises on a user's file into a sentence about that file.

    Decoders raise whatever the damage leads them to (``struct.error``, ``RuntimeError``, ``TypeError`` ...), so
    a list of exceptions would never be complete. Only calls that parse the file belong inside.

    Args:
        path: The file.
        form: What it was read as: ``a NumPy archive``.

    Raises:
        DataError: Instead of every other ``Exception``.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:  # the disk or its permissions, not what the file holds
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        raise DataError(f"{path} cannot be read as {form} ({reason(error)}): {COPY_AGAIN}.") from error


def require_affordable(place: str, shape: Sequence[int], item_bytes: int = 1) -> int:
    """Return the bytes of an array that a header declares, before anything is allocated.

    Args:
        place: File, and array within it, for the message.
        shape: The declared shape, of any magnitude.
        item_bytes: Bytes of one number.

    Raises:
        DataError: It would take more than ``LARGEST_BYTES``, or a length is negative.
    """
    if any(length < 0 for length in shape):
        raise DataError(f"{place} declares {_form(shape)} numbers, which is impossible: {COPY_AGAIN}.")
    # NumPy refuses an empty array, too, if its other lengths multiply beyond its own limit.
    announced = math.prod(length for length in shape if length) * item_bytes
    if announced > LARGEST_BYTES:
        raise DataError(
            f"{place} declares {_form(shape)} {item_bytes}-byte numbers, more than the "
            f"{LARGEST_BYTES // 2**30} GiB that are read: store pixels as uint8, or fewer images."
        )
    return 0 if 0 in shape else announced


def _form(shape: Sequence[int]) -> str:
    return " x ".join(f"{length:,}" for length in shape)
