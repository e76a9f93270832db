"""Fetch one file of a Kaggle competition; it may arrive zipped, whatever its name says."""

import shutil
import zipfile
import zlib
from pathlib import Path

from pipeline.errors import ServiceError
from pipeline.services.kaggle import Session, call

LARGEST = 4 * 2**30
"""Bytes that a zipped file may unfold to."""


def download(session: Session, name: str, folder: Path) -> Path:
    """Fetch a file into an empty folder and return its path, unzipped.

    Raises:
        ServiceError: It could not be fetched, or what came is a damaged archive or not the file asked for.
    """
    arrivals = folder / "arrived"
    arrivals.mkdir()

    def fetch() -> None:
        session.api.competition_download_file(session.competition, name, path=str(arrivals), force=True, quiet=True)

    call(session, fetch)
    files = [path for path in arrivals.iterdir() if path.suffix != ".kaggle-partial"]
    if len(files) != 1:
        raise ServiceError(f"Kaggle sent {len(files)} files where {name} was asked for: try again.")
    if not zipfile.is_zipfile(files[0]):
        return files[0].replace(folder / name)
    return _unpack(files[0], folder / name)


def _unpack(archive_file: Path, final: Path) -> Path:
    try:
        with zipfile.ZipFile(archive_file) as archive:
            members = [info for info in archive.infolist() if Path(info.filename).name == final.name]
            if len(members) != 1 or members[0].file_size > LARGEST:
                raise ServiceError(f"The archive that Kaggle sent holds no usable {final.name}: try again.")
            with archive.open(members[0]) as source, final.open("wb") as target:
                shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ServiceError(
            f"The archive with {final.name} that Kaggle sent is damaged ({error}): try again."
        ) from error
    return final
