"""A competition's files: fetched, checked, and kept under the home folder."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.data import kaggle_csv, unlabelled
from pipeline.errors import DataError
from pipeline.services import kaggle, kaggle_credentials, kaggle_files
from pipeline.services.calls import Patience
from pipeline.services.redaction import clean
from pipeline.store import atomic
from pipeline.store.home import Home


@dataclass(frozen=True)
class DataFile:
    """One file of a competition on disk.

    Attributes:
        path: Where it is.
        rows: How many images or ids it holds.
        fetched: Whether it was fetched now, or was there already.
    """

    path: Path
    rows: int
    fetched: bool


CHECKS: dict[str, Callable[[Path], tuple[int, ...]]] = {
    "train.csv": lambda path: kaggle_csv.read_labelled(path).part.images.shape,
    "test.csv": lambda path: kaggle_csv.read_unlabelled(path).shape,
    "sample_submission.csv": lambda path: (len(unlabelled.sample_ids(path)),),
}
"""Returns how many rows a file holds, and height and width of its images; raises a ``DataError`` that names file and
row if it is not usable."""

KNOWN_ROWS = {"digit-recognizer": {"train.csv": 42_000, "test.csv": 28_000, "sample_submission.csv": 28_000}}
"""How many rows a file must have, by competition: a download cut at the end of a line is otherwise a valid file."""


def download(
    home: Home, competition: str, patience: Patience, notify: Callable[[str], None], *, force: bool = False
) -> list[DataFile]:
    """Fetch train.csv, test.csv and sample_submission.csv, unless they are there and whole.

    Args:
        home: The home folder.
        competition: Its name in Kaggle's addresses.
        patience: How long to wait for Kaggle.
        notify: Receives a sentence before each file.
        force: Also fetch files that exist.

    Raises:
        ServiceError: Kaggle does not provide a file.
        DataError: A file does not have the expected form; the file it was to replace is unchanged.
    """
    folder = home.competition(competition)
    kept = {} if force else {name: form for name in CHECKS if (form := _form(folder / name, competition))}
    forms, missing = dict(kept), [name for name in CHECKS if name not in kept]
    if missing:
        session = kaggle.connect(competition, patience)
        for name in missing:
            notify(f"Fetching {name} of {competition} from Kaggle …")
            forms[name] = _fetch(session, name, folder)
    _require_fitting(forms, folder)
    return [DataFile(folder / name, forms[name][0], fetched=name in missing) for name in [*kept, *missing]]


def _form(path: Path, competition: str) -> tuple[int, ...] | None:
    try:
        return _checked(path, competition) if path.exists() else None
    except DataError:
        return None


def _checked(path: Path, competition: str) -> tuple[int, ...]:
    form = CHECKS[path.name](path)
    expected = KNOWN_ROWS.get(competition, {}).get(path.name, form[0])
    if form[0] != expected:
        raise DataError(f"{path} has {form[0]:,} rows instead of {expected:,}: it was cut short; download it again.")
    return form


def _fetch(session: kaggle.KaggleSession, name: str, folder: Path) -> tuple[int, ...]:
    with atomic.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-", ignore_cleanup_errors=True) as temporary:
            arrived = kaggle_files.download(session, name, Path(temporary))
            try:
                form = _checked(arrived, session.competition)
            except DataError as error:
                # The temporary file is about to be removed, and its content may repeat what was sent to Kaggle.
                said = str(error).replace(str(arrived), f"{name}, as Kaggle sent it,")
                raise DataError(clean(said, kaggle_credentials.secrets()) + ".") from None
            arrived.replace(folder / name)
    return form


def _require_fitting(forms: dict[str, tuple[int, ...]], folder: Path) -> None:
    again = "run `simulator.py kaggle download --force` to fetch them again."
    train, test, sample = (forms[name] for name in ("train.csv", "test.csv", "sample_submission.csv"))
    if test[0] != sample[0]:
        raise DataError(
            f"{folder}: test.csv has {test[0]:,} images and sample_submission.csv asks for {sample[0]:,}; {again}"
        )
    if train[1:] != test[1:]:
        sizes = [f"{height} x {width}" for height, width in (train[1:], test[1:])]
        raise DataError(f"{folder}: train.csv has images of {sizes[0]} pixels and test.csv of {sizes[1]}; {again}")
