"""Images to predict, in whatever form they come."""

import csv
from pathlib import Path

import numpy as np

from pipeline.contracts import SUBMISSION_COLUMNS, Images, UnlabelledImages
from pipeline.data import checks, idx, image_folder, kaggle_csv, npz
from pipeline.data.notices import Notify, silent
from pipeline.data.picture_file import read_picture
from pipeline.data.preparation import Preparation, default_for, prepare
from pipeline.errors import DataError
from pipeline.text import quoted


def load(
    path: Path, shape: tuple[int, int, int], notify: Notify = silent, preparation: Preparation | None = None
) -> UnlabelledImages:
    """Load images to predict.

    Args:
        path: A CSV of pixels (Kaggle's test.csv), an ``.npz`` (images, x or x_test), a file of IDX images, a folder of
            pictures, or a single picture.
        shape: Height, width and channels that the model takes. Pictures of another form are brought into it; arrays
            of another shape are refused.
        notify: Called with each sentence that a user should read.
        preparation: What the model's dataset declares; ``None`` takes the default of the shape.

    Returns:
        Images with the ids 1 to N, or with their file names where they are pictures.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: name a CSV, an .npz, IDX images, a picture or a folder of pictures.")
    declared = preparation or default_for(shape)
    if path.is_dir():
        return _folder(path, declared, notify)
    suffix = path.suffix.lower()
    if suffix in image_folder.SUFFIXES:
        return UnlabelledImages(f"picture {path}", _picture(path, declared)[None], (path.name,))
    if suffix == ".csv":
        return _numbered(
            f"Kaggle-form CSV {path}", _fitting(kaggle_csv.read_unlabelled(path)[..., None], shape, str(path))
        )
    if suffix == ".npz":
        place, array = npz.read_unlabelled(path)
        return _numbered(f"NumPy archive {path}", _fitting(checks.pixels(array, place), shape, place))
    if idx.NAME.fullmatch(path.name):
        return _idx(path, shape)
    raise DataError(f"{path} has an unknown format: a CSV, an .npz, IDX images or a picture is expected.")


def sample_ids(path: Path) -> tuple[str, ...]:
    """Return the ids that a ``sample_submission.csv`` asks for, in its order.

    Raises:
        DataError: It has not the form ``ImageId,Label``; names the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a sample submission: {error}.") from error
    if not rows or tuple(rows[0]) != SUBMISSION_COLUMNS:
        found = quoted(",".join(rows[0])) if rows else "nothing"
        columns = ",".join(SUBMISSION_COLUMNS)
        raise DataError(f"{path} starts with '{found}'; a sample submission starts with '{columns}'.")
    ids: dict[str, int] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not row[0].strip():
            raise DataError(f"{path}, row {number}: an id and a label are expected, not '{quoted(','.join(row))}'.")
        if row[0] in ids:
            raise DataError(f"{path}, row {number}: the id {quoted(row[0])} is already in row {ids[row[0]]}.")
        ids[row[0]] = number
    if not ids:
        raise DataError(f"{path} has a header but no ids.")
    return tuple(ids)


def _folder(folder: Path, preparation: Preparation, notify: Notify) -> UnlabelledImages:
    files = image_folder.pictures(folder, notify)
    if files:
        images = np.stack([_picture(file, preparation) for file in files])
        return UnlabelledImages(f"pictures in {folder}", images, tuple(file.name for file in files))
    raise DataError(f"{folder} holds no pictures: add some, or name a CSV, an .npz or an IDX file.")


def _picture(path: Path, preparation: Preparation) -> Images:
    picture = read_picture(path, preparation.decoded_side)
    try:
        return prepare(picture, preparation)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _idx(path: Path, shape: tuple[int, int, int]) -> UnlabelledImages:
    images = checks.pixels(idx.read(path, 3), str(path))
    return _numbered(f"IDX file {path}", _fitting(images, shape, str(path)))


def _fitting(images: Images, shape: tuple[int, int, int], file: str) -> Images:
    if images.shape[1:] != shape:
        has, wanted = (" x ".join(map(str, form)) for form in (images.shape[1:], shape))
        raise DataError(f"{file} holds images of {has} (height x width x channels), but the model takes {wanted}.")
    return images


def _numbered(source: str, images: Images) -> UnlabelledImages:
    return UnlabelledImages(source, images, tuple(str(number) for number in range(1, len(images) + 1)))
