"""After a drift alarm: a review of the most unusual images that were served, and then a run.

What follows from an alarm is in ``WatchState.drift``. What was sent to review, and what became of it, is read from
the review queue and its decisions, so a watcher that is killed sends nothing twice.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.data import snapshots
from pipeline.errors import DataError
from pipeline.facts.drift_facts import DriftAlarm
from pipeline.facts.watch_facts import DriftReview
from pipeline.growing import decisions, from_production, quarantine, review_batch
from pipeline.growing.from_production import Queue
from pipeline.growing.logbook import Logbook
from pipeline.inspection import drift, drift_report
from pipeline.store import manifest, production, watch_records
from pipeline.store.home import Home
from pipeline.store.served_files import Served

PATIENCE_SECONDS = 86_400.0
"""After this time a run no longer waits for more unusual images, if all that were found are reviewed."""
REASON = "It was served after a drift alarm, and is unusual or one that the champion is less sure of."


class OnDrift:
    """Looks at what the champion served, and after an alarm sends images to review until a run is due.

    Args:
        home: The home folder.
        images: How many images are reviewed after an alarm; 0 to look at nothing.
        seconds: How often to look.
        log: Where all of it is recorded.
        notify: Called with each sentence that a person should read.
    """

    def __init__(self, home: Home, images: int, seconds: float, *, log: Logbook, notify: Callable[[str], None]) -> None:
        self._home, self._images, self._seconds = home, images, seconds
        self._log, self._notify = log, notify
        self._next_look = 0.0

    def look(self) -> None:
        """Look at what is new in the log, if it is time to, and do what is due.

        Raises:
            DataError: The champion's images cannot be found, it was trained on a dataset that does not grow, or the
                review queue is full or damaged.
            StoreError: A file is damaged, or the disk is full or refuses.
        """
        dataset = self._log.state.dataset
        if not self._images or time.monotonic() < self._next_look or production.current(self._home, dataset) is None:
            return
        self._answer(dataset)
        # Only now: what failed is tried again at once, so that trouble that lasts is noticed.
        self._next_look = time.monotonic() + self._seconds

    def _answer(self, dataset: str) -> None:
        alarm = drift.check(self._home, dataset, notify=self._notify)
        if alarm is None:
            # Another version serves, or the alarm was reset; a run that is due is still carried out.
            if not self._log.state.drift_run_is_due:
                self._log.record(drift=None)
            return
        review = self._log.state.drift
        if review is None or review.alarm != alarm.prediction_id:
            review = self._begun(alarm)
        if not review.snapshot:
            self._go_on(review, alarm)

    def _begun(self, alarm: DriftAlarm) -> DriftReview:
        """Announce an alarm, once, and record what follows from it."""
        dataset = self._log.state.dataset
        known = watch_records.events(self._home, dataset)
        if not any(one.kind == "drift" and one.details.get("prediction") == alarm.prediction_id for one in known):
            page = drift_report.write_page(self._home, drift.examine(self._home, dataset, notify=self._notify))
            self._log.happened(
                "drift",
                f"{alarm.sentence} Up to {self._images:,} of the most unusual images go to review, and a run starts "
                f"when they are reviewed: `simulator.py review --dataset {dataset}`.",
                prediction=alarm.prediction_id,
                since=alarm.since_id,
                score=alarm.score,
                page=str(page or ""),
            )
        review = DriftReview(
            alarm=alarm.prediction_id,
            at=alarm.at,
            since_id=alarm.since_id,
            # A prefix sorts before the id, which is to be looked at, too.
            read_to=alarm.since_id[:-1],
            wanted=self._images,
        )
        self._log.record(drift=review)
        return review

    def _go_on(self, review: DriftReview, alarm: DriftAlarm) -> None:
        """Send what is missing to review, see how far that is, and record it."""
        dataset, queue = self._log.state.dataset, self._queue()
        review_batch.store_what_was_left(self._home, dataset, wait=False, notify=self._notify)
        far = _progress(queue, review)
        read_to = review.read_to
        if len(far.sent) < review.wanted:
            missing = review.wanted - len(far.sent)
            # Audits wait for a review already.
            waiting = {entry.source for entry in quarantine.waiting(queue.folder)} | far.sent
            found, read_to = drift.unusual(
                self._home, dataset, alarm, after=read_to, most=missing, left_out=waiting, notify=self._notify
            )
            _send(queue, found)
            far = _progress(queue, review)
        all_stored = far.sent == far.stored != set()
        enough = len(far.stored) >= review.wanted or (all_stored and _age_seconds(review) > PATIENCE_SECONDS)
        number = snapshots.find(self._home.datasets, dataset).number if enough else 0
        known = {"sent": len(far.sent), "reviewed": len(far.stored), "decided": len(far.decided)}
        self._log.record(drift=review.model_copy(update=known | {"read_to": read_to, "snapshot": number}))

    def _queue(self) -> Queue:
        champion = production.current(self._home, self._log.state.dataset)
        assert champion is not None
        queue = from_production.queue_of(self._home, manifest.read(champion.folder).dataset.origin)
        if queue is None or queue.snapshot.name != self._log.state.dataset:
            raise DataError(
                f"{champion.id} was not trained on the growing dataset {self._log.state.dataset}, so its predictions "
                "cannot be reviewed: train the next champion on that dataset."
            )
        return queue


@dataclass(frozen=True)
class _Progress:
    """The predictions of an alarm that were sent to review, and what became of them.

    Attributes:
        sent: All of them.
        decided: Those whose decisions still have to be stored.
        stored: Those whose decisions are stored.
    """

    sent: set[str]
    decided: set[str]
    stored: set[str]


def _progress(queue: Queue, review: DriftReview) -> _Progress:
    known = decisions.read(queue.folder)
    stored = {one.source for one in known.stored if _is_of(review, one.cause, one.source)}
    waiting = [one for one in quarantine.waiting(queue.folder) if _is_of(review, one.cause, one.source)]
    closed = {digest for digest, one in known.pending.items() if one.action != "skip"}
    decided = {one.source for one in waiting if one.digest in closed}
    sources = {one.source for one in waiting}
    return _Progress(stored | sources, decided, stored - sources)


def _is_of(review: DriftReview, cause: str, source: str) -> bool:
    return cause == quarantine.DRIFT and source >= review.since_id


def _send(queue: Queue, found: Served | None) -> None:
    if found is not None:
        rows = range(len(found))
        entries = [from_production.entry(found, row, quarantine.DRIFT, queue, reason=REASON) for row in rows]
        from_production.add(queue, entries)


def _age_seconds(review: DriftReview) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(review.at)).total_seconds()
