"""Fetch one file of a Kaggle competition, which may arrive zipped whatever its name says, or all in an archive."""

import base64
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import ServiceError
from pipeline.services.kaggle import KaggleSession, call
from pipeline.services.kaggle_problems import DamagedDownloadError

LARGEST = 4 * 2**30
"""Bytes that a zipped file may unfold to."""
_BLOCK = 2**20
_Request = Callable[[Any], Any]
"""Asks the client for a file, and returns the answer."""


def download(session: KaggleSession, name: str, folder: Path) -> Path:
    """Fetch a file into an empty folder and return its path, unzipped.

    Length, CRC32C and MD5 are checked where the storage announces them.

    Raises:
        ServiceError: It could not be fetched, or what arrived is damaged or not the requested file.
    """
    arrived = folder / "arrived"
    call(session, partial(_fetch, session, _request_one(session, name), arrived, name))
    if not zipfile.is_zipfile(arrived):
        return arrived.replace(folder / name)
    return _unpack(arrived, folder / name)


def download_all(session: KaggleSession, folder: Path) -> Path:
    """Fetch all files into an empty folder and return the path of the archive that holds them.

    Length, CRC32C and MD5 are checked where the storage announces them.

    Raises:
        ServiceError: It could not be fetched, or what arrived is damaged or no archive.
    """
    arrived = folder / f"{session.competition}.zip"
    call(session, partial(_fetch, session, _request_all(session), arrived, f"The archive of {session.competition}"))
    if not zipfile.is_zipfile(arrived):
        raise ServiceError(f"What Kaggle sent for {session.competition} is not an archive: try again.")
    return arrived


def _request_one(session: KaggleSession, name: str) -> _Request:
    from kagglesdk.competitions.types.competition_api_service import ApiDownloadDataFileRequest

    request: Any = ApiDownloadDataFileRequest()
    request.competition_name, request.file_name = session.competition, name
    return lambda client: client.download_data_file(request)


def _request_all(session: KaggleSession) -> _Request:
    from kagglesdk.competitions.types.competition_api_service import ApiDownloadDataFilesRequest

    request: Any = ApiDownloadDataFilesRequest()
    request.competition_name = session.competition
    return lambda client: client.download_data_files(request)


def _fetch(session: KaggleSession, request: _Request, target: Path, name: str) -> None:
    target.unlink(missing_ok=True)
    with session.api.build_kaggle_client() as client:
        answer = request(client.competitions.competition_api_client)
        session.api.download_file(answer, str(target), client.http_client(), quiet=True, resume=False)
    _require_undamaged(target, answer.headers, name)


def _require_undamaged(path: Path, headers: Mapping[str, str], name: str) -> None:
    """Compare a file with what Google's storage announced for the object it stores.

    Source: https://cloud.google.com/storage/docs/xml-api/reference-headers (x-goog-hash).
    """
    encodings = {headers.get("Content-Encoding"), headers.get("x-goog-stored-content-encoding")}
    if encodings - {None, "", "identity"}:
        return  # the announced values are those of the compressed object
    length = headers.get("x-goog-stored-content-length", "")
    if length.isdigit() and int(length) != path.stat().st_size:
        raise DamagedDownloadError(
            f"{name} arrived with {path.stat().st_size:,} bytes of {int(length):,}: run the download again."
        )
    announced = dict(part.strip().split("=", 1) for part in headers.get("x-goog-hash", "").split(",") if "=" in part)
    for method, digest in _digests(path).items() if announced else ():
        if announced.get(method, digest) != digest:
            raise DamagedDownloadError(
                f"{name} arrived damaged (its {method.upper()} is not the announced one): run the download again."
            )


def _digests(path: Path) -> dict[str, str]:
    import google_crc32c

    crc32c, md5 = google_crc32c.Checksum(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            crc32c.update(block)
            md5.update(block)
    return {"crc32c": base64.b64encode(crc32c.digest()).decode(), "md5": base64.b64encode(md5.digest()).decode()}


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
