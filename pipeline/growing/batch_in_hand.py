"""Take a batch from the inbox into the dataset, step by step: a crash loses nothing and repeats nothing.

Each step is recorded before the next begins: in hand (moved out of the inbox), ingested (what was not taken is
known), announced, put away. A batch that is ingested twice changes nothing, since copies are only counted.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.data import idx, snapshots
from pipeline.errors import DataError, PipelineError, SettingsError, StoreError
from pipeline.facts.watch_facts import BatchInHand, BatchOutcome, WatchEvent
from pipeline.growing import batch_report, quarantine, snapshot_store
from pipeline.growing.announcing import event
from pipeline.growing.arrivals import Desk
from pipeline.growing.batch import Batch, NothingTakenError
from pipeline.growing.inbox import DONE, REFUSED, Inbox, move
from pipeline.growing.ingest import Order, Progress, ingest
from pipeline.store import atomic
from pipeline.store.home import Home
from pipeline.text import plain

MOST_ATTEMPTS = 10
"""A batch whose ingest did not finish in this many attempts is assumed to kill the watcher, and is refused."""
MOST_REASONS = 1_000
"""At most this many are written into the text file next to a refused batch."""


def new_id() -> str:
    """Return a name for a batch that sorts by time."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def refused(batch: BatchInHand, dataset: str, reasons: Sequence[str]) -> BatchOutcome:
    """Return the outcome of a batch from which nothing is taken in."""
    more = f" {REFUSED}/{batch.id}.txt has {len(reasons) - 1:,} more reasons." if len(reasons) > 1 else ""
    sentence = f"Batch {batch.id} was refused. {reasons[0]}{more}"
    happened = event("failed_batch", dataset, sentence, batch=batch.id)
    return BatchOutcome(whole=True, reasons=_harmless(reasons), happened=happened)


def take_in(
    home: Home, batch: BatchInHand, folder: Path, order: Order, *, desk: Desk, progress: Progress
) -> BatchOutcome:
    """Ingest a batch; whatever is wrong with it costs the batch or a part of it, and nothing else.

    Args:
        home: The home folder.
        batch: What is recorded of it.
        folder: Where it is.
        order: How it is ingested, but for its sources.
        desk: Opens what arrived.
        progress: Called with how far the preparation is; what it raises ends the ingest.

    Raises:
        PipelineError: The disk is full or fails, the dataset or its champion is damaged, or another process is
            writing to the dataset: the batch can be tried again.
    """
    if batch.attempts > MOST_ATTEMPTS:
        return refused(batch, order.dataset, [f"The watcher was killed {MOST_ATTEMPTS} times while it ingested this."])
    try:
        done = _as_sent(ingest(home, _for_folder(order, folder), desk, progress, wait=False), folder)
    except NothingTakenError as error:
        reasons = [reason for reasons in error.untaken.values() for reason in reasons]
        return refused(batch, order.dataset, _relative(reasons or [str(error)], folder))
    except (DataError, SettingsError) as error:
        _require_sound(home, order.dataset)
        return refused(batch, order.dataset, _relative([str(error)], folder))
    except (PipelineError, OSError):
        raise
    except Exception as error:  # a watcher must outlive whatever it is given
        return refused(
            batch, order.dataset, _relative([f"The ingest failed with {type(error).__name__}: {error}."], folder)
        )
    page = batch_report.write(home, done)
    sentence = f"Batch {batch.id}: {done.in_one_sentence()}"
    images = done.after.images if done.after else 0
    happened = event("batch", order.dataset, sentence, batch=batch.id, report=str(page), images=images)
    return _outcome(folder, done, happened)


def put_away(inbox: Inbox, batch: BatchInHand, *, delete: bool) -> None:
    """Move what was taken to ``done``, or delete it, and what was not to ``refused`` with the reasons beside it.

    Every step can be repeated.

    Raises:
        StoreError: The disk is full or fails; the next call goes on.
    """
    folder, outcome = inbox.in_hand(batch.id), batch.outcome
    assert outcome is not None
    if outcome.reasons:
        reasons = "".join(f"{sentence}\n" for sentence in outcome.reasons)
        atomic.write_text(inbox.folder / REFUSED / f"{batch.id}.txt", reasons)
    with atomic.disk_errors(folder):
        if outcome.whole:
            move(folder, inbox.folder / REFUSED / batch.id)
        for file in outcome.files:
            move(folder / file, inbox.folder / REFUSED / batch.id / file)
        if not delete and holds_files(folder):
            move(folder, inbox.folder / DONE / batch.id)
    atomic.remove_tree(folder)


def holds_files(folder: Path) -> bool:
    """Return whether there is a file anywhere below a folder."""
    return any(files for _, _, files in os.walk(folder))


def _for_folder(order: Order, folder: Path) -> Order:
    """The order for a batch's folder: an archive, a table or a folder of IDX files in it is a source of its own."""
    found = sorted(folder.iterdir())
    alone = found[0] if len(found) == 1 else None
    is_source = alone is not None and (alone.is_file() or bool(idx.find(alone)))
    return replace(order, specs=(str(alone if is_source else folder),))


def _outcome(folder: Path, done: Batch, happened: WatchEvent) -> BatchOutcome:
    files = [path.relative_to(folder).as_posix() for path in done.untaken if path.is_relative_to(folder)]
    reasons = [reason for reasons in done.untaken.values() for reason in reasons]
    return BatchOutcome(
        whole=False,
        files=tuple(sorted(filter(str.isprintable, files))),
        reasons=_harmless(reasons),
        happened=happened,
    )


def _relative(reasons: Iterable[str], folder: Path) -> list[str]:
    """Name files as they were sent: where they are in hand, they will not be when this is read."""
    fresh = list(reasons)
    for place in (folder, folder.resolve()):
        fresh = [reason.replace(f"{place}/", "").replace(str(place), "the batch") for reason in fresh]
    return fresh


def _as_sent(done: Batch, folder: Path) -> Batch:
    """The batch with its files named as they were sent."""
    reasons = _relative((one.decision.reason for one in done.outcomes), folder)
    outcomes = zip(done.outcomes, reasons, strict=True)
    return replace(
        done,
        outcomes=tuple(replace(one, decision=replace(one.decision, reason=reason)) for one, reason in outcomes),
        faults=tuple(_relative(done.faults, folder)),
        untaken={file: tuple(_relative(reasons, folder)) for file, reasons in done.untaken.items()},
    )


def _harmless(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(plain(reason, longest=500) for reason in list(reasons)[:MOST_REASONS])


def _require_sound(home: Home, dataset: str) -> None:
    """Distinguish a fault of the batch from a fault of the dataset, for which no batch may be refused.

    Raises:
        StoreError: The dataset itself cannot be read.
    """
    folder = home.datasets / dataset
    try:
        newest = snapshots.find(home.datasets, dataset)
        for _ in snapshot_store.stored_rows(folder, newest, ["digest"]):
            pass  # every shard is read
        quarantine.digests_of(folder)
    except DataError as error:
        raise StoreError(str(error)) from error
