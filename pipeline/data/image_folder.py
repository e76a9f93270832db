"""A folder of pictures with one sub-folder for each class."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.data.notices import Notify, silent
from pipeline.data.picture_file import read_picture
from pipeline.data.raw import RawPart, RawSet
from pipeline.data.wording import require_printable
from pipeline.errors import DataError
from pipeline.text import quoted

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm"})


def read(folder: Path, notify: Notify = silent) -> RawSet:
    """Read every picture of every class; the classes are the sub-folders' names, sorted.

    Grey or RGB is decided by what the pictures hold, not by how they are stored. Any printable name is a class.

    Raises:
        DataError: Names the picture that is damaged, transparent, or of another size than the first, or the class or
            picture whose name is not printable text.
    """
    classes = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))
    for name in classes:
        require_printable(str(folder / name), "The class folder")
    if not classes:
        raise DataError(f"{folder} has no sub-folders: put the pictures of each class into a folder named after it.")
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = pictures(folder / name, notify)
        if not found:
            raise DataError(f"{folder / name} holds no pictures: add some, or remove the class.")
        files += found
        labels += [label] * len(found)
    images = _stack(files)
    part = RawPart(str(folder), str(folder), images, np.array(labels))
    return RawSet(folder.resolve().name, f"pictures in {folder}", part, classes=classes)


def pictures(folder: Path, notify: Notify = silent) -> list[Path]:
    """Return the picture files of a folder, sorted by name; other files are left out, with a notice.

    Raises:
        DataError: A picture's name is not printable text.
    """
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    found = [path for path in files if path.is_file() and path.suffix.lower() in SUFFIXES]
    for path in found:
        require_printable(str(path), "The picture")
    known = set(found)
    if others := [path.name for path in files if path not in known]:
        notify(f"{folder}: {len(others):,} left out that are not pictures, the first is {quoted(others[0])}.")
    return found


def pixels(image: "Image", path: Path) -> NDArray[np.uint8]:
    """Return the pixels of a picture: ``[H, W]`` where it is grey, else ``[H, W, 3]``.

    Raises:
        DataError: It has transparent pixels, or more than 8 bits a channel.
    """
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{path} has more than 8 bits a channel: save it with 8.")
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise DataError(f"{path} has transparent pixels: save it without transparency.")
    if image.mode in {"1", "L", "LA"}:
        return np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    grey = (colours == colours[..., :1]).all()
    return colours[..., 0] if grey else colours


def _stack(files: list[Path]) -> NDArray[np.uint8]:
    images = np.empty((0, 0, 0, 1), np.uint8)
    for number, (path, picture) in enumerate(_decoded(files)):
        if number == 0:
            images = np.empty((len(files), *picture.shape[:2], 1), np.uint8)
        if picture.shape[:2] != images.shape[1:3]:
            raise DataError(
                f"{path} has {picture.shape[0]} x {picture.shape[1]} pixels (height x width), but {files[0]} has "
                f"{images.shape[1]} x {images.shape[2]}: bring all pictures to one size."
            )
        if picture.ndim == 3 and images.shape[3] == 1:
            images = np.repeat(images, 3, axis=3)
        images[number] = picture if picture.ndim == 3 else picture[..., None]
    return images


def _decoded(files: list[Path]) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    for path in files:
        yield path, pixels(read_picture(path), path)
