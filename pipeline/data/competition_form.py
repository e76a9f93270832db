"""The form of a competition, read from its files: where labels, images and ids are, and what to submit."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.contracts import Shape, UnlabelledImages
from pipeline.data import (
    image_folder,
    kaggle_csv,
    listed_pictures,
    pixel_columns,
    sample_submission,
    unlabelled,
)
from pipeline.data.notices import Notify, silent
from pipeline.data.preparation import Preparation
from pipeline.data.raw import RawSet
from pipeline.errors import DataError
from pipeline.facts.competition import KNOWN, CompetitionForm, SubmissionForm, option
from pipeline.text import quoted

_TRAIN = ("train", "trainlabels", "traininglabels", "traininglabel", "training", "labels", "trainset")
_TEST = ("test", "testing", "testset")


def read(folder: Path, competition: str | None = None) -> CompetitionForm:
    """Return the form of the competition whose files are in a folder.

    Args:
        folder: Where they are, unpacked.
        competition: Its name, for one whose sample is known without the file.

    Raises:
        DataError: There is no sample, or the files are in an unknown format; the sentence says which.
    """
    return of(folder, _sample(folder, competition))


def of(folder: Path, sample: SubmissionForm) -> CompetitionForm:
    """Return the form of the files in a folder, for a sample that is read already.

    Raises:
        DataError: It cannot be determined which columns hold the labels.
    """
    tables = _tables(folder)
    test = next((tables[name] for name in _TEST if name in tables), None)
    train, labels = _training(folder, tables, sample)
    return CompetitionForm(folder, train, labels, test if _holds_pixels(test) else None, sample)


def is_competition(folder: Path) -> bool:
    """Return whether a folder holds a competition's files, by their names.

    Tables that are numbered, ``train-1.csv`` and ``train-2.csv``, are parts of a dataset.
    """
    names = [_letters(path) for path in folder.glob("*.csv")]
    return sample_submission.find(folder) is not None or any(
        name.startswith("train") and names.count(name) == 1 for name in names
    )


def training(folder: Path, competition: str | None = None) -> tuple[Path, tuple[str, ...]]:
    """Return where a competition has its training images, and the columns of a table that hold their labels.

    Args:
        folder: It holds the competition's files.
        competition: Its name, where the files can be fetched again.

    Returns:
        A table, or a folder with a sub-folder for each class, for which no columns are named.

    Raises:
        DataError: There are no training images, or it cannot be determined where their labels are.
    """
    sample = sample_submission.find(folder)
    wanted = None if sample is None else sample_submission.read(sample)
    train, labels = _training(folder, _tables(folder), wanted)
    return _required(folder, train, competition), labels


def labelled_folder(
    folder: Path, shape: Shape | None, notify: Notify = silent, competition: str | None = None
) -> RawSet:
    """Read the training images of a competition's files, which need no sample; see ``training``.

    Raises:
        DataError: As ``labelled``.
    """
    return _labelled(*training(folder, competition), shape, notify)


def labelled(form: CompetitionForm, shape: Shape | None, notify: Notify = silent) -> RawSet:
    """Read the training images with their labels.

    Args:
        form: Where they are.
        shape: Height, width and channels, where the files do not say or pictures have several sizes.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: They are missing, or one is not usable; names file and row.
    """
    return _labelled(_required(form.folder, form.train), form.label_columns, shape, notify)


def labelled_csv(path: Path, label_columns: Sequence[str] = (), shape: Shape | None = None) -> RawSet:
    """Read labelled images from a CSV that holds their pixels, or their names.

    Args:
        path: The file.
        label_columns: The columns with the labels; empty takes those that a sample submission next to the file asks
            for, if it has them, or else those whose names say so.
        shape: As in ``labelled``.

    Raises:
        DataError: Names file, row and column of the first thing that is wrong.
    """
    header = pixel_columns.read_header(path)
    label_columns = label_columns or _asked_columns(header, sample_submission.beside(path))
    if listed_pictures.is_list(header, label_columns):
        return listed_pictures.read(path, label_columns, shape)
    return kaggle_csv.read_labelled(path, shape, *label_columns[:1])


def test_images(
    form: CompetitionForm, shape: Shape, preparation: Preparation, notify: Notify = silent
) -> UnlabelledImages:
    """Read the test images, with the ids of the sample.

    Args:
        form: Where they are.
        shape: Height, width and channels that the model takes.
        preparation: How pictures are prepared to match the training images.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: One is missing or not usable, or images and sample do not belong together.
    """
    if form.test is not None:
        images = unlabelled.load(form.test, shape, notify, preparation)
        return sample_submission.identified(images, form.sample)
    if _holds_pixels(form.train):
        raise DataError(f"{form.folder} has no test.csv with pixels: put it next to {form.train}.")
    pixels = listed_pictures.asked_for(form.folder, form.sample, preparation, only_test=False)
    return UnlabelledImages(f"the test pictures in {form.folder}", pixels, form.sample.ids)


def _sample(folder: Path, competition: str | None) -> SubmissionForm:
    path = sample_submission.find(folder)
    if path is not None:
        return sample_submission.read(path)
    known = KNOWN[competition].sample if competition in KNOWN else None
    if known is None:
        raise DataError(
            f"{folder} has no sample_submission.csv, which shows the format of a submission: put it there"
            f"{_or_fetch(competition)}."
        )
    return known


def _or_fetch(competition: str | None) -> str:
    """How to get files of a competition that are missing, whatever else is there."""
    if competition is None:
        return ""
    return f", or fetch all files again with `simulator.py kaggle download{option(competition)} --force`"


def _labelled(train: Path, label_columns: Sequence[str], shape: Shape | None, notify: Notify) -> RawSet:
    if train.is_dir():
        return image_folder.read(train, notify, shape)
    return labelled_csv(train, label_columns, shape)


def _required(folder: Path, train: Path | None, competition: str | None = None) -> Path:
    if train is None:
        raise DataError(
            f"{folder} has no train.csv: training images are expected as a train.csv of labels and pixels, as a "
            "train.csv of names and labels with the pictures, or as a folder 'train' with one sub-folder per class. "
            f"Put them there{_or_fetch(competition)}."
        )
    return train


def _training(
    folder: Path, tables: Mapping[str, Path], sample: SubmissionForm | None
) -> tuple[Path | None, tuple[str, ...]]:
    """Where the labels are, and in which columns."""
    train = next((tables[name] for name in _TRAIN if name in tables), None)
    if train is None:
        return _class_folders(folder), ()
    return train, _label_columns(train, pixel_columns.read_header(train), sample)


def _tables(folder: Path) -> dict[str, Path]:
    """CSV files by the letters of their names, those of the folder itself before those one folder below."""
    found: dict[str, Path] = {}
    for path in [*sorted(folder.glob("*.csv")), *sorted(folder.glob("*/*.csv"))]:
        if path.is_file() and not path.parent.name.startswith((".", "__")):
            found.setdefault(_letters(path), path)
    return found


def _letters(path: Path) -> str:
    return "".join(character for character in path.stem.lower() if character.isalpha())


def _class_folders(folder: Path) -> Path | None:
    """The folder of training pictures with one sub-folder per class."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.lower().startswith("train"):
            found, inside = path, _folders(path)
            while len(inside) == 1:  # train/train, as archives unpack
                found, inside = inside[0], _folders(inside[0])
            if inside:
                return found
    return None


