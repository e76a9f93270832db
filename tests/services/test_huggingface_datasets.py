"""The Hub's own client against a small Hub on loopback."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ServiceError
from pipeline.services import huggingface_datasets

COMMIT = "c" * 40
FILES = {"data/train-00000-of-00001.parquet": b"PAR1 train", "README.md": b"# Shapes"}


class _Hub(BaseHTTPRequestHandler):
    """One dataset, ``someone/shapes``: its description, and its files."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/datasets/someone/shapes/revision/"):
            siblings = [{"rfilename": name} for name in FILES]
            self._send(200, json.dumps({"id": "someone/shapes", "sha": COMMIT, "siblings": siblings}).encode(), body)
            return
        if path.startswith("/api/datasets/someone/shapes/tree/"):
            tree = [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in FILES.items()]
            self._send(200, json.dumps(tree).encode(), body)
            return
        name = path.removeprefix(f"/datasets/someone/shapes/resolve/{COMMIT}/")
        if name in FILES:
            etag = hashlib.sha1(FILES[name], usedforsecurity=False).hexdigest()
            self._send(200, FILES[name], body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
            return
        self._send(404, b'{"error": "Repository not found"}', body, {"X-Error-Code": "RepoNotFound"})

    def _send(self, status: int, content: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *values: Any) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield url
    server.shutdown()
    server.server_close()


def test_the_parquet_files_of_a_dataset_are_downloaded_and_nothing_else(hub: str, tmp_path: Path) -> None:
    huggingface_datasets.download("someone/shapes", tmp_path / "here")

    found = {
        path.relative_to(tmp_path / "here").as_posix(): path.read_bytes()
        for path in (tmp_path / "here").rglob("*")
        if path.is_file() and ".cache" not in path.parts
    }
    assert found == {"data/train-00000-of-00001.parquet": b"PAR1 train"}


def test_a_dataset_that_is_not_there_is_one_sentence(hub: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"no dataset someone/nothing that this token can see"):
        huggingface_datasets.download("someone/nothing", tmp_path / "here")


def test_a_name_that_is_none_is_one_sentence(hub: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="give hf:owner/name"):
        huggingface_datasets.download("some one/../shapes", tmp_path / "here")


def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="could not be downloaded from Hugging Face"):
        huggingface_datasets.download("someone/shapes", tmp_path / "here")
