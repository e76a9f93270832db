"""Tell the story of a dataset that grows, with the real commands in processes of their own.

A first set is ingested and trained on, its champion is served, and a client asks for predictions all the time. Then
batches arrive in the inbox of a watcher, in every form. What production was worth at each moment is known from images
that no command ever sees.
"""

import csv
import http.client
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.story_pictures import Labelled
from pipeline.application import Application
from pipeline.contracts import Deployment, UnlabelledImages, Version
from pipeline.data import snapshots
from pipeline.data.preparation import prepare
from pipeline.facts.watch_facts import WatchEvent
from pipeline.growing.inbox import DONE, REFUSED
from pipeline.store import production, versions, watch_records
from pipeline.store.home import Home

ROOT = Path(__file__).parents[1]
SETTLE_SECONDS = 0.4
LONGEST_WAIT_SECONDS = 900.0
BETWEEN_REQUESTS = 0.05
SHORTEST_LIFE, LONGEST_LIFE = 0.4, 25.0
"""Seconds after which a watcher is killed, where it is; drawn evenly on a logarithmic scale."""


@dataclass(frozen=True)
class Story:
    """What happens.

    Attributes:
        dataset: Its name.
        first: What it starts with.
        batches: What arrives, in order.
        held_back: What nobody sees but us.
        ingest: Options of the first ``ingest``.
        runs: Options of every run.
        gate: The table ``[gate]``, as TOML.
        every: New images that start a run.
    """

    dataset: str
    first: Sequence[Labelled]
    batches: Sequence[Sequence[Labelled]]
    held_back: Sequence[Labelled]
    ingest: tuple[str, ...]
    runs: tuple[str, ...]
    gate: str
    every: int


@dataclass(frozen=True)
class Moment:
    """How things were once a batch had been dealt with.

    Attributes:
        batch: Its number; 0 for the first set.
        form: How it arrived.
        images: Images stored.
        champion: Who served.
        accuracy: The champion's, on what was held back.
    """

    batch: int
    form: str
    images: int
    champion: str
    accuracy: float


@dataclass(frozen=True)
class Told:
    """What happened.

    Attributes:
        home: Where.
        inbox: The watched folder.
        moments: One a batch.
        truth: Accuracy of every version on what was held back, by id, oldest first.
        events: What the watcher recorded.
        requests: How many the client made.
        failed: Those that were not answered, a sentence each.
        slowest_ms: The slowest answer.
        kills: How often the watcher was killed.
    """

    home: Home
    inbox: Path
    moments: tuple[Moment, ...]
    truth: dict[str, float]
    events: tuple[WatchEvent, ...]
    requests: int
    failed: tuple[str, ...]
    slowest_ms: float
    kills: int

    @property
    def served(self) -> list[str]:
        """Every version that was in production, oldest first."""
        return [record.id for record in production.records(self.home)]

    @property
    def worst_loss_pp(self) -> float:
        """By how many points production was ever worse than the best that it had been."""
        accuracies = [self.truth[version] for version in self.served]
        best = itertools.accumulate(accuracies, max)
        return max(100 * (high - now) for high, now in zip(best, accuracies, strict=True))


def tell(story: Story, folder: Path, *, kills: int = 0, seed: int = 0) -> Told:
    """Let the story happen.

    Args:
        story: What happens.
        folder: An empty folder for all of it.
        kills: How often the watcher is killed, at random moments.
        seed: Of those moments.
    """
    home, inbox = Home(folder / "home"), folder / "inbox"
    inbox.mkdir(parents=True)
    (folder / "pipeline.toml").write_text(f"[gate]\n{story.gate}\n")
    common = ["--dataset", story.dataset, "--home", str(home.root)]
    write_folder(story.first, folder / "first")
    command("ingest", str(folder / "first"), *common, *story.ingest)
    config = ["--config", str(folder / "pipeline.toml"), *story.runs]
    command("run", *common, *config, "--train-sizes", "all", "--gate", "growing")
    moments = [_moment(home, story, 0, "folder")]
    orders = ["--inbox", str(inbox), "--every", str(story.every), "--settle", str(SETTLE_SECONDS)]
    with (
        _Watching([*common, *orders, *config], folder / "watch.log", kills, len(story.batches), seed) as watching,
        serving(home) as address,
        Client(address, story.held_back) as client,
    ):
        for number, batch in enumerate(story.batches, start=1):
            name, drop = FORMS[number % len(FORMS)]
            watching.allow_kills(number)
            drop(batch, number, inbox, folder / "sending")
            _wait(lambda: _is_settled(home, story, inbox), watching)
            moments.append(_moment(home, story, number, name))
        _wait(lambda: watching.kills_left == 0 and _is_settled(home, story, inbox), watching)
    return Told(
        home=home,
        inbox=inbox,
        moments=tuple(moments),
        truth={version.id: _accuracy(version, story.held_back) for version in versions.list_versions(home)},
        events=tuple(watch_records.events(home, story.dataset)),
        requests=client.requests,
        failed=tuple(client.failed),
        slowest_ms=client.slowest_ms,
        kills=kills,
    )


