"""Images to predict, in any supported format."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.contracts import Images, Shape, UnlabelledImages
from pipeline.data import checks, idx, image_folder, kaggle_csv, listed_pictures, npz, sample_submission
from pipeline.data.notices import Notify, silent
from pipeline.data.picture_stack import read_all_prepared, read_prepared, read_readable
from pipeline.data.preparation import Preparation, default_for
from pipeline.errors import DataError
from pipeline.facts.competition import SubmissionForm
from pipeline.text import quoted


def load(
    path: Path,
    shape: Shape,
    notify: Notify = silent,
    preparation: Preparation | None = None,
    *,
    unreadable: Notify | None = None,
) -> UnlabelledImages:
    """Load images to predict.

    Args:
        path: A CSV of pixels (Kaggle's test.csv), an ``.npz`` (images, x or x_test), a file of IDX images, a folder of
            pictures, in sub-folders or not, or a single picture.
        shape: Height, width and channels that the model takes. Pictures of another shape are converted; arrays of
            another shape are refused.
        notify: Called with each sentence that a user should read.
        preparation: What the model's dataset declares; ``None`` takes the default of the shape.
        unreadable: Called with a sentence for each picture of a folder that cannot be read, which is then left out;
            ``None`` refuses the folder.

    Returns:
        Images with the ids of their CSV, with their paths below the folder where they are pictures, else with the ids
        1 to N.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: name a CSV, an .npz, IDX images, a picture or a folder of pictures.")
    declared = preparation or default_for(shape)
    if path.is_dir():
        return _folder(path, declared, notify, unreadable)
    suffix = path.suffix.lower()
    if suffix in image_folder.SUFFIXES:
        return UnlabelledImages(f"picture {path}", read_prepared(path, declared)[None], (path.name,))
    if suffix == ".csv":
        return _csv(path, shape)
    if suffix == ".npz":
        place, array = npz.read_unlabelled(path)
        return _numbered(f"NumPy archive {path}", _fitting(checks.pixels(array, place), shape, place))
    if _is_idx(path):
        return _idx(path, shape)
    raise DataError(f"{path} has an unknown format: a CSV, an .npz, IDX images or a picture is expected.")


def holds_pictures(path: Path) -> bool:
    """Return whether a path is read as pictures, which are prepared as the model's dataset declares."""
    return path.is_dir() or path.suffix.lower() in image_folder.SUFFIXES


def load_asked(
    path: Path,
    sample: SubmissionForm | None,
    shape: Shape,
    notify: Notify = silent,
    preparation: Preparation | None = None,
) -> UnlabelledImages:
    """Load images to predict, each with the id that a sample submission has for it; without a sample, as ``load``.

    Raises:
        DataError: Nothing usable is there, or images and sample do not belong together.
    """
    if sample is None:
        return load(path, shape, notify, preparation)
    if path.is_dir():
        pixels = listed_pictures.asked_for(path, sample, preparation or default_for(shape), only_test=True)
        return UnlabelledImages(f"pictures in {path}", pixels, sample.ids)
    return sample_submission.identified(load(path, shape, notify, preparation), sample)


def _folder(folder: Path, preparation: Preparation, notify: Notify, unreadable: Notify | None) -> UnlabelledImages:
    files: Sequence[Path] = image_folder.pictures(folder, notify, below=True)
    if not files:
        raise _without_pictures(folder)
    if unreadable is None:
        images = read_all_prepared(files, preparation)
    else:
        images, files = read_readable(files, preparation, unreadable)
    if not files:
        raise DataError(f"{folder} holds no picture that can be read.")
    return UnlabelledImages(
        f"pictures in {folder}", images, tuple(file.relative_to(folder).as_posix() for file in files)
    )


def _without_pictures(folder: Path) -> DataError:
    """What is wrong with a folder that has no pictures: it may have a file that should be named instead."""
    known = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".csv", ".npz") or _is_idx(path)]
    if not known:
        return DataError(f"{folder} holds no pictures: add some, or name a CSV, an .npz or an IDX file.")
    meant = next((path for path in known if path.name.startswith(("test", "t10k-images"))), known[0])
    names = quoted(", ".join(path.name for path in known), 200)
    return DataError(f"{folder} holds no pictures but {names}: name the file to predict, as in {meant}.")


def _is_idx(path: Path) -> bool:
    return idx.NAME.fullmatch(path.name) is not None


def _csv(path: Path, shape: Shape) -> UnlabelledImages:
    images, ids = kaggle_csv.read_unlabelled(path, shape)
    source = f"Kaggle-form CSV {path}"
    return _numbered(source, images) if ids is None else UnlabelledImages(source, images, ids)


def _idx(path: Path, shape: Shape) -> UnlabelledImages:
    images = checks.pixels(idx.read(path, 3), str(path))
    return _numbered(f"IDX file {path}", _fitting(images, shape, str(path)))


def _fitting(images: Images, shape: Shape, file: str) -> Images:
    if images.shape[1:] != shape:
        has, wanted = (" x ".join(map(str, form)) for form in (images.shape[1:], shape))
        raise DataError(f"{file} holds images of {has} (height x width x channels), but the model takes {wanted}.")
    return images


def _numbered(source: str, images: Images) -> UnlabelledImages:
    return UnlabelledImages(source, images, tuple(str(number) for number in range(1, len(images) + 1)), numbered=True)
