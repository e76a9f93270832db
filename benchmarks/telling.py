"""Tell the story of a dataset that grows, with the real commands in processes of their own.

A first set is ingested and trained on, its champion is served, and a client asks for predictions all the time. Then
batches arrive in the inbox of a watcher, in every form. What production was worth at each moment is known from images
that no command ever sees.
"""

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.client import Client
from benchmarks.commands import Watching, command, serving
from benchmarks.sending import FORMS, write_folder
from benchmarks.story_pictures import Labelled
from pipeline.application import Application
from pipeline.contracts import Deployment, UnlabelledImages, Version
from pipeline.data import snapshots
from pipeline.data.preparation import prepare
from pipeline.facts.watch_facts import WatchEvent
from pipeline.growing.inbox import DONE, REFUSED
from pipeline.store import production, versions, watch_records
from pipeline.store.home import Home

SETTLE_SECONDS = 0.4


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
    home, orders = begin(story, folder)
    inbox = folder / "inbox"
    moments = [_moment(home, story, 0, "folder")]
    with (
        Watching(orders, folder / "watch.log", kills, len(story.batches), seed) as watching,
        serving(home) as server,
        Client(server.address, story.held_back) as client,
    ):
        for number, batch in enumerate(story.batches, start=1):
            name, drop = FORMS[number % len(FORMS)]
            watching.allow_kills(number)
            drop(batch, number, inbox, folder / "sending")
            watching.wait_until(lambda: _is_settled(home, story, inbox))
            moments.append(_moment(home, story, number, name))
        watching.wait_until(lambda: watching.kills_left == 0 and _is_settled(home, story, inbox))
    return Told(
        home=home,
        inbox=inbox,
        moments=tuple(moments),
        truth={version.id: accuracy(version, story.held_back) for version in versions.list_versions(home)},
        events=tuple(watch_records.events(home, story.dataset)),
        requests=client.requests,
        failed=tuple(client.failed),
        slowest_ms=client.slowest_ms,
        kills=kills,
    )


def begin(story: Story, folder: Path) -> tuple[Home, list[str]]:
    """Take in the first set and train on it; return the home, and the options of the watcher of ``inbox/``."""
    home, inbox = Home(folder / "home"), folder / "inbox"
    inbox.mkdir(parents=True)
    (folder / "pipeline.toml").write_text(f"[gate]\n{story.gate}\n")
    common = ["--dataset", story.dataset, "--home", str(home.root)]
    write_folder(story.first, folder / "first")
    command("ingest", str(folder / "first"), *common, *story.ingest)
    config = ["--config", str(folder / "pipeline.toml"), *story.runs]
    command("run", *common, *config, "--train-sizes", "all", "--gate", "growing")
    arriving = ["--inbox", str(inbox), "--every", str(story.every), "--settle", str(SETTLE_SECONDS)]
    return home, [*common, *arriving, *config]


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
    return Moment(batch, form, images, champion.id, accuracy(champion, story.held_back))


def accuracy(model: Version | Deployment, held_back: Sequence[Labelled]) -> float:
    """Return a model's accuracy on labelled pictures."""
    application = Application(model)
    pixels = np.stack([prepare(picture, application.preparation) for _, picture in held_back])
    names = tuple(map(str, range(len(pixels))))
    guessed = application.predict(UnlabelledImages("held back", pixels, names)).argmax(axis=1)
    truth = np.array([application.classes.index(name) for name, _ in held_back])
    return float((guessed == truth).mean())


def as_json(told: Told) -> str:
    """Return the figures of a story, to be kept."""
    facts: dict[str, Any] = {"moments": [vars(one) for one in told.moments], "truth": told.truth, "served": told.served}
    facts |= {"requests": told.requests, "failed": list(told.failed), "slowest_ms": told.slowest_ms}
    return json.dumps(facts, indent=1)
