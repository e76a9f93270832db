"""Draw a random share of what is served for audits, and keep their result for the current champion at hand."""

import secrets
import time
from collections.abc import Callable

import numpy as np

from pipeline.errors import PipelineError
from pipeline.growing import audits, from_production
from pipeline.growing.audits import ProductionAccuracy
from pipeline.serving.champion import Champion
from pipeline.store.home import Home
from pipeline.store.served_files import Served

NO_QUEUE = (
    "{} is not a dataset that grows, so nothing can be reviewed: `simulator.py ingest` makes one, and `run --dataset` "
    "trains on it."
)


REFRESH_SECONDS = 2.0


class Auditor:
    """Draws served predictions at random, whatever they are, and sends them to review.

    Args:
        home: The home folder.
        share: Probability that a prediction is drawn.
        champion: Returns the champion, ``None`` where there is none.
        notify: Called with sentences for the server's log.
        seed: Of the draw; ``None`` for an unpredictable one.

    Attributes:
        drawn: Predictions that were drawn.
        latest: What audits say of the champion; ``None`` without any.
    """

    def __init__(
        self,
        home: Home,
        share: float,
        champion: Callable[[], Champion | None],
        notify: Callable[[str], None],
        seed: int | None = None,
    ) -> None:
        self.drawn = 0
        self.latest: ProductionAccuracy | None = None
        self._home = home
        self._share = share
        self._champion = champion
        self._notify = notify
        self._random = np.random.default_rng(secrets.randbits(128) if seed is None else seed)
        self._said: str | None = None
        self._seen: tuple[object, ...] = ()
        self._refresh_at = 0.0

    def follow(self, served: Served) -> None:
        """Draw from what was logged."""
        rows = np.flatnonzero(self._random.random(len(served)) < self._share).tolist()
        champion = self._champion()
        if not rows or champion is None:
            return
        try:
            queue = from_production.queue_of(self._home, champion.origin)
            if queue is None:
                self._say(NO_QUEUE.format(champion.deployment.dataset))
            else:
                self.drawn += audits.draw(self._home, queue, served.rows(rows))
                self._said = None
        except (PipelineError, OSError) as error:
            self._say(f"An audit could not be drawn: {error}")

    def refresh(self) -> None:
        """Read again what audits say, if something changed."""
        champion = self._champion()
        if champion is None or time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + REFRESH_SECONDS
        dataset, version = champion.deployment.dataset, champion.deployment.id
        try:
            folder = from_production.folder_of(self._home, champion.origin)
            if folder is None:
                return
            state = (version, *audits.changed_at(self._home, dataset, folder))
            if state != self._seen:
                self.latest = audits.accuracy(self._home, dataset, version, champion.origin)
                self._seen = state
        except (PipelineError, OSError) as error:
            self._say(f"The audits could not be read: {error}")

    def _say(self, sentence: str) -> None:
        if self._said is None:
            self._notify(sentence)
        self._said = sentence
