"""NumPy archives: Keras' layout (x_train, y_train, x_test, y_test), images and labels, or x and y."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pipeline.data.class_labels import names_of
from pipeline.data.raw import RawPart, RawSet, parent_name
from pipeline.data.reading import blaming, require_affordable
from pipeline.data.wording import require_printable
from pipeline.errors import DataError
from pipeline.stored_images import StoredImages

SINGLE_POOLS = (("images", "labels"), ("x", "y"), ("x_train", "y_train"))
CLASSES = "classes"
UNLABELLED = ("images", "x", "x_test")
AT_ONCE = 4096
"""Number of rows written at a time."""
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""By version of the npy format; version 3.0 is for named fields, which no image has."""


def read_labelled(path: Path) -> RawSet:
    """Read images and labels from an ``.npz``, and the names of the classes where it has ``classes``.

    Raises:
        DataError: The file is damaged, encrypted or far too large, holds pickled objects, lacks the arrays, or has
            class names that are empty, not printable or not all different.
    """
    arrays = read_arrays(path, {name for pair in SINGLE_POOLS for name in pair} | {"x_test", "y_test", CLASSES})
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
    classes = _class_names(path, arrays[CLASSES]) if CLASSES in arrays else None
    return RawSet(parent_name(path), f"NumPy archive {path}", part, test, classes)


def read_unlabelled(path: Path) -> tuple[str, NDArray[Any]]:
    """Return where the unlabelled images of an ``.npz`` were found, for messages, and the images.

    Raises:
        DataError: The file is damaged, encrypted or far too large, or holds no such array.
    """
    arrays = read_arrays(path, set(UNLABELLED))
    for name in UNLABELLED:
        if name in arrays:
            return f"{path}[{name}]", arrays[name]
    raise DataError(f"{path} holds no images to predict: an array named images, x or x_test is expected.")


def read_arrays(path: Path, names: set[str]) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that an archive holds, without ever unpickling.

    Raises:
        DataError: The file is damaged, encrypted or far too large, or holds pickled objects.
    """
    with blaming(path, "a NumPy archive"), path.open("rb") as stream:
        if stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
            raise DataError(f"{path} is a single array, not an archive: save it with numpy.savez.")
        with zipfile.ZipFile(stream) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return {name: _array(archive, info, f"{path}[{name}]") for name, info in members.items() if name in names}


def archive(arrays: Mapping[str, NDArray[Any] | StoredImages]) -> Iterator[bytes]:
    """Yield a compressed archive of arrays part by part, so that it is never in memory as a whole."""
    written = _Outbox()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = {"descr": npy.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
                npy.write_array_header_1_0(member, header)
                for start in range(0, len(array), AT_ONCE):
                    member.write(array[start : start + AT_ONCE].tobytes())
                    yield written.emptied()
    yield written.emptied()


class _Outbox(io.RawIOBase):
    """Buffers what is written until it is taken."""

    def __init__(self) -> None:
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._content += content
        return len(content)

    def emptied(self) -> bytes:
        """Return what was written since the last call."""
        content = bytes(self._content)
        self._content.clear()
        return content


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: str) -> NDArray[Any]:
    """Read one array once its header has been checked against the limit and against the archive's own list."""
    if member.flag_bits & 1:
        raise DataError(f"{place} is encrypted: save the archive without a password.")
    with archive.open(member) as stream:
        shape, dtype = _header(stream, place)
        size = require_affordable(place, shape, dtype.itemsize)
        held = member.file_size - stream.tell()
    if size != held:
        raise DataError(f"{place} declares {size:,} bytes but holds {held:,}: save it again with numpy.savez.")
    with archive.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False)


def _header(stream: IO[bytes], place: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version not in HEADERS:
        number = ".".join(map(str, version))
        raise DataError(f"{place} is in version {number} of the npy format: store pixels as plain uint8, 0 to 255.")
    shape, _, dtype = HEADERS[version](stream)
    if dtype.hasobject:
        raise DataError(f"{place} holds Python objects, which are never loaded: store pixels as uint8, names as str.")
    return shape, dtype


def _class_names(path: Path, array: NDArray[Any]) -> tuple[str, ...]:
    names = names_of(path, CLASSES, array)
    for name in names:
        if not name:
            raise DataError(f"{path}[{CLASSES}] has an empty name: name every class.")
        require_printable(name, f"{path}: the class")
    return names


def _part(path: Path, arrays: dict[str, NDArray[Any]], images: str, labels: str) -> RawPart:
    return RawPart(f"{path}[{images}]", f"{path}[{labels}]", arrays[images], arrays[labels])
