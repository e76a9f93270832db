"""One option, many sources: labelled images from anywhere become the same kind of validated dataset."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.contracts import LabelledImages, Shape
from pipeline.data import competition_form, idx, image_folder, mnist, npz, sklearn_digits, snapshots
from pipeline.data.notices import Notify, silent
from pipeline.data.preparation import Preparation
from pipeline.data.raw import RawSet
from pipeline.data.validation import labelled, slug
from pipeline.data.wording import require_printable
from pipeline.errors import DataError
from pipeline.facts.competition import DEFAULT_COMPETITION

BUILT_IN = ("auto", "mnist", "digits", "kaggle")
"""What ``--dataset`` takes beside ``kaggle:NAME``, paths and the names of datasets."""
COMPETITION = "kaggle:"
"""Prefix of a competition's name."""
PATIENT, HURRIED = 15.0, 4.0
"""Seconds to wait for a download that was requested, and for one that is only attempted."""

NOT_HERE = "MNIST is not on this machine: name a folder that holds it with --data-dir or PIPELINE_DATA."


FindCompetition = Callable[[str], tuple[Path | None, Shape | None]]
"""From the name of a competition to the folder with its files, if they are here, and the shape that the user chose."""


def nowhere(_: str) -> tuple[None, None]:
    """Return ``None``: the files of a competition are not here."""
    return None, None


def load(
    spec: str = "auto",
    *,
    data_dir: Path | None = None,
    name: str | None = None,
    competition: FindCompetition = nowhere,
    datasets: Path | None = None,
    shape: Shape | None = None,
    download: bool = True,
    to_train: bool = True,
    notify: Notify = silent,
) -> LabelledImages:
    """Load and validate a dataset.

    Args:
        spec: ``auto`` (MNIST if available, else the digits), ``mnist``, ``digits``, ``kaggle``, ``kaggle:NAME`` for
            any competition, a dataset in ``datasets`` as ``NAME`` or ``NAME@SNAPSHOT``, or the path of a Kaggle-form
            CSV, a CSV that names pictures, an ``.npz``, a folder of IDX files, a competition's folder, or a folder of
            pictures with one sub-folder per class.
        data_dir: A folder that may hold MNIST; looked into before ``PIPELINE_DATA``, Keras' cache and a download.
        name: Overrides the dataset's name.
        competition: Finds the files of a Kaggle competition.
        datasets: The folder of the datasets that grow.
        shape: Height, width and channels: of the pixels of a CSV that are no square grey images, or what pictures are
            scaled to.
        download: Whether MNIST may be downloaded.
        to_train: As in ``validation.labelled``.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    if datasets is not None and not is_built_in(spec) and snapshots.refers(spec, datasets):
        if Path(spec).exists():
            notify(f"'{spec}' is the dataset of that name; for the file or folder write ./{spec}.")
        snapshot = snapshots.find(datasets, spec)
        return snapshots.load(datasets / snapshot.name, snapshot, slug(name) if name else None)
    raw = read(spec, data_dir=data_dir, competition=competition, shape=shape, download=download, notify=notify)
    return labelled(raw, name, notify, to_train=to_train)


def is_picture_folder(spec: str) -> bool:
    """Return whether ``--dataset`` text is the path of a folder of pictures with one sub-folder per class."""
    path = expanded(spec)
    return not is_built_in(spec) and path.is_dir() and not idx.find(path) and not competition_form.is_competition(path)


def load_prepared(folder: str, preparation: Preparation, *, name: str | None, notify: Notify) -> LabelledImages:
    """Load a folder of pictures to evaluate models on, and do to them what another dataset declares.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    path = expanded(folder)
    raw = image_folder.read(path, notify, declared=preparation)
    return labelled(replace(raw, origin=origin_of(path)), name, notify, to_train=False)


def is_built_in(spec: str) -> bool:
    """Return whether ``--dataset`` text is one of the built-in words, or a competition's."""
    return spec in BUILT_IN or spec.startswith(COMPETITION)


def spec_of(competition: str) -> str:
    """Return what ``--dataset`` takes for the training images of a competition."""
    return "kaggle" if competition == DEFAULT_COMPETITION else COMPETITION + competition