def _folders(path: Path) -> list[Path]:
    return [child for child in path.iterdir() if child.is_dir() and not child.name.startswith((".", "__"))]


def _holds_pixels(path: Path | None) -> bool:
    return path is not None and path.is_file() and pixel_columns.has_pixels(pixel_columns.read_header(path))


def _asked_columns(header: Sequence[str], sample: SubmissionForm | None) -> tuple[str, ...]:
    """The columns that a sample asks for, as a header writes them; empty if it lacks one."""
    by_name = {name.lower(): name for name in header}
    asked = [name.lower() for name in sample.columns] if sample else []
    return tuple(by_name[name] for name in asked) if all(name in by_name for name in asked) else ()


def _label_columns(train: Path, header: Sequence[str], sample: SubmissionForm | None) -> tuple[str, ...]:
    """The columns of the training table that the sample asks for, or the one whose name says that it is the label."""
    if asked := _asked_columns(header, sample):
        return asked
    by_name = {name.lower(): name for name in header}
    known = [by_name[name] for name in listed_pictures.LABELS if name in by_name]
    others = [name for name in header if not pixel_columns.has_pixels([name]) and name.lower() not in kaggle_csv.IDS]
    if len(known) == 1 or len(others) == 1:
        return ((known or others)[0],)
    wanted = f"none of which is the sample's '{quoted(', '.join(sample.columns))}'" if sample else "and no label"
    raise DataError(
        f"{train} has the columns {quoted(', '.join(others), 200) or 'of pixels alone'}, {wanted}: call the one with "
        "the labels 'label'."
    )
