"""One option, many sources: whatever holds labelled images becomes the same validated dataset."""

import os
from dataclasses import replace
from pathlib import Path

from pipeline.contracts import LabelledImages
from pipeline.data import idx, image_folder, kaggle_csv, mnist, npz, sklearn_digits, snapshots
from pipeline.data.notices import Notify, silent
from pipeline.data.raw import RawSet
from pipeline.data.validation import labelled, slug
from pipeline.data.wording import require_printable
from pipeline.errors import DataError

BUILT_IN = ("auto", "mnist", "digits", "kaggle")
"""What ``--dataset`` takes beside paths and the names of datasets."""
PATIENT, HURRIED = 15.0, 4.0
"""Seconds to wait for a download that was asked for, and for one that is only an attempt."""

NOT_HERE = "MNIST is not on this machine: name a folder that holds it with --data-dir or PIPELINE_DATA."


def load(
    spec: str = "auto",
    *,
    data_dir: Path | None = None,
    name: str | None = None,
    kaggle_dir: Path | None = None,
    datasets: Path | None = None,
    download: bool = True,
    notify: Notify = silent,
) -> LabelledImages:
    """Load and validate a dataset.

    Args:
        spec: ``auto`` (MNIST if it can be had, else the digits), ``mnist``, ``digits``, ``kaggle``, a dataset in
            ``datasets`` as ``NAME`` or ``NAME@SNAPSHOT``, or the path of a Kaggle-form CSV, an ``.npz``, a folder of
            IDX files, or a folder of pictures with one sub-folder a class.
        data_dir: A folder that may hold MNIST; looked into before ``PIPELINE_DATA``, Keras' cache and a download.
        name: Overrides the dataset's name.
        kaggle_dir: Where ``kaggle`` finds its ``train.csv``.
        datasets: The folder of the datasets that grow.
        download: Whether MNIST may be downloaded.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    if datasets is not None and spec not in BUILT_IN and snapshots.refers(spec, datasets):
        if Path(spec).exists():
            notify(f"'{spec}' is the dataset of that name; for the file or folder write ./{spec}.")
        snapshot = snapshots.find(datasets, spec)
        return snapshots.load(datasets / snapshot.name, snapshot, slug(name) if name else None)
    raw = read(spec, data_dir=data_dir, kaggle_dir=kaggle_dir, download=download, notify=notify)
    return labelled(raw, name, notify)


def read(
    spec: str, *, data_dir: Path | None, kaggle_dir: Path | None, download: bool = True, notify: Notify = silent
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
    if spec == "kaggle":
        return _kaggle(kaggle_dir)
    return _path(expanded(spec), notify)


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
    notify(
        "NOTICE: this run does NOT use MNIST but scikit-learn's 1,797 small digits; its figures are not MNIST's. "
        + reason
    )
    return sklearn_digits.read()


def _folders(data_dir: Path | None) -> list[Path]:
    named = [data_dir, os.environ.get("PIPELINE_DATA")]
    return [expanded(folder) for folder in named if folder]


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` replaced by the home folder; unchanged where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~nobody, which has no home here
        return Path(path)


def _kaggle(folder: Path | None) -> RawSet:
    path = folder / "train.csv" if folder else None
    if path is None or not path.is_file():
        raise DataError(f"{path or 'train.csv'} is missing: get it with 'simulator.py kaggle download'.")
    return replace(kaggle_csv.read_labelled(path), name="kaggle", origin="kaggle")


def origin_of(path: Path) -> str:
    """Return what records a dataset that was read from a path: the path, absolute and without links.

    Raises:
        DataError: The path is not printable text.
    """
    require_printable(str(path), "The dataset")
    origin = str(expanded(path).resolve())
    require_printable(origin, "The dataset")
    return origin


def _path(path: Path, notify: Notify) -> RawSet:
    origin = origin_of(path)
    return replace(_read_path(expanded(path), notify), origin=origin)


def _read_path(path: Path, notify: Notify) -> RawSet:
    if path.is_dir():
        return idx.read_folder(path) if idx.find(path) else image_folder.read(path, notify)
    if not path.exists():
        raise DataError(f"{path} does not exist: name a file or folder, a dataset, or one of {', '.join(BUILT_IN)}.")
    return read_file(path)


def read_file(path: Path) -> RawSet:
    """Read one labelled file: a Kaggle-form CSV or an ``.npz``.

    Raises:
        DataError: It is of another form, or damaged; names the row.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return kaggle_csv.read_labelled(path)
    if suffix == ".npz":
        return npz.read_labelled(path)
    raise DataError(f"{path} has an unknown format: a .csv, an .npz, or a folder of IDX files or pictures is expected.")
