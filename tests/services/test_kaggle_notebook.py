"""In a notebook on Kaggle: its mounted files, its token, and kagglehub, which attaches what is not mounted yet."""

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import competitions
import pytest
from kaggle_server import KaggleServer
from listeners import KEY, Told
from local_kaggle import forget_kaggle
from small_version import SLUG, TRAIN

from pipeline.contracts import Version
from pipeline.inspection import datasets
from pipeline.publishing import competition_files
from pipeline.services import kaggle, kaggle_credentials
from pipeline.services.calls import Patience
from pipeline.store import submissions
from pipeline.store.home import Home


@pytest.fixture
def mounted(tmp_path: Path, kaggle_site: KaggleServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The input folder of a notebook, with the variables that Kaggle sets there."""
    folder = tmp_path / "input"
    folder.mkdir()
    token = tmp_path / "token"
    token.write_text(f"{KEY}\n")
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(folder))
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("KAGGLE_API_V1_TOKEN", str(token))
    kaggle_site.token_user = "somebody"
    forget_kaggle()
    return folder


def put(competition: competitions.Competition, folder: Path) -> Path:
    for name, content in competition.files.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_the_notebooks_own_token_is_used(mounted: Path, kaggle_site: KaggleServer, patience: Patience) -> None:
    assert "which an environment variable names" in str(kaggle_credentials.source())
    assert KEY in kaggle_credentials.secrets()
    assert kaggle.entries(kaggle.connect("trees", patience)) == []


@pytest.mark.parametrize("inside", ["", "competitions"])
def test_mounted_files_are_read_where_they_are(
    home: Home, champion: Version, mounted: Path, kaggle_site: KaggleServer, call, inside: str
) -> None:
    competition = competitions.shuffled_pixels()
    competition.serve(kaggle_site)
    folder = put(competition, mounted / inside / competition.name)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    call("kaggle", "submit", "--competition", competition.name)
    assert [record.status for record in submissions.read(home)] == ["complete"]
    assert len(datasets.load(home, f"kaggle:{competition.name}", name=None, data_dir=None, notify=print)) == 500
    assert not home.competition(competition.name).exists()
    assert not any("Download" in name for name in kaggle_site.calls)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_archives_among_mounted_files_are_unpacked_into_the_home(
    home: Home, mounted: Path, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    competition = competitions.listed_pictures()
    folder = put(competition, mounted / competition.name)
    (folder / "more.7z").write_bytes(b"7z")
    own = home.competition(competition.name)
    assert competition_files.present(home, competition.name, patience, told) == own
    assert "Unpacking the archives" in told
    assert "more.7z is an archive that is not unpacked here" in told
    assert sorted(path.name for path in folder.iterdir()) == sorted([*competition.files, "more.7z"])
    assert len(list(own.rglob("*.png"))) == 120
    told.sentences.clear()
    competition_files.download(home, competition.name, patience, told)
    assert "Unpacking" not in told
    assert kaggle_site.calls == []


@pytest.fixture
def digit_recognizer(competition: KaggleServer) -> competitions.Competition:
    """The competition whose files are known in advance, as the server has it."""
    return competitions.Competition(SLUG, dict(competition.files), competition.header, competition.truth)


def test_mounted_files_of_the_known_competition_are_never_fetched(
    home: Home,
    mounted: Path,
    digit_recognizer: competitions.Competition,
    kaggle_site: KaggleServer,
    patience: Patience,
    told: Told,
    call,
) -> None:
    folder = put(digit_recognizer, mounted / SLUG)
    assert f"{folder / 'train.csv'}: {TRAIN} rows, there already" in call("kaggle", "download")
    assert competition_files.present(home, SLUG, patience, told) == folder
    assert kaggle_site.calls == []
    assert not home.competition(SLUG).exists()
    assert "fetched" in call("kaggle", "download", "--force")
    assert sorted(path.name for path in home.competition(SLUG).iterdir()) == sorted(digit_recognizer.files)


def test_a_mounted_folder_that_lacks_a_known_file_is_not_used(
    home: Home,
    mounted: Path,
    digit_recognizer: competitions.Competition,
    kaggle_site: KaggleServer,
    patience: Patience,
    told: Told,
) -> None:
    (put(digit_recognizer, mounted / SLUG) / "test.csv").unlink()
    assert competition_files.present(home, SLUG, patience, told) == home.competition(SLUG)
    assert sorted(path.name for path in home.competition(SLUG).iterdir()) == sorted(digit_recognizer.files)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What kagglehub asks in a notebook to have a competition attached; the answer is ``result``, or an error."""
    asked: dict[str, Any] = {"slugs": [], "result": {}, "attach": lambda: None}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked["slugs"].append(request["competitionRef"]["CompetitionSlug"])
            asked["attach"]()
            answer = {"wasSuccessful": bool(asked["result"]), "result": asked["result"], "error": f"secret {KEY}"}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    # Only this address is reached directly; everything else goes to the server that stands in for Kaggle.
    monkeypatch.setenv("no_proxy", f"localhost:{server.server_port}")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_URL", f"http://localhost:{server.server_port}")
    monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", "a-jwt")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_TOKEN", KEY)
    yield asked
    server.shutdown()
    server.server_close()


def test_kagglehub_attaches_what_is_not_mounted(
    home: Home, mounted: Path, proxy: dict[str, Any], kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    pytest.importorskip("kagglehub")
    competition = competitions.shuffled_pixels()
    proxy["result"] = {"mountSlug": competition.name}
    proxy["attach"] = lambda: put(competition, mounted / competition.name)
    files = competition_files.download(home, competition.name, patience, told)
    assert proxy["slugs"] == [competition.name]
    assert {file.path.parent for file in files} == {mounted / competition.name}
    assert kaggle_site.calls == []
    assert competition_files.present(home, competition.name, patience, told) == mounted / competition.name
    assert len(proxy["slugs"]) == 1


def test_kagglehub_attaches_the_known_competition(
    home: Home,
    mounted: Path,
    proxy: dict[str, Any],
    digit_recognizer: competitions.Competition,
    kaggle_site: KaggleServer,
    patience: Patience,
    told: Told,
) -> None:
    pytest.importorskip("kagglehub")
    proxy["result"] = {"mountSlug": SLUG}
    proxy["attach"] = lambda: put(digit_recognizer, mounted / SLUG)
    assert competition_files.present(home, SLUG, patience, told) == mounted / SLUG
    assert competition_files.present(home, SLUG, patience, told) == mounted / SLUG
    assert proxy["slugs"] == [SLUG]
    assert kaggle_site.calls == []


def test_the_client_fetches_what_kagglehub_does_not_attach(
    home: Home,
    mounted: Path,
    proxy: dict[str, Any],
    kaggle_site: KaggleServer,
    patience: Patience,
    told: Told,
) -> None:
    pytest.importorskip("kagglehub")
    competition = competitions.shuffled_pixels()
    competition.serve(kaggle_site)
    competition_files.download(home, competition.name, patience, told)
    assert "could not be attached to this notebook" in told
    assert "add it there with Add Input" in told
    assert KEY not in str(told.sentences)
    assert home.competition(competition.name).exists()


def test_without_kagglehub_the_client_fetches(
    home: Home, mounted: Path, kaggle_site: KaggleServer, patience: Patience, told: Told, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    competition = competitions.shuffled_pixels()
    competition.serve(kaggle_site)
    competition_files.download(home, competition.name, patience, told)
    assert home.competition(competition.name).exists()
    shutil.rmtree(mounted)
    assert competition_files.present(home, competition.name, patience, told) == home.competition(competition.name)
