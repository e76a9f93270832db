"""``review`` over a pipe and in a terminal."""

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_pictures import NAME, Ingest, picture

from pipeline.cli import keyboard, review_command
from pipeline.data import snapshots
from pipeline.errors import SettingsError
from pipeline.growing import decisions, exporting, label_doubts, quarantine, screening
from pipeline.growing.quarantine import Opinion
from pipeline.store.home import Home

COMMAND = (
    "import typer; from pipeline.cli import common, review_command; app = typer.Typer(); "
    "review_command.register(app); common.run_app(app)"
)
SILENT_SECONDS = 120
"""A terminal that shows nothing for so long will show nothing more."""


@pytest.fixture
def queued(home: Home, pictures: Path, take_in: Ingest) -> Home:
    """Ten bars and ten rings, three images that wait, and an audit."""
    take_in(pictures)
    causes = (screening.DOUBTED, screening.DOUBTED, screening.UNLABELLED, quarantine.AUDIT)
    waiting = [
        quarantine.of_pixels(
            np.asarray(picture("bar", 50 + number).resize((12, 12)))[..., None],
            cause=cause,
            source=f"{number}.png",
            batch="b",
            label=quarantine.NO_LABEL if cause == screening.UNLABELLED else 1,
            reason="\x1b[2JSomebody [red] says so.",
            opinions=[Opinion(version="judge", classes=("ring", "bar"), probabilities=(0.994, 0.006))],
        )
        for number, cause in enumerate(causes)
    ]
    quarantine.add(home.datasets / NAME, "b", waiting, ("bar", "ring"))
    return home


def command_line(home: Home, *options: str) -> list[str]:
    given = ["--home", str(home.root), "--dataset", NAME, "--reviewer", "Ada", *options]
    return [sys.executable, "-c", COMMAND, *given]


def review(home: Home, keys: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_line(home, *options), input=keys, capture_output=True, text=True, check=False)


def labels(home: Home) -> list[tuple[str, str]]:
    entries = exporting.entries_of(home.datasets / NAME, snapshots.find(home.datasets, NAME))
    return sorted((entry.source, ("bar", "ring")[entry.label]) for entry in entries if entry.labelled_by == "Ada")


def test_over_a_pipe_each_character_decides(queued: Home) -> None:
    done = review(queued, "z b u r\n/bar\nx\nb")

    assert done.returncode == 0, done.stderr
    assert "Keys: b bar, r ring; s skip, u undo, x discard, q store and quit" in done.stdout
    assert "The key 'z' does nothing here." in done.stderr
    assert any(block in done.stdout for block in "▀▄█")
    assert "\x1b" not in done.stdout, "what a file says is never a control code"
    assert "Somebody [red] says so." in done.stdout
    assert "judge: ring 99.4 %, bar 0.6 %" in done.stdout
    blind = done.stdout.partition("Blind review")[2]
    assert "Labelled" not in blind
    assert "Reviewed by Ada: 3 added, 1 discarded." in done.stdout
    assert [label for _, label in labels(queued)].count("ring") == 1
    assert ("3.png", "bar") in labels(queued), "the audit came last"
    assert json.loads(review(queued, "", "--json").stdout) == dict.fromkeys((*quarantine.CAUSES, "pending"), 0)


def test_json_never_sets_images_aside(queued: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr(label_doubts, "search", lambda home, dataset, **options: searched.append(dataset))
    with pytest.raises(SettingsError, match="--json only prints, and --doubts sets images aside: give only one"):
        review_command.review(dataset=NAME, doubts=True, as_json=True, home=queued.root)
    assert searched == []


def test_a_ctrl_c_that_was_lost_in_a_finalizer_ends_the_next_wait() -> None:
    master, terminal = pty.openpty()
    keys = keyboard.Keyboard(terminal, is_terminal=True)
    keys.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        keys.key()
    os.close(master)
    os.close(terminal)


@pytest.mark.slow
def test_in_a_terminal_one_key_is_enough_and_ctrl_c_stores_nothing(queued: Home) -> None:
    surroundings = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    words = command_line(queued)
    child, master = pty.fork()
    if child == 0:
        os.execve(sys.executable, words, surroundings)
    shown = _read_until(master, b"4 left, 0 decided")
    os.write(master, b"\x1b[Ab")  # an arrow decides nothing, not even by its last letter
    shown += _read_until(master, b"3 left, 1 decided")
    os.write(master, b"\x03")
    shown += _read_until(master, b"kept but not stored")
    _, status = os.waitpid(child, 0)
    os.close(master)

    assert "▀".encode() in shown
    assert b"does nothing" not in shown
    assert os.waitstatus_to_exitcode(status) != 0
    assert len(decisions.read(queued.datasets / NAME).pending) == 1
    assert labels(queued) == []
    assert "Reviewed by Ada: 1 added." in review(queued, "").stdout, "the next review stores it"


def _read_until(terminal: int, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        assert select.select([terminal], [], [], SILENT_SECONDS)[0], found
        found += os.read(terminal, 4096)
    return found
