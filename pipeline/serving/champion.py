"""The champion in memory, kept up to date with ``production/`` while requests are served."""

import asyncio
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline import moments
from pipeline.contracts import Deployment
from pipeline.data.preparation import Preparation, recorded_in
from pipeline.errors import ModelError, PipelineError, StoreError
from pipeline.inference import checked_model
from pipeline.serving import doubts
from pipeline.serving.batching import Batcher
from pipeline.serving.doubts import Doubts
from pipeline.store import production, version_folder
from pipeline.store.home import Home

POLL_SECONDS = 0.25
RETRY_SECONDS = 5.0
"""How soon a bundle that could not be loaded is tried again."""


@dataclass(frozen=True, eq=False)
class Champion:
    """A deployment whose model is loaded, checked and ready.

    Attributes:
        deployment: What ``current.json`` says.
        recipe: The recipe's name.
        origin: What it was trained on, as its manifest records it.
        classes: The class names, in the order of the probabilities.
        preparation: What is done to a picture before it is predicted.
        accuracy: On the benchmark when it was judged, with its interval (``value``, ``low``, ``high``).
        batcher: Predicts.
        doubts: What speaks against its answers.
    """

    deployment: Deployment
    recipe: str
    origin: str
    classes: tuple[str, ...]
    preparation: Preparation
    accuracy: dict[str, float]
    batcher: Batcher
    doubts: Doubts

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images it takes."""
        return self.preparation.shape


def load(home: Home, deployment: Deployment, observe_batch: Callable[[int], None]) -> Champion:
    """Return the champion of a deployment, its files checked against the manifest and tried on one image.

    Raises:
        StoreError: A file is missing, damaged, or of another version than ``current.json`` names.
        ModelError: The model cannot be loaded or does not do what its manifest says.
    """
    checked = checked_model.load(deployment.folder, deployment.digest, threads=1)
    facts, predictor = checked.facts, checked.predictor
    classes = facts.dataset.classes
    tried = predictor.predict(np.zeros((1, *predictor.shape), np.uint8))
    if tried.shape != (1, len(classes)) or not np.isfinite(tried).all():
        raise ModelError(
            f"The model of {deployment.id} does not give a probability for each of {len(classes)} classes."
        )
    return Champion(
        deployment,
        facts.recipe,
        facts.dataset.origin,
        classes,
        recorded_in(facts.dataset),
        _accuracy(home, deployment),
        Batcher(predictor, observe_batch),
        doubts.of(home, deployment),
    )


def _accuracy(home: Home, deployment: Deployment) -> dict[str, float]:
    """The champion's accuracy and its interval, empty where its scores are not there or not to be shown."""
    try:
        accuracy = version_folder.champion_scores(home, deployment).accuracy
    except StoreError:
        return {}
    return {key: value for key, value in accuracy if value is not None}


class ChampionWatch:
    """Follows ``current.json`` and swaps the champion; while a new one cannot be loaded the old one is served.

    Attributes:
        dataset: Whose champion is served; ``None`` until one is named or the first champion is there.
        champion: What is served, ``None`` before the first promotion.
        problem: Why what ``current.json`` names is not served, in a sentence; ``None`` where all is well.
        failures: How many times a champion could not be loaded.

    Args:
        home: The home folder.
        dataset: Whose champion is served; ``None`` for the only dataset that has one.
        observe_batch: Called with the size of each batch that is predicted.
        notify: Called with a sentence whenever ``follow`` finds another champion.
    """

    def __init__(
        self,
        home: Home,
        dataset: str | None,
        observe_batch: Callable[[int], None],
        notify: Callable[[str], None],
    ) -> None:
        self.champion: Champion | None = None
        self.problem: str | None = None
        self.failures = 0
        self._home = home
        self.dataset = dataset
        self._observe_batch = observe_batch
        self._notify = notify
        self._seen: tuple[int, ...] | None = None
        self._retry_at = 0.0

    @property
    def first_run(self) -> str:
        """The command that makes the first champion."""
        named = f" --dataset {shlex.quote(self.dataset)}" if self.dataset else ""
        return f"python simulator.py run{named}"

    def check(self) -> None:
        """Load what ``current.json`` names if it changed; never raises for a damaged champion."""
        try:
            dataset = self._find_dataset()
            if dataset is not None and self._changed(dataset):
                self._load(dataset)
        except (PipelineError, OSError, KeyError, TypeError) as error:
            self.problem = str(error) if isinstance(error, PipelineError) else f"The champion is damaged: {error!r}."
            self.failures += 1
            self._retry_at = time.monotonic() + RETRY_SECONDS

    async def follow(self) -> None:
        """Check again and again, beside the event loop, until cancelled; say when another champion serves."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            before = self.champion
            await asyncio.to_thread(self.check)
            if self.champion is not None and self.champion is not before:
                now = self.champion.deployment
                instead = f" instead of {before.deployment.id}" if before is not None else ""
                self._notify(f"Since {moments.now()}, {now.id} serves {now.dataset}{instead}.")

    def _find_dataset(self) -> str | None:
        if self.dataset is not None:
            return self.dataset
        served = production.datasets(self._home)
        if len(served) > 1:
            if self.problem is None:
                raise StoreError(f"Several datasets have a champion ({', '.join(served)}): choose one with --dataset.")
            return None
        self.dataset = served[0] if served else None
        return self.dataset

    def _changed(self, dataset: str) -> bool:
        try:
            facts = (self._home.production_of(dataset) / production.CURRENT).stat()
        except FileNotFoundError:
            return False
        signature = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        again = self.problem is not None and time.monotonic() >= self._retry_at
        changed = signature != self._seen or again
        self._seen = signature
        return changed

    def _load(self, dataset: str) -> None:
        deployment = production.current(self._home, dataset)
        if deployment is None:
            return
        serving = self.champion
        if serving is None or serving.deployment.digest != deployment.digest:
            self.champion = load(self._home, deployment, self._observe_batch)
        self.problem = None
