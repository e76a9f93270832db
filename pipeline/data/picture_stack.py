"""Many picture files as one array."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Shape
from pipeline.data.notices import Notify
from pipeline.data.picture_file import read_picture
from pipeline.data.preparation import Preparation, prepare
from pipeline.data.reading import require_affordable
from pipeline.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


def read(files: Sequence[Path], shape: Shape | None) -> tuple[Images, Preparation]:
    """Return pictures as uint8 ``[N, H, W, C]``, and how further pictures become like them.

    Args:
        files: At least one picture.
        shape: What each is scaled to, its proportions kept; ``None`` takes the one size that all must have, and
            colours if any picture has them.

    Raises:
        DataError: Names the picture that is damaged, or that is transparent or of another size than the first.
    """
    if shape is None:
        images = _as_they_are(files)
        height, width, channels = images.shape[1:]
        return images, Preparation("as-is", "any", height, width, channels)
    preparation = Preparation("fit", "any", *shape)
    return read_all_prepared(files, preparation), preparation


def read_all_prepared(files: Sequence[Path], preparation: Preparation) -> Images:
    """Return pictures as a dataset declares it, uint8 ``[N, H, W, C]``.

    Raises:
        DataError: One cannot be read or prepared; names the file.
    """
    require_affordable(str(files[0].parent), (len(files), *preparation.shape))
    images = np.empty((len(files), *preparation.shape), np.uint8)
    for number, path in enumerate(files):
        images[number] = read_prepared(path, preparation)
    return images


def read_readable(
    files: Sequence[Path], preparation: Preparation, unreadable: Notify
) -> tuple[Images, tuple[Path, ...]]:
    """Return those pictures that can be read, as ``read_all_prepared`` does, and their files.

    Args:
        files: At least one picture.
        preparation: What the dataset declares.
        unreadable: Called for each other picture, with a sentence that names the file.
    """
    require_affordable(str(files[0].parent), (len(files), *preparation.shape))
    images = np.empty((len(files), *preparation.shape), np.uint8)
    found: list[Path] = []
    for path in files:
        try:
            images[len(found)] = read_prepared(path, preparation)
        except DataError as error:
            unreadable(str(error))
        else:
            found.append(path)
    return images[: len(found)], tuple(found)


def read_prepared(path: Path, preparation: Preparation) -> Images:
    """Return one picture as a dataset declares it, uint8 ``[H, W, C]``.

    Raises:
        DataError: It cannot be read or prepared; names the file.
    """
    picture = read_picture(path, preparation.decoded_side)
    try:
        return prepare(picture, preparation)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def pixels(image: "Image", path: Path) -> NDArray[np.uint8]:
    """Return the pixels of a picture: ``[H, W]`` where it is grey, else ``[H, W, 3]``.

    Raises:
        DataError: It has transparent pixels, or more than 8 bits per channel.
    """
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{path} has more than 8 bits per channel: save it with 8.")
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise DataError(f"{path} has transparent pixels: save it without transparency.")
    if image.mode in {"1", "L", "LA"}:
        return np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    grey = (colours == colours[..., :1]).all()
    return colours[..., 0] if grey else colours


def _as_they_are(files: Sequence[Path]) -> Images:
    images = np.empty((0, 0, 0, 1), np.uint8)
    for number, path in enumerate(files):
        picture = pixels(read_picture(path), path)
        if number == 0:
            require_affordable(str(path.parent), (len(files), *picture.shape))
            images = np.empty((len(files), *picture.shape[:2], 1), np.uint8)
        if picture.shape[:2] != images.shape[1:3]:
            raise DataError(
                f"{path} has {picture.shape[0]} x {picture.shape[1]} pixels (height x width), but {files[0]} has "
                f"{images.shape[1]} x {images.shape[2]}: bring all pictures to one size: `run` and `explore` "
                "scale them with --shape HEIGHT,WIDTH,3 (or 1 for grey), and `ingest` prepares them for all commands."
            )
        if picture.ndim == 3 and images.shape[3] == 1:
            images = np.repeat(images, 3, axis=3)
        images[number] = picture if picture.ndim == 3 else picture[..., None]
    return images
