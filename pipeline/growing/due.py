"""When a watcher's next run is due."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline import moments
from pipeline.data import snapshots
from pipeline.data.snapshots import Snapshot
from pipeline.errors import SettingsError, shown
from pipeline.facts.watch_facts import WatchState
from pipeline.growing.snapshot_store import stored_rows
from pipeline.store import manifest, production
from pipeline.store.home import Home

_PACE = re.compile(r"(?P<runs>[1-9]\d{0,5})/(?P<count>[1-9]\d{0,5})?(?P<unit>min|h|d)")
_SECONDS = {"min": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class Pace:
    """How often runs may begin: at most ``runs`` in any ``seconds``."""

    text: str
    runs: int
    seconds: int

    @classmethod
    def of(cls, text: str) -> "Pace":
        """Return the rate that ``1/h``, ``4/d`` or ``2/30min`` stands for.

        Raises:
            SettingsError: The text is not a rate.
        """
        found = _PACE.fullmatch(text)
        if found is None:
            raise SettingsError(
                f"--at-most {shown(text)} is not a rate: give runs per time, as in 1/h, 4/d or 1/30min."
            )
        return cls(text, int(found["runs"]), int(found["count"] or 1) * _SECONDS[found["unit"]])

    def recent(self, begun: tuple[str, ...], now: datetime) -> tuple[str, ...]:
        """Return the runs, by when they began (ISO 8601), that count at a moment."""
        first = moments.of_seconds(now.timestamp() - self.seconds)
        return tuple(moment for moment in begun if moment > first)

    def allows(self, begun: tuple[str, ...], now: datetime | None = None) -> bool:
        """Return whether another run may begin."""
        return len(self.recent(begun, now or datetime.now(UTC))) < self.runs


def is_due(state: WatchState, pace: Pace | None) -> bool:
    """Return whether a run should begin; one that was interrupted continues without waiting for anything."""
    if state.running_on:
        return True
    wanted = state.drift_run_is_due or 0 < state.new >= state.every
    return wanted and (pace is None or pace.allows(state.runs_begun))


def new_images(folder: Path, newest: Snapshot, trained: int) -> int:
    """Return how many images of the newest snapshot were not in the one that was trained on, by digest.

    Args:
        folder: ``datasets/<name>``.
        newest: The newest snapshot.
        trained: The number of that snapshot; 0 for none.

    Raises:
        DataError: A shard is missing or damaged.
    """
    if trained == newest.number:
        return 0
    known = _digests(folder, snapshots.read(folder, trained)) if trained in snapshots.numbers(folder) else set()
    return len(_digests(folder, newest) - known)


def trained_before(home: Home, dataset: str) -> int:
    """Return the number of the snapshot that a dataset's champion was trained on, 0 where there is none.

    Raises:
        StoreError: ``current.json`` is damaged.
    """
    champion = production.current(home, dataset)
    if champion is None:
        return 0
    name, _, number = manifest.read(champion.folder).dataset.snapshot.partition("@")
    return int(number) if name == dataset else 0


def _digests(folder: Path, snapshot: Snapshot) -> set[str]:
    rows = stored_rows(folder, snapshot, ["digest"])
    return {digest for table in rows for digest in table.column("digest").to_pylist()}