def read(
    spec: str,
    *,
    data_dir: Path | None = None,
    competition: FindCompetition = nowhere,
    shape: Shape | None = None,
    download: bool = True,
    notify: Notify = silent,
) -> RawSet:
    """Read what ``load`` validates; the arguments are the same.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    if spec == "auto":
        return _mnist_or_digits(data_dir, download, notify)
    if spec == "mnist":
        return _mnist(data_dir, PATIENT if download else None, notify)
    if spec == "digits":
        return sklearn_digits.read()
    if is_built_in(spec):
        return _competition(spec, competition, shape, notify)
    return _path(expanded(spec), shape, notify)


def _mnist(data_dir: Path | None, timeout: float | None, notify: Notify) -> RawSet:
    cache = mnist.keras_cache()
    if (raw := mnist.stored(_folders(data_dir), cache, notify)) is not None:
        return raw
    if timeout is None:
        raise DataError(NOT_HERE)
    return mnist.downloaded(cache, timeout)


def _mnist_or_digits(data_dir: Path | None, download: bool, notify: Notify) -> RawSet:
    cache = mnist.keras_cache()
    # A damaged file that the user named is an error here too: to go on with other images would hide it.
    if (raw := mnist.stored(_folders(data_dir), cache, notify)) is not None:
        return raw
    reason = NOT_HERE
    if download:
        try:
            return mnist.downloaded(cache, HURRIED)
        except DataError as error:
            reason = str(error)
    notify("This run does NOT use MNIST but scikit-learn's 1,797 small digits; its figures are not MNIST's. " + reason)
    return sklearn_digits.read()


def _folders(data_dir: Path | None) -> list[Path]:
    named = {"--data-dir": data_dir, "PIPELINE_DATA": os.environ.get("PIPELINE_DATA")}
    folders = {name: expanded(folder) for name, folder in named.items() if folder}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise DataError(f"{name} is {folder}, which is not a folder: name one that holds MNIST, or leave it out.")
    return list(folders.values())


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` replaced by the home folder; unchanged where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~nobody, which has no home here
        return Path(path)


def _competition(spec: str, find: FindCompetition, shape: Shape | None, notify: Notify) -> RawSet:
    name = spec.removeprefix(COMPETITION) if spec.startswith(COMPETITION) else DEFAULT_COMPETITION
    folder, known_shape = find(name)
    if folder is None:
        which = "" if name == DEFAULT_COMPETITION else f" --competition {name}"
        raise DataError(f"The files of {name} are missing: get them with 'simulator.py kaggle download{which}'.")
    raw = competition_form.labelled_folder(folder, shape or known_shape, notify, name)
    kept_as = "kaggle" if name == DEFAULT_COMPETITION else name
    return replace(raw, name=kept_as, origin=spec_of(name))


def origin_of(path: Path) -> str:
    """Return the recorded origin of a dataset that was read from a path: the path, absolute and without links.

    Raises:
        DataError: The path is not printable text.
    """
    require_printable(str(path), "The dataset")
    origin = str(expanded(path).resolve())
    require_printable(origin, "The dataset")
    return origin


def _path(path: Path, shape: Shape | None, notify: Notify) -> RawSet:
    origin = origin_of(path)
    return replace(_read_path(expanded(path), shape, notify), origin=origin)


def _read_path(path: Path, shape: Shape | None, notify: Notify) -> RawSet:
    if path.is_dir():
        if idx.find(path):
            return idx.read_folder(path)
        if competition_form.is_competition(path):
            return replace(competition_form.labelled_folder(path, shape, notify), name=path.resolve().name)
        return image_folder.read(path, notify, shape)
    if not path.exists():
        raise DataError(f"{path} does not exist: name a file or folder, a dataset, or one of {', '.join(BUILT_IN)}.")
    return read_file(path, shape)


def read_file(path: Path, shape: Shape | None = None) -> RawSet:
    """Read one labelled file: a CSV of pixels or of names of pictures, or an ``.npz``.

    Raises:
        DataError: It is of another form, or damaged; names the row.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return competition_form.labelled_csv(path, (), shape)
    if suffix == ".npz":
        return npz.read_labelled(path)
    raise DataError(f"{path} has an unknown format: a .csv, an .npz, or a folder of IDX files or pictures is expected.")
