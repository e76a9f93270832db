"""A competition's files: fetched, checked, and kept under the home folder."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.data import kaggle_csv, unlabelled
from pipeline.errors import DataError
from pipeline.services import kaggle, kaggle_files
from pipeline.services.calls import Patience
from pipeline.store import atomic
from pipeline.store.home import Home


@dataclass(frozen=True)
class DataFile:
    """One file of a competition as it stands on disk.

    Attributes:
        path: Where.
        rows: How many images or ids it holds.
        fetched: Whether it was fetched now, or stood there already.
    """

    path: Path
    rows: int
    fetched: bool


CHECKS: dict[str, Callable[[Path], int]] = {
    "train.csv": lambda path: len(kaggle_csv.read_labelled(path).part.images),
    "test.csv": lambda path: len(kaggle_csv.read_unlabelled(path)),
    "sample_submission.csv": lambda path: len(unlabelled.sample_ids(path)),
}
"""How many rows each file holds; raises a ``DataError`` that names file and row where it is not usable."""


def download(
    home: Home, competition: str, patience: Patience, tell: Callable[[str], None], *, force: bool = False
) -> list[DataFile]:
    """Fetch train.csv, test.csv and sample_submission.csv; what stands there and is whole is not fetched again.

    Args:
        home: The home folder.
        competition: Its name in Kaggle's addresses.
        patience: How long Kaggle is waited for.
        tell: Told before each file.
        force: Fetch what stands there too.

    Raises:
        ServiceError: Kaggle does not give a file.
        DataError: A file is not of the expected form; what stood there before still stands.
    """
    folder = home.competition(competition)
    kept = {} if force else {name: rows for name in CHECKS if (rows := _rows(folder / name)) is not None}
    files = [DataFile(folder / name, rows, fetched=False) for name, rows in kept.items()]
    missing = [name for name in CHECKS if name not in kept]
    if missing:
        session = kaggle.connect(competition, patience)
        for name in missing:
            tell(f"Fetching {name} of {competition} from Kaggle …")
            files.append(_fetch(session, name, folder))
    _check_sizes({file.path.name: file.rows for file in files}, folder)
    return files


def _rows(path: Path) -> int | None:
    try:
        return CHECKS[path.name](path) if path.exists() else None
    except DataError:
        return None


def _fetch(session: kaggle.Session, name: str, folder: Path) -> DataFile:
    with atomic.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-", ignore_cleanup_errors=True) as temporary:
            arrived = kaggle_files.download(session, name, Path(temporary))
            rows = CHECKS[name](arrived)
            arrived.replace(folder / name)
    return DataFile(folder / name, rows, fetched=True)


def _check_sizes(rows: dict[str, int], folder: Path) -> None:
    if rows["test.csv"] != rows["sample_submission.csv"]:
        raise DataError(
            f"{folder}: test.csv has {rows['test.csv']:,} images and sample_submission.csv asks for "
            f"{rows['sample_submission.csv']:,}; run `simulator.py kaggle download --force` to fetch them again."
        )
