"""Watch an inbox: take in what arrives, and train on all of it once enough is new.

The loop looks, does what is due, records it, and sleeps. What it must know after being killed is in ``WatchState``;
what was judged and promoted is read from the store. So it can be killed at any moment: the next watcher continues
where this one stopped.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import moments
from pipeline.config import Settings
from pipeline.data import snapshots
from pipeline.data.snapshots import Snapshot
from pipeline.errors import PipelineError, SettingsError
from pipeline.facts.watch_facts import WatchEvent, WatchState
from pipeline.growing import due, verdict_news
from pipeline.growing.announcing import Listeners, emit, event
from pipeline.growing.arrivals import Desk
from pipeline.growing.due import Pace
from pipeline.growing.inbox import Inbox
from pipeline.growing.ingest import Order
from pipeline.growing.intake import Intake
from pipeline.growing.logbook import Logbook
from pipeline.growing.on_drift import OnDrift
from pipeline.growing.training import Training
from pipeline.store import watch_records
from pipeline.store.home import Home

LONGEST_PAUSE_SECONDS = 2.0
PULSE_SECONDS = 0.1
TROUBLE_SECONDS = 60.0
"""Trouble that lasts this long is announced; trouble that passes sooner, like another command's lock, is not."""
RETRY_SECONDS = 900.0
"""How soon a failed run is tried again even if nothing has arrived."""

THE_RUN = "the run"
MOST_RUNS = 1_000
"""Beginnings of runs that are remembered for ``--at-most``."""
CONTINUED = ("since", "in_hand", "trained", "running_on", "runs_begun", "images", "new", "drift")
"""What a watcher takes over from the one before it."""

__all__ = ["Listeners", "Orders", "Pace", "Watch", "emit", "event"]


@dataclass(frozen=True)
class Orders:
    """What a watcher should do.

    Attributes:
        order: The dataset, and how batches are ingested.
        inbox: The folder that is watched.
        settings: Of the runs; they always use all of the newest snapshot.
        every: How many new images start a run.
        pace: How often runs may begin; ``None`` for any.
        delete: Delete what was taken in, instead of keeping it in ``done``.
        listeners: Who hears of events.
        settle_seconds: A file is complete once it has not changed for so long.
        trouble_seconds: How long trouble lasts before it is announced.
        on_drift: How many of the most unusual images are reviewed after a drift alarm, before a run; 0 where the log
            of what is served is not looked at.
        drift_seconds: How often that log is looked at.
    """

    order: Order
    inbox: Path
    settings: Settings
    every: int = 500
    pace: Pace | None = None
    delete: bool = False
    listeners: Listeners = field(default_factory=Listeners)
    settle_seconds: float = 5.0
    trouble_seconds: float = TROUBLE_SECONDS
    on_drift: int = 0
    drift_seconds: float = 10.0