def command(*words: str) -> str:
    """Carry out a command of ``simulator.py``; returns what it printed."""
    done = subprocess.run(_words(words), capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _words(words: Sequence[str]) -> list[str]:
    return [sys.executable, str(ROOT / "simulator.py"), *words]


@contextmanager
def serving(home: Home) -> Iterator[str]:
    """Serve the champion on a free port until the block ends; yields the address."""
    process = subprocess.Popen(
        _words(["serve", "--port", "0", "--home", str(home.root)]), stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield next(word for word in process.stdout.readline().split() if word.startswith("http://"))
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


class Client:
    """Asks for one prediction after the other, from a thread, until the block ends."""

    def __init__(self, address: str, pictures: Sequence[Labelled]) -> None:
        self.requests, self.slowest_ms = 0, 0.0
        self.failed: list[str] = []
        self._host = address.removeprefix("http://")
        self._bodies = [_form(picture) for _, picture in pictures[:50]]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        for body in itertools.cycle(self._bodies):
            if self._stop.wait(BETWEEN_REQUESTS):
                return
            self.requests += 1
            started = time.perf_counter()
            try:
                connection.request("POST", "/predict", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    self.failed.append(f"{answer.status}: {content[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            self.slowest_ms = max(self.slowest_ms, 1000 * (time.perf_counter() - started))


BOUNDARY = "story"


def _form(picture: Any) -> bytes:
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'.encode()
    return head + png(picture) + f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass
class _Watching:
    """A watcher in its process, that is killed now and then, and started again."""

    options: list[str]
    log: Path
    kills_left: int
    batches: int
    seed: int
    process: "subprocess.Popen[bytes] | None" = None
    _dies_at: float = float("inf")
    _allowed: int = 0
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        self._kills = self.kills_left

    def __enter__(self) -> "_Watching":
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(60)
        if exception[0] is None and status != 0:
            raise RuntimeError(f"The watcher ended with status {status}: {self.log.read_text()[-2000:]}")

    def allow_kills(self, batch: int) -> None:
        """Spread the kills over the batches."""
        self._allowed = self._kills * batch // self.batches

    def tick(self) -> None:
        """Kill the watcher if its time has come, and start another."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"The watcher died by itself: {self.log.read_text()[-2000:]}")
        if self._kills - self.kills_left < self._allowed and time.monotonic() >= self._dies_at:
            self.process.kill()
            self.process.wait()
            self.kills_left -= 1
            self._start()

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(_words(["watch", *self.options]), stdout=log, stderr=log, cwd=ROOT)
        life = SHORTEST_LIFE * (LONGEST_LIFE / SHORTEST_LIFE) ** self._chance.random()
        self._dies_at = time.monotonic() + life


def _wait(condition: Callable[[], bool], watching: _Watching) -> None:
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"Waited in vain: {watching.log.read_text()[-2000:]}")
        watching.tick()
        time.sleep(0.1)


def _is_settled(home: Home, story: Story, inbox: Path) -> bool:
    """Whether all that arrived was taken, and the run that it made due is over."""
    if files_waiting(inbox):
        return False
    state = watch_records.read_state(home, story.dataset)
    newest = snapshots.find(home.datasets, story.dataset)
    return (
        state is not None
        and not state.in_hand
        and not state.running_on
        and state.images == newest.images
        and state.new < story.every
    )


def files_waiting(inbox: Path) -> list[Path]:
    """Return the files that have not been put away."""
    away = {DONE, REFUSED, watch_records.LOCK}
    # What is moved meanwhile is skipped by `os.walk`; `rglob` would fail.
    found = (Path(folder) / name for folder, _, names in os.walk(inbox) for name in names)
    return [path for path in found if path.relative_to(inbox).parts[0] not in away]


def _moment(home: Home, story: Story, batch: int, form: str) -> Moment:
    champion = production.current(home, story.dataset)
    if champion is None:
        raise RuntimeError("The first set made no champion.")
    images = snapshots.find(home.datasets, story.dataset).images
    return Moment(batch, form, images, champion.id, _accuracy(champion, story.held_back))


def _accuracy(model: Version | Deployment, held_back: Sequence[Labelled]) -> float:
    application = Application(model)
    pixels = np.stack([prepare(picture, application.preparation) for _, picture in held_back])
    names = tuple(map(str, range(len(pixels))))
    guessed = application.predict(UnlabelledImages("held back", pixels, names)).argmax(axis=1)
    truth = np.array([application.classes.index(name) for name, _ in held_back])
    return float((guessed == truth).mean())


def png(picture: Any) -> bytes:
    """Return a picture as PNG."""
    content = BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def write_folder(pictures: Sequence[Labelled], folder: Path, prefix: str = "") -> None:
    """Write pictures as PNG and JPEG, in a folder for each class."""
    for number, (name, picture) in enumerate(pictures):
        (folder / name).mkdir(parents=True, exist_ok=True)
        lossy = picture.width > 20 and number % 3 == 0
        picture.save(folder / name / f"{prefix}{number:05d}.{'jpg' if lossy else 'png'}", quality=90)


def _as_classes(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    """Into the folders of the classes, one file after the other; the first is copied slowly, under its own name."""
    write_folder(batch, sending / str(number), prefix=f"{number:02d}-")
    for place, file in enumerate(sorted((sending / str(number)).rglob("*.*"))):
        target = inbox / file.relative_to(sending / str(number))
        target.parent.mkdir(exist_ok=True)
        if place == 0:
            _slowly(file, target)
        else:
            shutil.copyfile(file, target)


def _as_folder(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    write_folder(batch, sending / str(number))
    shutil.copytree(sending / str(number), inbox / f"batch-{number}")


def _as_archive(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    write_folder(batch, sending / str(number))
    packed = shutil.make_archive(str(sending / f"batch-{number}"), "zip", sending / str(number))
    _slowly(Path(packed), inbox / f"batch-{number}.zip")


def _as_list(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    folder = sending / f"batch-{number}"
    folder.mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "label"])
        for place, (name, picture) in enumerate(batch):
            (folder / f"{place:05d}.png").write_bytes(png(picture))
            writer.writerow([f"{place:05d}.png", name])
    shutil.copytree(folder, inbox / folder.name)


Form = Callable[[Sequence[Labelled], int, Path, Path], None]
FORMS: tuple[tuple[str, Form], ...] = (
    ("folders of classes", _as_classes),
    ("folder", _as_folder),
    ("zip", _as_archive),
    ("folder with a list", _as_list),
)
"""How batches arrive, in turn."""


def _slowly(source: Path, target: Path) -> None:
    """Copy a file so that it is there for a while before it is whole."""
    content = source.read_bytes()
    half = len(content) // 2
    with target.open("wb") as stream:
        stream.write(content[:half])
        stream.flush()
        time.sleep(SETTLE_SECONDS / 2)
        stream.write(content[half:])
        stream.flush()
        os.fsync(stream.fileno())


def as_json(told: Told) -> str:
    """Return the figures of a story, to be kept."""
    facts: dict[str, Any] = {"moments": [vars(one) for one in told.moments], "truth": told.truth, "served": told.served}
    facts |= {"requests": told.requests, "failed": list(told.failed), "slowest_ms": told.slowest_ms}
    return json.dumps(facts, indent=1)
