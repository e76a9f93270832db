"""From the inbox into the dataset, one batch after the other."""

import time
from collections.abc import Callable

from pipeline.data import snapshots
from pipeline.errors import PipelineError
from pipeline.facts.watch_facts import BatchInHand
from pipeline.growing import batch_in_hand
from pipeline.growing.arrivals import Desk
from pipeline.growing.inbox import Drop, Inbox
from pipeline.growing.ingest import Order
from pipeline.growing.logbook import Logbook
from pipeline.store import atomic
from pipeline.store.home import Home

TELL_SECONDS = 2.0
"""How often the progress of an ingest is recorded."""


class Intake:
    """Takes batches from an inbox.

    Args:
        home: The home folder.
        inbox: Where they arrive.
        order: How they are ingested.
        desk: Opens what arrives.
        log: Where all of it is recorded.
        delete: Whether to delete what was taken.
        stopping: Whether the watcher should stop; asked between batches, and while one is prepared.

    Attributes:
        refused: How many batches were refused.
    """

    def __init__(
        self,
        home: Home,
        inbox: Inbox,
        order: Order,
        *,
        desk: Desk,
        log: Logbook,
        delete: bool,
        stopping: Callable[[], bool],
    ) -> None:
        self.refused = 0
        self._home, self._inbox, self._order, self._desk = home, inbox, order, desk
        self._log, self._delete, self._stopping = log, delete, stopping
        self._told_at = 0.0
        self._drops: list[Drop] = []

    def look(self) -> None:
        """Look at the inbox without taking anything, so that the next look shows what has changed.

        Raises:
            DataError: The dataset cannot be read.
            StoreError, OSError: The disk fails.
        """
        newest = snapshots.find(self._home.datasets, self._order.dataset)
        self._drops = self._inbox.complete(newest.classes)
        self._log.record(incomplete=self._inbox.incomplete)

    def finish(self) -> None:
        """Finish what an earlier watcher, or an earlier attempt, left in hand.

        Raises:
            PipelineError, OSError: As ``take``.
        """
        known = {batch.id: batch for batch in self._log.state.in_hand}
        for name in self._inbox.batches_in_hand():
            if name in known:
                self._finish(known.pop(name), again=True)
            else:
                self._inbox.put_back(name)
        for name in known:
            self._log.drop(name)

    def take(self) -> None:
        """Take in everything that is complete.

        Raises:
            PipelineError, OSError: The disk is full or fails, the dataset is damaged, or another process is writing
                to it: what is in hand is finished later.
        """
        self.look()
        stuck: OSError | None = None
        for drop in self._drops:
            if self._stopping():
                return
            batch = BatchInHand(id=batch_in_hand.new_id())
            if drop.fault:
                outcome = batch_in_hand.refused(batch, self._order.dataset, [drop.fault])
                batch = batch.model_copy(update={"outcome": outcome})
            # Recorded first: what is to be refused must never be ingested, not even after a crash.
            self._log.keep(batch)
            try:
                self._inbox.take(drop, batch.id)
            except OSError as error:
                # What cannot be moved, for lack of permission say, holds up nothing else.
                stuck = error
            self._finish(batch)
        if stuck is not None:
            raise stuck

    def _finish(self, batch: BatchInHand, *, again: bool = False) -> None:
        if batch.outcome is None and batch_in_hand.holds_files(self._inbox.in_hand(batch.id)):
            batch = self._ingested(batch)
        if batch.outcome is None:
            atomic.remove_tree(self._inbox.in_hand(batch.id))
        else:
            if not (again and self._log.knows_batch(batch.id)):
                self.refused += batch.outcome.whole
                self._log.emit(batch.outcome.happened)
            batch_in_hand.put_away(self._inbox, batch, delete=self._delete)
        self._log.drop(batch.id)

    def _ingested(self, batch: BatchInHand) -> BatchInHand:
        begun = batch.model_copy(update={"attempts": batch.attempts + 1})
        before = self._log.state.doing
        self._log.keep(begun, doing=f"ingesting batch {batch.id}")
        folder = self._inbox.in_hand(batch.id)
        try:
            outcome = batch_in_hand.take_in(
                self._home, begun, folder, self._order, desk=self._desk, progress=self._progress
            )
        except (PipelineError, OSError):
            # The attempt ended, so it is none of those that killed the watcher.
            self._log.keep(batch, doing=before)
            raise
        done = begun.model_copy(update={"outcome": outcome})
        self._log.keep(done, doing=before)
        return done

    def _progress(self, done: int, total: int) -> None:
        if self._stopping():
            raise KeyboardInterrupt
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            self._log.record(doing=f"ingesting: {done:,} of {total:,} images are prepared")
