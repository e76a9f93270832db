"""NumPy archives: Keras' form (x_train, y_train, x_test, y_test), images and labels, or x and y."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.raw import RawPart, RawSet, parent_name
from pipeline.errors import DataError

SINGLE_POOLS = (("images", "labels"), ("x", "y"), ("x_train", "y_train"))
UNLABELLED = ("images", "x", "x_test")


def read_labelled(path: Path) -> RawSet:
    """Read images and labels from an ``.npz``.

    Raises:
        DataError: The file is damaged, holds pickled objects, or lacks the arrays.
    """
    arrays = _read(path, {name for pair in SINGLE_POOLS for name in pair} | {"x_test", "y_test"})
    pair = next((pair for pair in SINGLE_POOLS if set(pair) <= set(arrays)), None)
    if pair is None:
        raise DataError(
            f"{path} lacks its arrays: x_train and y_train (with x_test and y_test), images and labels, "
            "or x and y are expected."
        )
    part = _part(path, arrays, *pair)
    test = None
    if pair == ("x_train", "y_train") and ("x_test" in arrays or "y_test" in arrays):
        if "x_test" not in arrays or "y_test" not in arrays:
            raise DataError(f"{path} has only one of x_test and y_test: both or neither are expected.")
        test = _part(path, arrays, "x_test", "y_test")
    return RawSet(parent_name(path), f"NumPy archive {path}", part, test)


def read_unlabelled(path: Path) -> tuple[str, NDArray[Any]]:
    """The unlabelled images of an ``.npz`` and where they were found, for messages.

    Raises:
        DataError: The file is damaged or holds no such array.
    """
    arrays = _read(path, set(UNLABELLED))
    for name in UNLABELLED:
        if name in arrays:
            return f"{path}[{name}]", arrays[name]
    raise DataError(f"{path} holds no images to predict: an array named images, x or x_test is expected.")


def _read(path: Path, names: set[str]) -> dict[str, NDArray[Any]]:
    try:
        # Opened here, since numpy leaves a file that it refuses open.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path} is a single array, not an archive: save it with numpy.savez.")
            return {name: archive[name] for name in archive.files if name in names}
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a NumPy archive: {error}.") from error


def _part(path: Path, arrays: dict[str, NDArray[Any]], images: str, labels: str) -> RawPart:
    return RawPart(f"{path}[{images}]", f"{path}[{labels}]", arrays[images], arrays[labels])
