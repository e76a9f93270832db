"""A competition's files: fetched, checked, and kept under the home folder."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.data import competition_form, kaggle_csv, sample_submission
from pipeline.errors import DataError, ServiceError
from pipeline.facts.competition import KNOWN, CompetitionForm, KnownCompetition
from pipeline.services import kaggle, kaggle_credentials, kaggle_files, kaggle_notebook
from pipeline.services.calls import Patience
from pipeline.services.redaction import clean
from pipeline.store import archives, atomic, competitions, lock
from pipeline.store.home import Home

Notify = Callable[[str], None]
LARGEST_FILE = 8 * 2**30
"""Bytes of one file in a competition's archives."""
NOT_UNPACKED = (".7z", ".rar")


@dataclass(frozen=True)
class DataFile:
    """One file of a competition on disk.

    Attributes:
        path: Where it is; a folder where there is a picture for each image.
        rows: How many images or ids it holds; ``None`` where nobody counted.
        fetched: Whether it was fetched now, or was there already.
    """

    path: Path
    rows: int | None
    fetched: bool


CHECKS: dict[str, Callable[[Path], tuple[int, ...]]] = {
    "train.csv": lambda path: kaggle_csv.read_labelled(path).part.images.shape,
    "test.csv": lambda path: kaggle_csv.read_unlabelled(path)[0].shape,
    "sample_submission.csv": lambda path: (len(sample_submission.read(path).ids),),
}
"""Returns how many rows a file of a known competition holds, and the shape of its images; raises a ``DataError`` that
names file and row if it is not usable."""


def download(
    home: Home, competition: str, patience: Patience, notify: Notify, *, force: bool = False
) -> list[DataFile]:
    """Fetch a competition's files, unless they are there and whole, or a notebook has or attaches them.

    The files of a known competition are fetched and checked one by one; those of any other arrive in one archive,
    which is unpacked with all archives inside it.

    Args:
        home: The home folder.
        competition: Its name in Kaggle's addresses.
        patience: How long to wait for Kaggle.
        notify: Receives a sentence before each file.
        force: Also fetch files that exist.

    Raises:
        ServiceError: Kaggle does not provide a file.
        DataError: A file does not have the expected form; the file it was to replace is unchanged. Or the files of an
            unknown competition, which are kept, have a form that is not known.
        StoreError: No competition can have this name, or the disk fails.
    """
    before = competitions.folder(home, competition)
    present = before or _attached(competition, patience, notify)
    if competition in KNOWN:
        return _download_known(home, competition, present, patience, notify, force=force)
    if present is None or force:
        present = _fetch_all(home, competition, patience, notify)
    folder = _unpacked(home, competition, present, notify)
    return _listed(competition_form.read(folder, competition), notify, fetched=before is None or force)


def present(home: Home, competition: str, patience: Patience, notify: Notify) -> Path:
    """Return the folder with a competition's files, which are fetched if there are none.

    Raises:
        ServiceError, DataError, StoreError: As ``download``.
    """
    folder = competitions.folder(home, competition)
    names = KNOWN[competition].files if competition in KNOWN else ()
    if folder is None or not all((folder / name).exists() for name in names):
        download(home, competition, patience, notify)
    found = competitions.folder(home, competition) or home.competition(competition)
    return _unpacked(home, competition, found, notify)


def _attached(competition: str, patience: Patience, notify: Notify) -> Path | None:
    try:
        return kaggle_notebook.attach(competition, patience)
    except ServiceError as error:
        notify(str(error))  # the client may still get them
        return None


def _fetch_all(home: Home, competition: str, patience: Patience, notify: Notify) -> Path:
    session = kaggle.connect(competition, patience)
    notify(f"Fetching all files of {competition} from Kaggle …")
    with _replacing(home, competition, notify) as scratch:
        archive = kaggle_files.download_all(session, scratch.parent)
        try:
            archives.unpack(archive, scratch, LARGEST_FILE)
            archives.unpack_inside(scratch, LARGEST_FILE)
        except DataError as error:
            # The temporary folder is about to be removed, and a name in it may repeat what was sent to Kaggle.
            said = str(error).replace(f"{scratch}/", "").replace(f"{archive}", "What Kaggle sent")
            raise DataError(clean(said, kaggle_credentials.secrets()) + ".") from None
    return home.competition(competition)


