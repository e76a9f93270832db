"""A competition's files: as they are, zipped, damaged, cut off."""

import base64
import dataclasses
import hashlib
import io
import zipfile

import google_crc32c
import pytest
from faults import cut, reply, slow
from kaggle_server import KaggleServer
from listeners import KEY, Told

from pipeline.errors import DataError, PipelineError, ServiceError
from pipeline.facts.competition import DIGIT_RECOGNIZER, KNOWN
from pipeline.publishing import competition_files
from pipeline.services.calls import Patience
from pipeline.store.home import Home

PIXELS = ",".join(f"pixel{n}" for n in range(4))
TRAIN = f"label,{PIXELS}\n1,0,1,2,3\n2,4,5,6,7\n3,8,9,10,255\n".encode()
TEST = f"{PIXELS}\n0,1,2,3\n4,5,6,7\n".encode()
SAMPLE = b"ImageId,Label\n1,0\n2,0\n"
SLUG = "digit-recognizer"


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def site(kaggle_site: KaggleServer) -> KaggleServer:
    kaggle_site.files = {"train.csv": TRAIN, "test.csv": TEST, "sample_submission.csv": SAMPLE}
    return kaggle_site


def as_zip_by_name(site: KaggleServer) -> None:
    for name in list(site.files):
        site.names[name] = f"{name}.zip"
        site.files[f"{name}.zip"] = zipped(name, site.files.pop(name))


def as_zip_under_a_false_name(site: KaggleServer) -> None:
    site.files = {name: zipped(name, content) for name, content in site.files.items()}


FORMS = {"plain": lambda site: None, "zip": as_zip_by_name, "zip under a false name": as_zip_under_a_false_name}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_three_files_arrive_whole_and_alone(home: Home, site: KaggleServer, patience: Patience, told: Told, form):
    form(site)
    files = competition_files.download(home, SLUG, patience, told)
    folder = home.data / "kaggle" / SLUG
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "train.csv": TRAIN,
        "test.csv": TEST,
        "sample_submission.csv": SAMPLE,
    }
    assert {file.path.name: (file.rows, file.fetched) for file in files} == {
        "train.csv": (3, True),
        "test.csv": (2, True),
        "sample_submission.csv": (2, True),
    }


def test_what_is_there_and_whole_is_not_fetched_again_unless_forced(
    home: Home, site: KaggleServer, patience: Patience, told: Told
) -> None:
    competition_files.download(home, SLUG, patience, told)
    (home.data / "kaggle" / SLUG / "test.csv").write_bytes(TEST[:-3])
    site.calls.clear()
    competition_files.download(home, SLUG, patience, told)
    assert site.calls == ["DownloadDataFile", "file"]
    competition_files.download(home, SLUG, patience, told, force=True)
    assert site.calls.count("file") == 4


BROKEN = {
    "not there": (None, ServiceError, "does not know the competition"),
    "a damaged archive": (zipped("train.csv", TRAIN * 50)[:-60], DataError, "train.csv"),
    "an archive of something else": (zipped("other.csv", TRAIN), ServiceError, "no usable train.csv"),
    "cut off in a row": (TRAIN[:-12], DataError, "row 4"),
    "a page instead": (
        b"<html>sign in</html>",
        DataError,
        "train.csv, as Kaggle sent it, has no columns of pixels.*<html>sign",
    ),
    "empty": (b"", DataError, "empty"),
}


