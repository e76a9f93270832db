"""A watcher in this process that trains nothing, for tests of what it takes in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from small_pictures import NAME

from pipeline.config import Settings
from pipeline.data import snapshots
from pipeline.facts.watch_facts import WatchEvent
from pipeline.growing import exporting, quarantine
from pipeline.growing.arrivals import Desk
from pipeline.growing.ingest import Order
from pipeline.growing.watch import Orders, Watch
from pipeline.store.home import Home

SETTLE_SECONDS = 0.05
NEVER = 1_000_000
WatchOnce = Callable[..., Watch]


def orders_for(inbox: Path, **changes: Any) -> Orders:
    """Orders that no number of images makes train."""
    own = {name: changes.pop(name) for name in ("new_classes", "max_ratio", "labelled_by") if name in changes}
    plain = Orders(Order((), NAME, **own), inbox, Settings(), every=NEVER, settle_seconds=SETTLE_SECONDS)
    return replace(plain, **changes)


def watch_once(home: Home, desk: Desk, orders: Orders, told: list[WatchEvent]) -> Watch:
    """Let a watcher look once; keeps what it tells."""
    watcher = Watch(home, orders, desk, told.append)
    watcher.once()
    return watcher


def stored(home: Home) -> list[str]:
    """The digests of everything that was taken in, stored or set aside."""
    folder = home.datasets / NAME
    newest = snapshots.find(home.datasets, NAME)
    entries = [*exporting.entries_of(folder, newest), *quarantine.waiting(folder)]
    return sorted(entry.digest for entry in entries)


def files(folder: Path) -> list[str]:
    """Every file below a folder, as paths relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