class Watch:
    """A watcher at work.

    Args:
        home: The home folder.
        orders: What to do.
        desk: Opens what arrives, and receives what a run has to say.
        tell: Called with every event.
    """

    def __init__(self, home: Home, orders: Orders, desk: Desk, tell: Callable[[WatchEvent], None]) -> None:
        self._home, self._orders, self._desk = home, orders, desk
        self._dataset = orders.order.dataset
        self._log = Logbook(home, _fresh_state(orders), orders.listeners, tell)
        self._intake = Intake(
            home,
            Inbox(orders.inbox, orders.settle_seconds),
            orders.order,
            desk=desk,
            log=self._log,
            delete=orders.delete,
            stopping=lambda: self._stopping,
        )
        self._on_drift = OnDrift(home, orders.on_drift, orders.drift_seconds, log=self._log, notify=desk.notify)
        self._stopping = False
        self._training: Training | None = None
        self._failed_at = -RETRY_SECONDS
        self._troubled_since: dict[str, float] = {}
        self._failures = 0
        self._patience_seconds = orders.trouble_seconds
        self._compared: tuple[int, int] | None = None

    @property
    def failures(self) -> int:
        """How many batches were refused, runs failed, and troubles were announced."""
        return self._failures + self._intake.refused

    def stop(self) -> None:
        """Let the watcher end as soon as what it is doing allows; safe to call from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Watch until ``stop`` is called.

        Raises:
            SettingsError: There is no such inbox.
            DataError: There is no such dataset.
            StoreError: Another process watches one of them, or the record is damaged.
        """
        with self._at_work():
            while not self._stopping:
                self._step()
                self._sleep(min(LONGEST_PAUSE_SECONDS, self._orders.settle_seconds))

    def once(self) -> None:
        """Take in what is complete now, carry out the run that is due, and end.

        Raises:
            PipelineError: As in ``run``.
        """
        self._patience_seconds = 0.0
        with self._at_work():
            self._try("the inbox", self._intake.look)
            self._sleep(self._orders.settle_seconds)
            self._step()
            while self._training and not self._stopping and THE_RUN not in self._troubled_since:
                self._sleep(PULSE_SECONDS)
                self._try(THE_RUN, self._attend)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        if not self._orders.inbox.is_dir():
            raise SettingsError(f"--inbox {self._orders.inbox} is not a folder: create it, or name another.")
        snapshots.find(self._home.datasets, self._dataset)
        with watch_records.watching_alone(self._home, self._dataset, self._orders.inbox):
            self._resume()
            ending = "The watcher was stopped."
            try:
                yield
                if not self._stopping:
                    ending = "The watcher has looked once and is done."
            except KeyboardInterrupt:
                if not self._stopping:
                    raise
            finally:
                if self._training:
                    self._training.stop()
                with contextlib.suppress(PipelineError):
                    self._log.record(doing="stopped")
                    self._log.happened("stopped", ending)

    def _resume(self) -> None:
        """Take up what an earlier watcher recorded; the first one takes the champion's snapshot as trained."""
        known = watch_records.read_state(self._home, self._dataset)
        if known is None:
            self._log.record(trained=due.trained_before(self._home, self._dataset), doing="waiting")
        else:
            kept = {name: getattr(known, name) for name in CONTINUED}
            self._log.record(**kept, doing="waiting")
        self._log.happened("started", f"Watching {self._orders.inbox} for {self._dataset}.")

    def _step(self) -> None:
        self._try(THE_RUN, self._attend)
        self._try("the inbox", self._take)
        self._try("the images that are served", self._on_drift.look)
        self._try("the next run", self._begin_if_due)

    def _take(self) -> None:
        self._intake.finish()
        self._intake.take()

    def _try(self, what: str, work: Callable[[], None]) -> None:
        """Do a part of the work; trouble with it is announced, once, if it lasts, and the part is tried again later."""
        if self._stopping:
            return
        try:
            work()
        except (PipelineError, OSError) as error:
            moment = time.monotonic()
            lasted = moment - self._troubled_since.setdefault(what, moment)
            if lasted >= self._patience_seconds:
                self._troubled_since[what] = float("inf")
                self._failures += 1
                with contextlib.suppress(PipelineError):
                    self._log.happened("trouble", f"The watcher cannot continue with {what}: {error}")
        else:
            self._troubled_since.pop(what, None)

    def _begin_if_due(self) -> None:
        newest = snapshots.find(self._home.datasets, self._dataset)
        self._count(newest)
        if self._training:
            return
        state = self._log.state
        failed = state.failed == newest.number and time.monotonic() - self._failed_at < RETRY_SECONDS
        if failed or not due.is_due(state, self._orders.pace):
            return
        cut_off = state.running_on
        if not cut_off:
            begun = (*state.runs_begun[1 - MOST_RUNS :], moments.now())
            self._log.record(running_on=newest.number, runs_begun=begun)
        # A run that was cut off goes on with its own snapshot, so that nothing is trained twice.
        on = f"{self._dataset}@{self._log.state.running_on}"
        self._log.record(doing=f"starting a run on {on}")
        today = {"dataset": on, "name": None, "train_sizes": ("all",), "repeats": 1, "retrain": False}
        self._training = Training(self._orders.settings.model_copy(update=today), self._home)
        self._log.happened(
            "run", f"A run on {on} {'is continued' if cut_off else 'begins'}.", snapshot=self._log.state.running_on
        )

    def _count(self, newest: Snapshot) -> None:
        """Count what is new, once for each snapshot and each completed run."""
        compared = (self._log.state.trained, newest.number)
        if compared != self._compared:
            new = due.new_images(self._home.datasets / self._dataset, newest, self._log.state.trained)
            self._log.record(images=newest.images, new=new)
            self._compared = compared

    def _attend(self) -> None:
        """Listen to the run; when it has ended, announce what it decided before it counts as completed."""
        if self._training is None:
            return
        on = f"{self._dataset}@{self._log.state.running_on}"
        for message in self._training.poll():
            if message.kind == "doing":
                self._log.record(doing=f"{message.text} of {on}")
            elif message.kind == "notice":
                self._desk.notify(message.text)
        status = self._training.status
        if status is not None:
            why = self._training.problem or f"its process ended with status {status}."
            for news in verdict_news.unannounced(self._home, self._dataset, self._log.state.since):
                self._log.emit(news)
            self._training = None
            self._complete(status, on, why)

    def _complete(self, status: int, on: str, why: str) -> None:
        number = self._log.state.running_on
        if status == 0:
            self._log.record(trained=number, running_on=0, failed=0, doing="waiting")
            self._log.happened("run", f"The run on {on} is done.", snapshot=number)
            self._count(snapshots.find(self._home.datasets, self._dataset))
            return
        self._failures += 1
        self._failed_at = time.monotonic()
        self._log.record(running_on=0, failed=number, doing="waiting")
        self._log.happened("trouble", f"The run on {on} failed: {why}", snapshot=number)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(PULSE_SECONDS, left))


def _fresh_state(orders: Orders) -> WatchState:
    return WatchState(
        dataset=orders.order.dataset,
        inbox=str(orders.inbox),
        every=orders.every,
        at_most=orders.pace.text if orders.pace else "",
        pid=os.getpid(),
        since=moments.now(),
        started_at=moments.now(),
    )
