"""What a hostile or clumsy client can do to a running server: it is refused in JSON, and nobody else waits."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fastapi.testclient import TestClient
from served import Promote, constant_onnx, get_json, running, wait_until, write_version

from pipeline.serving.app import create_app
from pipeline.store.home import Home

GREY = (28, 28, 1)
MIB = 2**20
SHORT = (
    "from pipeline.serving import bodies, http_protocol\n"
    "bodies.BODY_SECONDS = bodies.QUEUE_SECONDS = http_protocol.HEAD_SECONDS = 0.5\n"
)


@pytest.fixture
def served_home(home: Home, promote: Promote) -> Home:
    promote(constant_onnx(GREY, 3), "20261121-100000-cnn-600-aaaa")
    return home


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def head(length: int | None, kind: str = "application/json") -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """The status and JSON of all that comes until the server closes."""
    content = b""
    while part := connection.recv(65_536):
        content += part
    lines, _, body = content.partition(b"\r\n\r\n")
    assert b"application/json" in lines.lower(), content
    return int(lines.split()[1]), json.loads(body)


HALF = {
    "nothing": (b"", 408, "head did not arrive"),
    "half a head": (b"GET / HTTP/1.1\r\nHost: loc", 408, "head did not arrive"),
    "half a body": (head(100) + b"{", 408, "body did not arrive"),
    "half a large body": (head(MIB) + b"{", 408, "body did not arrive"),
    "half a body of unknown length": (head(None) + b"1\r\n{\r\n", 408, "body did not arrive"),
    "half a form": (head(100, "multipart/form-data; boundary=b") + b"--b\r\n", 408, "body did not arrive"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "not a valid HTTP request"),
    "no such version": (b"GET / HTTP/9.9\r\n\r\n", 400, "not a valid HTTP request"),
    "no host": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "host name"),
    "another host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400, "host name"),
    "more than is taken": (head(17 * MIB), 413, "at most 16 MiB"),
}


@pytest.mark.slow
def test_half_sent_and_malformed_requests_are_closed_with_a_sentence(served_home: Home) -> None:
    with running(served_home, before=SHORT) as address:
        for name, (sent, status, words) in HALF.items():
            with connect(address) as connection:
                connection.sendall(sent)
                found, reply = answer(connection)
            assert (found, words in reply["detail"]) == (status, True), (name, found, reply)
        with connect(address) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200"), "the first of two on one connection"
            assert answer(connection)[0] == 408, "the second never ends"


@pytest.mark.slow
def test_forty_open_uploads_hold_little_memory_and_stop_nobody(served_home: Home) -> None:
    server = running(served_home)
    with server as address:
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        uploads = [connect(address) for _ in range(40)]
        senders = [threading.Thread(target=_send_almost_all, args=(upload,)) for upload in uploads]
        for sender in senders:
            sender.start()
        time.sleep(2)

        assert get_json(f"{address}/healthz")["status"] == "ok"
        small = json.dumps({"images": [[[0] * 28] * 28]}).encode()
        with connect(address) as connection:
            connection.sendall(head(len(small)) + small)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200"), "small requests do not wait"
        assert process.memory_info().rss - before < 150 * MIB
        for upload in uploads:
            upload.close()
        for sender in senders:
            sender.join(20)


def _send_almost_all(upload: socket.socket) -> None:
    with contextlib.suppress(OSError):
        upload.sendall(head(15 * MIB) + b" " * (15 * MIB - 1))


def test_an_upload_that_is_broken_off_leaves_no_traceback(served_home: Home) -> None:
    server = running(served_home)
    with server as address:
        for kind in ("application/json", "multipart/form-data; boundary=b"):
            with connect(address) as connection:
                connection.sendall(head(3 * MIB, kind) + b"--b\r\n" + b"x" * MIB)
        wait_until(lambda: get_json(f"{address}/healthz") is not None, "the server answers")
        wait_until(lambda: 'status="400"' in _metrics(address), "the broken uploads are counted")
        assert server.logged() == ""


def _metrics(address: str) -> str:
    with connect(address) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        content = b""
        while part := connection.recv(65_536):
            content += part
    return content.decode()


@pytest.mark.parametrize("ranges", ["bytes=x", "bytes=9-1", "bytes=99999999-", "lines=1-2"])
def test_a_bad_range_is_refused_in_json(served_home: Home, ranges: str) -> None:
    path = "/static/main.js"
    with TestClient(create_app(served_home)) as client:
        reply = client.get(path, headers={"range": ranges})
        assert reply.status_code in {400, 416}
        assert reply.json()["detail"].endswith(".")
        assert client.get(path, headers={"range": "bytes=0-4"}).status_code == 206


def _empty_list(folder: Path) -> None:
    (folder / "scores.json").write_text("[]")


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("null")


def _no_verdict(folder: Path) -> None:
    (folder / "verdict.json").write_text("7")


@pytest.mark.parametrize("spoil", [_empty_list, _no_manifest, _no_verdict])
def test_whatever_is_damaged_on_disk_is_answered_in_json(home: Home, spoil: Callable[[Path], None]) -> None:
    spoil(write_version(home, "20261121-090000-cnn-600-cccc", constant_onnx(GREY, 1), "mnist", GREY))
    with TestClient(create_app(home), raise_server_exceptions=False) as client:
        for path in ("/versions", "/production", "/readyz"):
            reply = client.get(path)
            assert reply.headers["content-type"] == "application/json"
            assert reply.status_code == 200 or reply.json()["detail"].endswith(".")


def test_a_fault_of_the_server_is_answered_in_json(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_home: Home) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("pipeline.store.versions.list_versions", fail)
    with TestClient(create_app(home), raise_server_exceptions=False) as client:
        reply = client.get("/versions")
    assert (reply.status_code, "log" in reply.json()["detail"]) == (500, True)
