"""A run in a process of its own: the watcher keeps working while it trains, and survives if it crashes.

The orders go to the process as one line on its standard input, which stays open: when the watcher dies, it closes,
and the process ends. What it does comes back as lines of JSON.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from pipeline.config import Settings
from pipeline.contracts import Cell, FitProgress, no_progress
from pipeline.errors import PipelineError
from pipeline.facts.base import Facts
from pipeline.store.home import Home

STOP_SECONDS = 20.0
"""How long a run may take to stop before it is killed; finished work stays intact either way."""


class Message(Facts):
    """What a run reports about itself."""

    kind: Literal["doing", "notice", "problem"]
    text: str


_MESSAGE = TypeAdapter(Message)


class Training:
    """A run that was started; ``poll`` it now and then.

    Args:
        settings: Of the run.
        home: The home folder.
    """

    def __init__(self, settings: Settings, home: Home) -> None:
        self.problem = ""
        self._messages: deque[Message] = deque()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        orders = {"settings": settings.model_dump(mode="json"), "home": str(home.root)}
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def poll(self) -> list[Message]:
        """Return what it has said since the last call."""
        found = []
        while self._messages:
            found.append(self._messages.popleft())
        self.problem = next((one.text for one in found[::-1] if one.kind == "problem"), self.problem)
        return found

    @property
    def status(self) -> int | None:
        """The exit status, ``None`` while it runs; ``problem`` says what went wrong."""
        status = self._process.poll()
        if status is not None:
            self._reader.join()
            self.poll()
            self._close()
        return status

    def stop(self) -> None:
        """End it as Ctrl-C does, or kill it where that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join()
        self._close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._messages.append(_MESSAGE.validate_json(line))
            except ValidationError:
                continue  # a recipe or a library prints something of its own

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class _Talking:
    """Says what a run does: its observer."""

    def notice(self, sentence: str) -> None:
        _say("notice", sentence)

    def doing(self, what: str) -> None:
        """Say nothing: the watcher names what is trained and judged."""

    def planned(self, cells: Sequence[Cell], to_train: Sequence[Cell]) -> None:
        """Say nothing: each cell is named when its turn comes."""

    def fitting(self, cell: Cell) -> FitProgress:
        _say("doing", f"training {cell.label} images")
        return no_progress

    def awaiting(self, cells: Sequence[Cell], where: str) -> None:
        _say("doing", f"training {len(cells)} models on {where}")

    def judging(self, cell: Cell) -> None:
        _say("doing", f"judging {cell.label} images")

    def finished(self, row: object) -> None:
        """Say nothing: the verdict is announced when the run has ended."""


def main() -> None:
    """Carry out the run that standard input orders."""
    from pipeline import simulator
    from pipeline.models.runtime import prepare_process

    prepare_process()
    # Whoever was started in the background ignores Ctrl-C, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    orders = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin.read,), daemon=True).start()
    try:
        settings = Settings.model_validate(orders["settings"])
        summary = simulator.run(settings, Home(Path(orders["home"])), _Talking())
    except PipelineError as error:
        _say("problem", str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    if summary.problem is not None:
        _say("notice", str(summary.problem))


def _end_with(wait: Callable[[], Any]) -> None:
    """End this process at once when the other end of its standard input is gone: whoever ordered the run is dead."""
    wait()
    os._exit(1)


def _say(kind: str, text: str) -> None:
    print(json.dumps({"kind": kind, "text": text}), flush=True)  # noqa: T201 this is how the two processes talk


if __name__ == "__main__":
    main()
