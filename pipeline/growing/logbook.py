"""What a watcher knows: its state on disk, and its events."""

from collections.abc import Callable
from typing import Any

from pipeline.facts.watch_facts import BatchInHand, EventKind, WatchEvent, WatchState
from pipeline.growing.announcing import Listeners, emit, event
from pipeline.store import watch_records
from pipeline.store.home import Home


class Logbook:
    """The state of one watcher, written as it changes, and its events.

    Args:
        home: The home folder.
        state: What a watcher that was never here before would record.
        listeners: Who is notified of events.
        tell: Called with every event.

    Attributes:
        state: As it is on disk.
    """

    def __init__(self, home: Home, state: WatchState, listeners: Listeners, tell: Callable[[WatchEvent], None]) -> None:
        self.state = state
        self._home, self._listeners, self._tell = home, listeners, tell

    def record(self, **changes: Any) -> None:
        """Change the state, on disk first; without a change nothing is written.

        Raises:
            StoreError: The disk is full or fails; the state is as it was.
        """
        changed = self.state.model_copy(update=changes)
        if changed != self.state:
            watch_records.write_state(self._home, changed)
            self.state = changed

    def keep(self, batch: BatchInHand, **changes: Any) -> None:
        """Record what is known of a batch in hand.

        Raises:
            StoreError: As in ``record``.
        """
        others = [one for one in self.state.in_hand if one.id != batch.id]
        self.record(in_hand=(*others, batch), **changes)

    def drop(self, batch_id: str, **changes: Any) -> None:
        """Record that a batch is no longer in hand.

        Raises:
            StoreError: As in ``record``.
        """
        self.record(in_hand=tuple(one for one in self.state.in_hand if one.id != batch_id), **changes)

    def emit(self, happened: WatchEvent) -> None:
        """Announce, record and tell an event.

        Raises:
            StoreError: The disk is full or fails; everybody has been notified.
        """
        self._tell(emit(self._home, happened, self._listeners))

    def happened(self, kind: EventKind, sentence: str, **details: str | int | float) -> None:
        """Announce, record and tell something that happened just now.

        Raises:
            StoreError: As in ``emit``.
        """
        self.emit(event(kind, self.state.dataset, sentence, **details))

    def knows_batch(self, batch_id: str) -> bool:
        """Return whether an event records what became of a batch.

        Raises:
            StoreError: The record of events is damaged.
        """
        return any(one.details.get("batch") == batch_id for one in watch_records.events(self._home, self.state.dataset))
