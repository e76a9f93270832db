"""``watch`` as a command: how it starts, stops, and what it shows."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_pictures import NAME, Ingest, write_pictures
from typer.testing import CliRunner
from watched import files

from pipeline.cli import app
from pipeline.store import watch_records
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
KEEP = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


@pytest.fixture
def grown(home: Home, pictures: Path, take_in: Ingest) -> Home:
    take_in(pictures)
    return home


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def give(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["watch", *map(str, words)])
    return done.exit_code, done.output + str(done.exception or "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(grown: Home, inbox: Path, number: int) -> None:
    words = ["watch", "--dataset", NAME, "--inbox", inbox, "--every", "1000", "--settle", "0.1", "--home", grown.root]
    started = subprocess.Popen(
        [sys.executable, ROOT / "simulator.py", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        # A process that was started in the background ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (it takes no lock)
    )
    write_pictures(inbox, range(10, 12))
    while not files(inbox / "done"):
        assert started.poll() is None
        time.sleep(0.05)
    started.send_signal(number)
    told, _ = started.communicate(timeout=60)
    assert started.returncode == 0
    assert [line.split()[1] for line in told.splitlines()] == ["started:", "batch:", "stopped:"]
    assert told.endswith("stopped: The watcher was stopped.\n")
    state = watch_records.read_state(grown, NAME)
    assert state is not None and state.doing == "stopped"
    assert not watch_records.is_watched(grown, NAME)


def test_once_takes_in_what_is_there_and_says_by_its_status_whether_all_was_well(
    grown: Home, inbox: Path, tmp_path: Path
) -> None:
    common = ["--dataset", NAME, "--inbox", inbox, "--every", "1000", "--settle", "0.1", "--home", grown.root, "--once"]
    write_pictures(inbox, range(10, 12))
    with watch_records.watching_alone(grown, NAME, inbox):
        assert give(*common) == (0, f"{NAME} is already being watched: there is nothing to do.\n")
    status, shown = give(*common)
    assert status == 0
    assert shown.endswith("stopped: The watcher has looked once and is done.\n")
    (inbox / "note.txt").write_text("hello")
    status, shown = give(*common, "--on-event", shlex.join([sys.executable, "-c", KEEP, str(tmp_path / "told")]))
    assert status == 1
    assert "failed batch" in shown
    assert [json.loads(line)["kind"] for line in (tmp_path / "told").read_text().splitlines()] == ["failed_batch"]


def test_status_shows_what_it_is_doing_and_what_it_did(grown: Home, inbox: Path) -> None:
    assert "No dataset is watched" in give("--status", "--home", grown.root)[1]
    write_pictures(inbox, range(10, 12))
    (inbox / "half.zip.part").write_bytes(b"half")
    give("--dataset", NAME, "--inbox", inbox, "--every", 900, "--settle", 0.1, "--at-most", "1/h", "--home", grown.root,
         "--once")  # fmt: skip
    status, shown = give("--status", "--home", grown.root)
    assert status == 0
    assert f"{NAME}: the watcher of {inbox} is not running." in shown
    counted = "When it last looked, 24 images were stored, 24 of them new since its last run"
    assert f"{counted}; 900 start the next, at most 1/h." in shown
    assert "1 file in the inbox is not complete yet." in shown
    assert "4 images arrived (4 stored)" in shown
    (facts,) = json.loads(give("--status", "--json", "--home", grown.root)[1])
    assert (facts["running"], facts["state"]["new"], facts["events"][-1]["kind"]) == (False, 24, "stopped")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--dataset", NAME], "Give the dataset with --dataset and the folder to watch with --inbox."),
        (["--dataset", NAME, "--inbox", "nowhere"], "is not a folder: create it, or name another."),
        (["--dataset", NAME, "--inbox", ".", "--models", "unknown"], "There is no model 'unknown'"),
        (["--dataset", NAME, "--inbox", ".", "--gate", "unknown"], "There is no gate preset 'unknown'"),
        (["--dataset", NAME, "--inbox", ".", "--at-most", "often"], "--at-most 'often' is not a rate"),
        (["--dataset", NAME, "--inbox", ".", "--drift-images", "9"], "give --on-drift as well"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_waits(grown: Home, words: list[str], sentence: str) -> None:
    status, shown = give(*words, "--home", grown.root)
    assert (status, sentence in shown) == (1, True), shown
