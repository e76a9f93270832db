"""Commands and webhooks that hear of events."""

import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pipeline.errors import SettingsError
from pipeline.growing import announcing
from pipeline.growing.announcing import Listeners, emit, event
from pipeline.services import webhook
from pipeline.services.calls import Patience
from pipeline.store import watch_records
from pipeline.store.home import Home

KEEP = "import os, sys; open(sys.argv[1], 'w').write(os.environ['PIPELINE_EVENT'] + ' ' + sys.stdin.read())"
QUICK = Patience(limit_seconds=3, attempts=3, pause_seconds=0.01)


class Receiver(BaseHTTPRequestHandler):
    """Answers as it is told, and keeps what it got."""

    def do_POST(self) -> None:
        self.server.got.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))  # type: ignore[attr-defined]
        status = self.server.answers.pop(0) if self.server.answers else 200  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("location", "/elsewhere")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 the name is the protocol's

    def log_message(self, *words: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.answers = [], []
    server.address = f"http://127.0.0.1:{server.server_port}/hook/s3cret?key=t0ken"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook.post, "__defaults__", (QUICK,))


def python(code: str, *words: str) -> Listeners:
    return Listeners((sys.executable, "-c", code, *words))


def test_a_command_gets_the_name_in_its_environment_and_the_event_as_json(home: Home, tmp_path: Path) -> None:
    sentence = "A class is called $(touch owned); `touch owned` && \x1b[31m"
    happened = event("promotion", "letters", sentence, version="v-1")
    recorded = emit(home, happened, python(KEEP, str(tmp_path / "got")))

    name, _, content = (tmp_path / "got").read_text().partition(" ")
    assert name == "promotion"
    assert content.endswith("}\n"), "one line an event, for programs that read lines"
    got = json.loads(content)
    assert got == {**got, "kind": "promotion", "dataset": "letters", "details": {"version": "v-1"}}
    assert got["sentence"] == sentence.replace("\x1b", "\\x1b")
    assert recorded.problem == ""
    assert watch_records.events(home, "letters") == [recorded]
    assert not list(tmp_path.rglob("owned"))


def test_words_of_a_command_are_split_as_a_shell_would_and_nothing_else_of_it_is_a_shell(tmp_path: Path) -> None:
    assert Listeners.of("notify 'two words' $HOME;ls", None).command == ("notify", "two words", "$HOME;ls")


@pytest.mark.parametrize(
    ("command", "address"),
    [("a 'b", None), (" ", None), (None, "file:///etc/passwd"), (None, "https://"), (None, "http://a b/"), (None, "x")],
)
def test_a_listener_that_cannot_be_called_is_refused_at_once(command: str | None, address: str | None) -> None:
    with pytest.raises(SettingsError) as refusal:
        Listeners.of(command, address)
    assert str(refusal.value).startswith("--webhook takes" if address else "--on-event ")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise SystemExit(3)", "The event command ended with status 3."),
        ("import time; time.sleep(60)", "The event command was killed after 0.5 s."),
    ],
)
def test_a_command_that_fails_or_hangs_is_recorded_and_stops_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, code: str, problem: str
) -> None:
    monkeypatch.setattr(announcing, "COMMAND_SECONDS", 0.5)
    started = time.monotonic()
    assert emit(home, event("trouble", "letters", "The disk is full."), python(code)).problem == problem
    assert time.monotonic() - started < 30


def test_a_command_that_does_not_exist_is_recorded(home: Home) -> None:
    found = emit(home, event("drift", "letters", "Images look different."), Listeners(("/nowhere/at-all",)))
    assert found.problem == "The event command could not be started: No such file or directory."


def test_what_is_no_news_is_recorded_and_announced_to_nobody(home: Home, tmp_path: Path) -> None:
    emit(home, event("batch", "letters", "12 images arrived."), python(KEEP, str(tmp_path / "got")))
    assert not (tmp_path / "got").exists()
    assert [one.kind for one in watch_records.events(home, "letters")] == ["batch"]


def test_a_webhook_gets_the_same_json(home: Home, receiver: Any) -> None:
    happened = event("refusal", "letters", "It was refused.", version="v-2")
    emit(home, happened, Listeners(webhook=receiver.address))
    ((path, content),) = receiver.got
    assert path == "/hook/s3cret?key=t0ken"
    assert content == happened.model_dump(mode="json", exclude={"problem"})


def test_a_webhook_that_is_busy_is_tried_again(home: Home, receiver: Any, quick: None) -> None:
    receiver.answers = [503, 429]
    assert emit(home, event("refusal", "letters", "No."), Listeners(webhook=receiver.address)).problem == ""
    assert len(receiver.got) == 3


@pytest.mark.parametrize(("answer", "tries"), [(404, 1), (302, 1), (500, 3)])
def test_a_webhook_that_refuses_is_recorded_without_its_address(
    home: Home, receiver: Any, quick: None, answer: int, tries: int
) -> None:
    receiver.answers = [answer] * 9
    found = emit(home, event("refusal", "letters", "No."), Listeners(webhook=receiver.address))
    assert found.problem == f"The webhook answered with status {answer}."
    assert len(receiver.got) == tries, "and nobody follows a redirection"


def test_a_webhook_that_nobody_answers_is_recorded_without_its_address(home: Home, quick: None) -> None:
    found = emit(home, event("refusal", "letters", "No."), Listeners(webhook="http://127.0.0.1:9/s3cret?key=t0ken"))
    assert found.problem.startswith("The webhook could not be reached: ")
    assert "s3cret" not in found.problem and "t0ken" not in found.problem
