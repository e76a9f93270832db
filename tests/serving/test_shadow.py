"""A challenger beside the champion: it answers nobody, and its disagreements go to review."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from kept import CHALLENGER, CHAMPION, DATASET, add_challenger, as_json, growing_home, images
from served import get_json, running, wait_until

from pipeline.errors import SettingsError
from pipeline.growing import quarantine
from pipeline.serving.app import create_app
from pipeline.serving.keeping import Keeping
from pipeline.store import versions
from pipeline.store.home import Home
from pipeline.store.served_upkeep import Limits


@pytest.fixture
def home(home: Home) -> Iterator[Home]:
    growing_home(home)
    add_challenger(home, winner=3)
    return home


def shadowing(home: Home, notes: list[str]) -> TestClient:
    keeping = Keeping(Limits(10_000, 30), shadow=versions.find(home, CHALLENGER))
    return TestClient(create_app(home, keeping=keeping, notify=notes.append))


def test_the_champion_answers_and_disagreements_wait_for_review(home: Home) -> None:
    notes: list[str] = []
    with shadowing(home, notes) as client:
        answer = client.post("/predict", json=as_json(images(100))).json()
        assert answer["version"] == CHAMPION
        assert {prediction["label"] for prediction in answer["predictions"]} == {"7"}
        wait_until(lambda: "shadow_predictions_total 100.0" in client.get("/metrics").text, "the challenger predicts")
        wait_until(lambda: len(quarantine.waiting(home.datasets / DATASET)) == 100, "disagreements are queued")
        assert "shadow_disagreements_total 100.0" in client.get("/metrics").text
    entry = quarantine.waiting(home.datasets / DATASET)[0]
    assert (entry.cause, entry.selection, entry.label) == (quarantine.SHADOW, "doubtful", quarantine.NO_LABEL)
    assert [(one.version, one.classes[0]) for one in entry.opinions] == [(CHAMPION, "7"), (CHALLENGER, "3")]
    assert notes == []


def test_a_challenger_that_dies_is_said_once_and_the_champion_serves_on(home: Home) -> None:
    notes: list[str] = []
    with shadowing(home, notes) as client:
        client.post("/predict", json=as_json(images(1)))
        wait_until(lambda: "shadow_predictions_total 1.0" in client.get("/metrics").text, "the challenger predicts")
        (challenger,) = multiprocessing.active_children()
        challenger.kill()
        for _ in range(3):
            assert client.post("/predict", json=as_json(images(1))).status_code == 200
        wait_until(lambda: len(notes) == 1, "the end is said")
        wait_until(lambda: "shadow_skipped_total 0.0" not in client.get("/metrics").text, "what it misses is counted")
    assert len(notes) == 1
    assert CHALLENGER in notes[0]


@pytest.mark.slow
def test_a_killed_server_leaves_no_challenger_behind(home: Home) -> None:
    server = running(home, "--log", "--shadow", CHALLENGER)
    with server as address:
        wait_until(lambda: get_json(f"{address}/readyz") is not None, "the champion serves")
        wait_until(lambda: len(children(server.process.pid)) >= 1, "the challenger runs")
        started = children(server.process.pid)
        server.process.kill()
        server.process.wait()
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in started), "the challenger ends")


@pytest.mark.parametrize("options", [["--shadow", CHALLENGER], ["--audit", "0.1"]])
def test_what_keeps_images_needs_the_log(home: Home, options: list[str]) -> None:
    from pipeline.cli.serve_command import serve

    named = dict(zip((name.removeprefix("--") for name in options[::2]), options[1::2], strict=True))
    with pytest.raises(SettingsError, match="--log as well"):
        serve(home=home.root, audit=float(named.get("audit", 0)), shadow=named.get("shadow"))


def children(parent: int) -> list[int]:
    """Return the processes that a process started, which are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append(int(entry.name))
    return found