def _unpacked(home: Home, competition: str, folder: Path, notify: Notify) -> Path:
    """Return the folder, or a copy of it in the home where it has archives, as Kaggle's notebooks show them."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    for path in files:
        if path.suffix.lower() in NOT_UNPACKED:
            notify(f"{path} is an archive that is not unpacked here: unpack it yourself in its folder.")
    if not any(map(archives.is_archive, files)):
        return folder
    notify(f"Unpacking the archives in {folder} …")
    with _replacing(home, competition, notify) as scratch:
        shutil.copytree(folder, scratch, dirs_exist_ok=True)
        archives.unpack_inside(scratch, LARGEST_FILE)
    return home.competition(competition)


@contextmanager
def _replacing(home: Home, competition: str, notify: Notify) -> Iterator[Path]:
    """Give an empty folder that replaces a competition's files in one step if nothing goes wrong."""
    own = home.competition(competition)
    with atomic.disk_errors(own):
        own.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=own.parent, prefix=".download-", ignore_cleanup_errors=True) as temporary:
            scratch = Path(temporary) / "files"
            scratch.mkdir()
            yield scratch
            with lock.writing(home, wait=True, notify=notify):
                atomic.remove_tree(own)
                atomic.publish_folder(scratch, own)


def _listed(form: CompetitionForm, notify: Notify, *, fetched: bool) -> list[DataFile]:
    images, asked = _rows(form.test or form.folder), len(form.sample.ids)
    if images is not None and images != asked:
        notify(
            f"{form.test} has {images:,} rows, and the sample submission asks for {asked:,} predictions: `run` and "
            "`kaggle submit` will refuse files that do not belong together."
        )
    found = [form.train, form.test or form.folder, sample_submission.find(form.folder)]
    return [DataFile(file, _rows(file), fetched) for file in found if file is not None]


def _rows(path: Path) -> int | None:
    if path.is_dir():
        return None
    with path.open("rb") as content:
        return sum(1 for line in content if line.strip()) - 1


def _download_known(
    home: Home, competition: str, present: Path | None, patience: Patience, notify: Notify, *, force: bool
) -> list[DataFile]:
    known, own = KNOWN[competition], home.competition(competition)
    folder = present or own
    kept = {} if force else _usable(folder, known)
    if folder != own and len(kept) < len(known.files):  # a notebook's input is taken as a whole or not at all
        folder, kept = own, {}
    forms, missing = dict(kept), [name for name in known.files if name not in kept]
    if missing:
        session = kaggle.connect(competition, patience)
        for name in missing:
            notify(f"Fetching {name} of {competition} from Kaggle …")
            forms[name] = _fetch(session, known, name, folder)
    _require_fitting(forms, folder)
    return [DataFile(folder / name, forms[name][0], fetched=name in missing) for name in [*kept, *missing]]


def _usable(folder: Path, known: KnownCompetition) -> dict[str, tuple[int, ...]]:
    return {name: form for name in known.files if (form := _form(folder / name, known))}


def _form(path: Path, known: KnownCompetition) -> tuple[int, ...] | None:
    try:
        return _checked(path, known) if path.exists() else None
    except DataError:
        return None


def _checked(path: Path, known: KnownCompetition) -> tuple[int, ...]:
    form = CHECKS[path.name](path)
    expected = known.rows.get(path.name, form[0])
    if form[0] != expected:
        raise DataError(f"{path} has {form[0]:,} rows instead of {expected:,}: it was cut short; download it again.")
    return form


def _fetch(session: kaggle.KaggleSession, known: KnownCompetition, name: str, folder: Path) -> tuple[int, ...]:
    with atomic.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-", ignore_cleanup_errors=True) as temporary:
            arrived = kaggle_files.download(session, name, Path(temporary))
            try:
                form = _checked(arrived, known)
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
        sizes = [f"{height} x {width}" for height, width, _ in (train[1:], test[1:])]
        raise DataError(f"{folder}: train.csv has images of {sizes[0]} pixels and test.csv of {sizes[1]}; {again}")
