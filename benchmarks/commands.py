"""The commands of ``simulator.py`` in processes of their own."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.store.home import Home

ROOT = Path(__file__).parents[1]
LONGEST_WAIT_SECONDS = 900.0
SHORTEST_LIFE, LONGEST_LIFE = 0.4, 25.0
"""Seconds after which a watcher is killed, where it is; drawn evenly on a logarithmic scale."""


def command(*words: str) -> str:
    """Carry out a command of ``simulator.py``; returns what it printed."""
    done = subprocess.run(words_of(words), capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def words_of(words: Sequence[str]) -> list[str]:
    """Return the words that start a command of ``simulator.py``."""
    return [sys.executable, str(ROOT / "simulator.py"), *words]


@dataclass(frozen=True)
class Serving:
    """Where a server is.

    Attributes:
        address: Of its pages.
        review: The link to its review, with the token.
    """

    address: str
    review: str


@contextmanager
def serving(home: Home, *options: str) -> Iterator[Serving]:
    """Serve the champion on a free port until the block ends."""
    words = words_of(["serve", "--port", "0", "--home", str(home.root), *options])
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline() for _ in range(2)]
        yield Serving(*(next(word for word in line.split() if word.startswith("http://")) for line in said))
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@dataclass
class Watching:
    """A watcher in a process of its own, that is killed now and then, and started again.

    Attributes:
        options: Of the command.
        log: The file that receives what it prints.
        kills_left: How often it is yet to be killed.
        batches: Over how many batches the kills are spread.
        seed: Of the moments at which it is killed.
        process: The one that is alive.
    """

    options: list[str]
    log: Path
    kills_left: int
    batches: int
    seed: int
    process: "subprocess.Popen[bytes] | None" = None
    _dies_at: float = float("inf")
    _allowed: int = 0
    _said_before: int = 0
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        self._kills = self.kills_left

    def __enter__(self) -> "Watching":
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process is not None
        if exception[0] is None:
            # One that was just started is ended by a signal until it has a handler for it.
            self.wait_until(self._says_that_it_watches)
        self.process.terminate()
        status = self.process.wait(60)
        if exception[0] is None and status != 0:
            raise RuntimeError(f"The watcher ended with status {status}: {self.log.read_text()[-2000:]}")

    def allow_kills(self, batch: int) -> None:
        """Spread the kills over the batches."""
        self._allowed = self._kills * batch // self.batches

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something; meanwhile, kill the watcher when its time has come, and start another.

        Raises:
            RuntimeError: The watcher died by itself, or nothing happened for ``LONGEST_WAIT_SECONDS``.
        """
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while not condition():
            if time.monotonic() > until:
                raise RuntimeError(f"Waited in vain: {self.log.read_text()[-2000:]}")
            self._tick()
            time.sleep(0.1)

    def _tick(self) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"The watcher died by itself: {self.log.read_text()[-2000:]}")
        if self._kills - self.kills_left < self._allowed and time.monotonic() >= self._dies_at:
            self.process.kill()
            self.process.wait()
            self.kills_left -= 1
            self._start()

    def _says_that_it_watches(self) -> bool:
        return b"started: " in self.log.read_bytes()[self._said_before :]

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self._said_before = log.tell()
            self.process = subprocess.Popen(words_of(["watch", *self.options]), stdout=log, stderr=log, cwd=ROOT)
        life = SHORTEST_LIFE * (LONGEST_LIFE / SHORTEST_LIFE) ** self._chance.random()
        self._dies_at = time.monotonic() + life
