"""Servers on loopback for the real clients; each fixture first proves that its client can reach nothing else."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import small_version
from competitions import Competition, score_by
from kaggle_server import KaggleServer
from listeners import KEY, Naps, Told
from local_kaggle import assert_local, forget_kaggle
from real_outputs import Outputs, real_outputs
from small_version import CLASSES, TRAIN, csv_of, digits, publish, unseen_images, unseen_labels
from typer.testing import CliRunner

from pipeline.application import Application
from pipeline.cli import app
from pipeline.contracts import Submission, UnlabelledImages, Version
from pipeline.facts import competition as competition_facts
from pipeline.facts.competition import numbered_form
from pipeline.publishing.entry import Entry
from pipeline.publishing.submitter import Request
from pipeline.services.calls import Patience
from pipeline.store import production
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
PROXIES = ("HTTP_PROXY", "http_proxy")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def patience(naps: Naps) -> Patience:
    return Patience(limit_seconds=30, attempts=3, pause_seconds=1, poll_seconds=1, sleep=naps)


@pytest.fixture
def kaggle_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """A server, and a Kaggle client that talks to it and to nobody else; its files are smaller than the real ones."""
    small = dataclasses.replace(competition_facts.DIGIT_RECOGNIZER, rows={})
    monkeypatch.setitem(competition_facts.KNOWN, small_version.SLUG, small)
    server = KaggleServer()
    server.truth = [CLASSES[label] for label in unseen_labels()]
    for name in PROXIES:
        monkeypatch.setenv(name, server.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    forget_kaggle()
    assert_local()
    yield server
    server.close()
    forget_kaggle()


@pytest.fixture
def serve(kaggle_site: KaggleServer) -> Callable[[Competition], Competition]:
    """Makes the server offer a competition."""

    def start(competition: Competition) -> Competition:
        competition.serve(kaggle_site)
        kaggle_site.score = lambda rows: score_by(competition.metric, competition, rows)
        return competition

    return start


@pytest.fixture
def competition(kaggle_site: KaggleServer) -> KaggleServer:
    """The server with a small competition in Kaggle's form: 8 x 8 digits."""
    images, labels = digits()
    ids = "".join(f"{number},0\n" for number in range(1, len(unseen_images()) + 1))
    kaggle_site.files = {
        "train.csv": csv_of(images[:TRAIN], labels[:TRAIN]),
        "test.csv": csv_of(unseen_images()),
        "sample_submission.csv": b"ImageId,Label\n" + ids.encode(),
    }
    kaggle_site.polls_until_scored = 0
    return kaggle_site


@pytest.fixture
def champion(home: Home) -> Version:
    return publish(home)


@pytest.fixture
def test_set() -> UnlabelledImages:
    images = unseen_images()
    return UnlabelledImages("a test set", images, tuple(str(n) for n in range(1, len(images) + 1)))


@pytest.fixture
def entry(test_set: UnlabelledImages) -> Entry:
    """digit-recognizer, smaller than it is."""
    return Entry(small_version.SLUG, numbered_form(test_set.ids))


@pytest.fixture
def submission(home: Home, champion: Version, test_set: UnlabelledImages) -> Submission:
    """What the champion predicts, in a file."""
    deployment = production.current(home, "digits")
    assert deployment is not None
    return Application(deployment).run(test_set, home.metric_results / "submission.csv")


@pytest.fixture
def request_(champion: Version, submission: Submission, test_set: UnlabelledImages, entry: Entry) -> Request:
    return Request(champion, submission, test_set, entry)


@pytest.fixture(scope="session")
def outputs(mnist_folder: Path) -> Outputs:
    """What a real model says of real digits."""
    return real_outputs(mnist_folder)


@pytest.fixture
def call(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a command in a folder of its own; returns what it printed, raises its error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, "--home", str(home.root)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return " ".join(result.output.split())

    return run


@pytest.fixture
def debugged(home: Home) -> Callable[..., str]:
    """All that a command which fails prints with ``--debug``, its traceback included."""

    def of(*words: str) -> str:
        command = [sys.executable, ROOT / "simulator.py", *words, "--debug", "--home", home.root]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        return done.stdout + done.stderr

    return of