@pytest.mark.parametrize(("content", "kind", "words"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_usable_never_replaces_anything(
    home: Home, site: KaggleServer, patience: Patience, told: Told, content, kind, words
) -> None:
    competition_files.download(home, SLUG, patience, told)
    if content is None:
        del site.files["train.csv"]
    else:
        site.files["train.csv"] = content
    with pytest.raises(kind, match=words):
        competition_files.download(home, SLUG, patience, told, force=True)
    folder = home.data / "kaggle" / SLUG
    assert (folder / "train.csv").read_bytes() == TRAIN
    assert sorted(path.name for path in folder.iterdir()) == ["sample_submission.csv", "test.csv", "train.csv"]


def test_test_images_and_sample_must_belong_together(
    home: Home, site: KaggleServer, patience: Patience, told: Told
) -> None:
    site.files["sample_submission.csv"] = b"ImageId,Label\n1,0\n"
    with pytest.raises(DataError, match=r"2 images and sample_submission.csv asks for 1"):
        competition_files.download(home, SLUG, patience, told)


def half_then_cut(handler) -> None:
    content = handler.kaggle.files["train.csv"]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    cut(handler)


def test_a_connection_cut_in_the_middle_of_a_file_is_resumed(
    home: Home, site: KaggleServer, patience: Patience, told: Told
) -> None:
    site.faults["file"] = [half_then_cut]
    competition_files.download(home, SLUG, patience, told)
    assert (home.data / "kaggle" / SLUG / "train.csv").read_bytes() == TRAIN


def headers_of(crc32c: bool, md5: bool, length: bool):
    """What Google's storage says of the object it stores."""

    def headers(content: bytes) -> dict[str, str]:
        crc = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
        hashes = [f"crc32c={crc}"] if crc32c else []
        hashes += [f"md5={base64.b64encode(hashlib.md5(content).digest()).decode()}"] if md5 else []
        said = {"x-goog-hash": ",".join(hashes)} if hashes else {}
        return said | ({"x-goog-stored-content-length": str(len(content))} if length else {})

    return headers


ANNOUNCED = {
    "CRC32C": headers_of(crc32c=True, md5=False, length=False),
    "MD5": headers_of(crc32c=False, md5=True, length=False),
    "both": headers_of(crc32c=True, md5=True, length=False),
    "the stored length": headers_of(crc32c=False, md5=False, length=True),
}


def cut_at_a_line_end(handler) -> None:
    """Half of the lines, without a length: the end of the connection looks like the end of the file."""
    content = handler.kaggle.files["train.csv"]
    handler.send_response(200)
    for name, value in handler.kaggle.storage_headers(content).items():
        handler.send_header(name, value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b"".join(content.splitlines(keepends=True)[:3]))
    handler.close_connection = True


@pytest.mark.parametrize("headers", ANNOUNCED.values(), ids=ANNOUNCED)
def test_a_file_cut_at_a_line_end_is_fetched_again(
    home: Home, site: KaggleServer, patience: Patience, told: Told, headers
) -> None:
    site.storage_headers = headers
    site.faults["file"] = [cut_at_a_line_end]
    competition_files.download(home, SLUG, patience, told)
    assert (home.data / "kaggle" / SLUG / "train.csv").read_bytes() == TRAIN
    assert site.calls.count("file") == 4

    site.faults["file"] = [cut_at_a_line_end] * 9
    with pytest.raises(ServiceError, match=r"train.csv arrived (damaged|with)"):
        competition_files.download(home, SLUG, patience, told, force=True)


def test_hashes_of_what_is_stored_compressed_are_not_those_of_what_arrives(
    home: Home, site: KaggleServer, patience: Patience, told: Told
) -> None:
    site.storage_headers = lambda content: {
        "x-goog-hash": "md5=AAAAAAAAAAAAAAAAAAAAAA==",
        "x-goog-stored-content-encoding": "gzip",
    }
    assert all(file.fetched for file in competition_files.download(home, SLUG, patience, told))


def test_a_known_competition_has_its_known_numbers_of_rows(
    home: Home, site: KaggleServer, patience: Patience, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition_files.download(home, SLUG, patience, told)
    monkeypatch.setitem(KNOWN, SLUG, DIGIT_RECOGNIZER)
    with pytest.raises(DataError, match=r"train.csv, as Kaggle sent it, has 3 rows instead of 42,000: it was cut"):
        competition_files.download(home, SLUG, patience, told)


def test_train_and_test_must_have_images_of_one_size(
    home: Home, site: KaggleServer, patience: Patience, told: Told
) -> None:
    site.files["test.csv"] = b"pixel0\n1\n2\n"
    with pytest.raises(DataError, match=r"train.csv has images of 2 x 2 pixels and test.csv of 1 x 1"):
        competition_files.download(home, SLUG, patience, told)


def test_no_sentence_names_a_file_that_is_gone_or_repeats_what_was_sent(
    home: Home, site: KaggleServer, patience: Patience, told: Told
) -> None:
    site.files["train.csv"] = f"<html>{KEY} \x1b[2J".encode()
    with pytest.raises(DataError) as raised:
        competition_files.download(home, SLUG, patience, told)
    assert ".download-" not in str(raised.value)
    assert KEY not in str(raised.value)
    assert "\x1b" not in str(raised.value)


ENDLESS = {
    "always cut": ("file", half_then_cut),
    "silent": ("file", slow(4)),
    "silent at once": ("DownloadDataFile", slow(4)),
}


@pytest.mark.parametrize(("call", "fault"), ENDLESS.values(), ids=ENDLESS)
def test_the_time_limit_holds(home: Home, site: KaggleServer, patience: Patience, told: Told, call, fault) -> None:
    site.faults[call] = [fault] * 99
    with pytest.raises(ServiceError, match="did not answer within the time limit"):
        competition_files.download(home, SLUG, dataclasses.replace(patience, limit_seconds=1), told)


def test_too_many_requests_are_waited_out(home: Home, site: KaggleServer, patience: Patience, naps, told: Told) -> None:
    site.faults["DownloadDataFile"] = [reply(429, {"code": 429, "message": "Slow down"}, {"Retry-After": "5"})]
    competition_files.download(home, SLUG, patience, told)
    assert naps.seconds == [5]


def test_without_credentials_what_is_there_still_serves(
    home: Home, site: KaggleServer, patience: Patience, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition_files.download(home, SLUG, patience, told)
    monkeypatch.delenv("KAGGLE_KEY")
    assert not any(file.fetched for file in competition_files.download(home, SLUG, patience, told))
    with pytest.raises(PipelineError, match="credentials are missing"):
        competition_files.download(home, SLUG, patience, told, force=True)
