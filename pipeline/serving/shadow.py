"""A challenger predicts in the background what the champion answered; where they disagree, a person looks first.

It runs in a process of its own, with the lowest priority: it takes neither Python's lock nor a core from the champion.
It skips images when it cannot keep up.
"""

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from pipeline.contracts import Probabilities, Version
from pipeline.errors import PipelineError, SettingsError
from pipeline.growing import from_production, quarantine
from pipeline.growing.quarantine import Opinion
from pipeline.inference import checked_model
from pipeline.serving.auditing import NO_QUEUE
from pipeline.store.home import Home
from pipeline.store.served_files import Served

NICE = 19
BATCH = 64
MOST_WAITING = 20_000
"""Images that wait for the challenger; beyond that it skips some."""
STOP_SECONDS = 5.0


class Shadow:
    """A challenger beside the champion.

    Args:
        home: The home folder.
        version: The challenger, undamaged.
        notify: Called with sentences for the server's log.

    Attributes:
        compared: Images that both predicted.
        disagreed: Those for which they predicted different classes.
        skipped: Images that the challenger did not get to, or cannot take.

    Raises:
        SettingsError: The version is damaged.
    """

    def __init__(self, home: Home, version: Version, notify: Callable[[str], None]) -> None:
        if version.known_manifest is None:
            raise SettingsError(f"{version.id} is damaged and cannot be a challenger: {version.damage}")
        self.version = version.id
        self.compared = 0
        self.disagreed = 0
        self.skipped = 0
        self._home = home
        self._facts = version.known_manifest
        self._notify = notify
        self._said: str | None = None
        self._waiting: deque[Served] = deque()
        self._images_waiting = 0
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._folder = version.folder
        self._stopping = False
        self._ended = False
        self._process: BaseProcess | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Load the challenger and begin."""
        context = get_context("spawn")
        own, theirs = context.Pipe()
        arguments = (theirs, self._folder, self._facts.digest)
        self._process = context.Process(target=_predict_forever, args=arguments, name="challenger", daemon=True)
        self._process.start()
        theirs.close()  # else the end of the challenger would go unnoticed
        self._stopping = self._ended = False
        self._thread = threading.Thread(target=self._run, args=(own,), name="shadow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what waits is skipped."""
        self._stopping = True
        self._wake.set()
        if self._process is not None and self._thread is not None:
            self._process.terminate()
            self._thread.join(STOP_SECONDS)

    def follow(self, served: Served) -> None:
        """Take what the champion answered."""
        if served.facts.version == self.version:
            return
        fits = served.facts.shape == self._facts.dataset.shape
        with self._guard:
            if not fits or self._ended or self._images_waiting + len(served) > MOST_WAITING:
                self.skipped += len(served)
                return
            self._images_waiting += len(served)
            self._waiting.append(served)
        self._wake.set()

    def _run(self, challenger: Connection) -> None:
        try:
            self._follow_on(challenger)
        except (EOFError, OSError) as error:
            if not self._stopping:
                reason = str(error) or "its process died"
                self._say(f"The challenger {self.version} stopped ({reason}): restart the server.")
        with self._guard:
            self._ended = True
            self.skipped += self._images_waiting

    def _follow_on(self, challenger: Connection) -> None:
        if problem := challenger.recv():
            self._say(f"The challenger {self.version} cannot be loaded: {problem}")
            return
        while not self._stopping:
            if self._waiting:
                served = self._waiting.popleft()
                self._compare(served, _ask(challenger, served))
            else:
                self._wake.wait()
                self._wake.clear()

    def _compare(self, served: Served, probabilities: Probabilities) -> None:
        with self._guard:
            self._images_waiting -= len(served)
        classes = self._facts.dataset.classes
        own = [classes[best] for best in probabilities.argmax(axis=1).tolist()]
        rows = [row for row, (one, other) in enumerate(zip(served.predicted, own, strict=True)) if one != other]
        self.compared += len(served)
        self.disagreed += len(rows)
        if rows:
            self._send_to_review(served, probabilities, rows)

    def _send_to_review(self, served: Served, probabilities: Probabilities, rows: list[int]) -> None:
        classes, said = self._facts.dataset.classes, served.predicted
        try:
            queue = from_production.queue_of(self._home, self._facts.dataset.origin)
            if queue is None:
                self._say(NO_QUEUE.format(self._facts.dataset.name))
                return
            entries = []
            for row in rows:
                other = Opinion.of(self.version, probabilities[row], classes)
                reason = f"The champion predicts {said[row]}, the challenger {other.classes[0]}."
                entries.append(
                    from_production.entry(served, row, quarantine.SHADOW, queue, reason=reason, opinions=[other])
                )
            from_production.add(queue, entries)
            self._said = None
        except (PipelineError, OSError) as error:
            self._say(f"Disagreements could not be sent to review: {error}")

    def _say(self, sentence: str) -> None:
        if self._said is None:
            self._notify(sentence)
        self._said = sentence


def _ask(challenger: Connection, served: Served) -> Probabilities:
    """Return what the challenger predicts."""
    parts = []
    for start in range(0, len(served), BATCH):
        challenger.send(served.images[start : start + BATCH])
        parts.append(challenger.recv())
    return np.concatenate(parts)


def _predict_forever(connection: Connection, folder: Path, digest: str) -> None:
    """Predict what comes, until the server closes the connection or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            predictor = checked_model.load(folder, digest, threads=1).predictor
        except PipelineError as error:
            connection.send(str(error))
            return
        connection.send(None)
        while True:
            connection.send(predictor.predict(connection.recv()))
