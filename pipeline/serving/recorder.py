"""Keep what is served, in the background: no request waits for it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.contracts import Images, Probabilities
from pipeline.errors import PipelineError
from pipeline.serving.champion import Champion
from pipeline.store import prediction_ids, served_log, served_upkeep
from pipeline.store.home import Home
from pipeline.store.served_files import Served, ServedFacts, Source
from pipeline.store.served_log import FULL
from pipeline.store.served_upkeep import Limits, Upkeep

FLUSH_SECONDS = 0.5
"""How long a prediction waits for the disk: with the time of writing, less than a second is lost to a kill."""
TRIM_SECONDS = 60.0
RETRY_SECONDS = 10.0
"""How soon a disk that refused is tried again."""
MOST_WAITING = 64 * 2**20
"""Bytes of pixels that wait for the disk; beyond it nothing is kept until there is room."""
STOP_SECONDS = 5.0

Follower = Callable[[Served], None]
"""Called in the background with predictions that were logged."""


@dataclass(frozen=True, eq=False)
class _Part:
    """The predictions of one request."""

    champion: Champion
    ids: tuple[str, ...]
    images: Images
    probabilities: Probabilities
    source: Source


class Recorder:
    """Collects predictions and writes them to the log about twice a second.

    While the disk fails, predictions are counted but not kept; this is reported once.

    Args:
        home: The home folder.
        limits: How much is kept.
        notify: Called with sentences for the server's log.
        followers: Called with what was logged, in the background.
        chores: Called about twice a second, in the background.

    Attributes:
        kept: Predictions that were logged.
        lost: Predictions that were not, because the disk failed or there were too many at once.
        problem: Why nothing is kept at the moment; ``None`` where all is well.
    """

    def __init__(
        self,
        home: Home,
        limits: Limits,
        notify: Callable[[str], None],
        followers: Sequence[Follower] = (),
        chores: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.kept = 0
        self.lost = 0
        self.problem: str | None = None
        self._home = home
        self._limits = limits
        self._notify = notify
        self._followers = tuple(followers)
        self._chores = tuple(chores)
        self._numbering = prediction_ids.Numbering()
        self._waiting: list[_Part] = []
        self._bytes_waiting = 0
        self._guard = threading.Lock()
        self._on_disk = threading.RLock()
        self._retry_at = 0.0
        self._appended = 0
        self._untidy: str | None = None
        self._upkeep: dict[str, Upkeep] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, dataset: str | None) -> None:
        """Begin to write.

        Args:
            dataset: Whose log is brought within its limits before anything is served; ``None`` where nobody knows yet.
        """
        if dataset is not None:
            self._upkeep_of(dataset)
        import pyarrow.parquet  # noqa: F401 - loaded now: it takes longer than predictions may wait

        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def take(self, champion: Champion, images: Images, probabilities: Probabilities, source: Source) -> tuple[str, ...]:
        """Take the predictions of one request, and return their ids. To be called in the event loop only."""
        ids = self._numbering.take(len(images))
        with self._guard:
            if self._bytes_waiting + images.nbytes > MOST_WAITING:
                self.lost += len(ids)
            else:
                self._waiting.append(_Part(champion, ids, images, probabilities, source))
                self._bytes_waiting += images.nbytes
        return ids

    def find(self, dataset: str, prediction_id: str) -> Served | None:
        """Return a prediction that was taken, whether it is on disk already or not; ``None`` where it is not kept.

        Raises:
            StoreError: The log is damaged.
        """
        with self._on_disk:
            with self._guard:
                waiting = list(self._waiting)
            for part in waiting:
                if prediction_id in part.ids and part.champion.deployment.dataset == dataset:
                    return _served([part]).rows([part.ids.index(prediction_id)])
            return served_log.find(self._home, dataset, prediction_id)

    def flush(self) -> None:
        """Write everything that waits."""
        with self._on_disk:
            with self._guard:
                parts, self._waiting, self._bytes_waiting = self._waiting, [], 0
            for group in _by_version(parts):
                served = _served(group)
                for start in range(0, len(served), FULL):
                    self._write(served.rows(range(start, min(start + FULL, len(served)))))

    def _run(self) -> None:
        trim_at = 0.0
        while True:
            stopping = self._stopping.wait(FLUSH_SECONDS)
            self.flush()
            for chore in self._chores:
                chore()
            if time.monotonic() >= trim_at:
                trim_at = time.monotonic() + TRIM_SECONDS
                self._tidy(lambda upkeep: upkeep.trim(time.time_ns() // 1_000))
            if stopping:
                return

    def _write(self, served: Served) -> None:
        if self.problem is not None and time.monotonic() < self._retry_at:
            self.lost += len(served)
            return
        try:
            served_upkeep.append(self._home, served)
        except (PipelineError, OSError) as error:
            self._fail(error)
            self.lost += len(served)
            return
        self.kept += len(served)
        if self.problem is not None:
            self.problem = None
            self._notify("Predictions are logged again.")
        self._upkeep_of(served.facts.dataset)
        self._appended += 1
        if self._appended % served_upkeep.MERGED_TOGETHER == 0:
            self._tidy(Upkeep.merge)
        for follow in self._followers:
            follow(served)

    def _fail(self, error: Exception) -> None:
        if self.problem is None:
            self._notify(f"Predictions are served but not logged: {error}")
        self.problem = str(error)
        self._retry_at = time.monotonic() + RETRY_SECONDS

    def _tidy(self, work: Callable[[Upkeep], None]) -> None:
        """Small files can stay and old ones can wait: what fails here is said once and tried again."""
        for upkeep in list(self._upkeep.values()):
            try:
                work(upkeep)
                self._untidy = None
            except (PipelineError, OSError) as error:
                if self._untidy is None:
                    self._notify(f"The log of predictions cannot be kept within its limits: {error}")
                self._untidy = str(error)

    def _upkeep_of(self, dataset: str) -> None:
        if dataset not in self._upkeep:
            self._upkeep[dataset] = Upkeep(self._home, dataset, self._limits)


def _by_version(parts: Sequence[_Part]) -> list[list[_Part]]:
    groups: dict[str, list[_Part]] = {}
    for part in parts:
        groups.setdefault(part.champion.deployment.id, []).append(part)
    return list(groups.values())


def _served(parts: Sequence[_Part]) -> Served:
    """Put the predictions of some requests to one version together."""
    champion = parts[0].champion
    deployment = champion.deployment
    ids = tuple(one for part in parts for one in part.ids)
    return Served(
        ServedFacts(dataset=deployment.dataset, version=deployment.id, classes=champion.classes, shape=champion.shape),
        ids,
        tuple(part.ids[0] for part in parts for _ in part.ids),
        np.array([prediction_ids.microseconds(one) for one in ids], "datetime64[us]"),
        tuple(part.source for part in parts for _ in part.ids),
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
    )
