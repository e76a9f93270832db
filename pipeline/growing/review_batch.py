"""Store what reviewers decided: all pending decisions become the next snapshot of a dataset.

Order: the snapshot; then the images leave the queue; then a line says that the decisions are stored. A process that is
killed in between leaves decisions that are still pending; storing them again changes nothing that was done.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline import moments
from pipeline.data import snapshots
from pipeline.data.notices import Notify
from pipeline.data.shards import Entry
from pipeline.data.snapshots import Snapshot
from pipeline.growing import decisions, exporting, quarantine, removal, review, snapshot_store
from pipeline.growing.decisions import Decided, Stored, Undone
from pipeline.growing.quarantine import Waiting
from pipeline.growing.snapshot_store import Change, Terms
from pipeline.judging.words import counted
from pipeline.store.home import Home

LEFT_ALONE_SECONDS = 600
"""After this long without another decision, the next ingest stores what was decided."""


@dataclass(frozen=True)
class ReviewBatch:
    """What became of the pending decisions of a dataset.

    Attributes:
        id: Of the batch.
        snapshot: The newest snapshot now.
        reviewers: Who decided.
        added: Images that are in the dataset now and were not before.
        relabelled: Images in it whose label changed.
        confirmed: Images in it that have the label which was decided on already.
        discarded: Images that are not used, and refused should they arrive again.
        returned: Images that wait again, because they must be reviewed blind and were not.
        skipped: Images that were skipped.
        waiting: Images that wait for the next review, these among them.
    """

    id: str
    snapshot: Snapshot
    reviewers: tuple[str, ...]
    added: int
    relabelled: int
    confirmed: int
    discarded: int
    returned: int
    skipped: int
    waiting: int

    def in_words(self) -> list[str]:
        """Return the report, one sentence per line."""
        kinds = {
            "added": self.added,
            "relabelled": self.relabelled,
            "confirmed": self.confirmed,
            "discarded": self.discarded,
        }
        found = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "nothing to store"
        lines = [f"Reviewed by {', '.join(self.reviewers)}: {found}." if self.reviewers else "Nothing was decided."]
        if self.returned:
            lines.append(
                f"{counted(self.returned, 'image')} {'is' if self.returned == 1 else 'are'} now in the benchmark "
                "and must be reviewed again, blind."
            )
        if self.waiting:
            wait = "waits" if self.waiting == 1 else "wait"
            skipped = f", {self.skipped:,} of them skipped" if self.skipped else ""
            lines.append(f"{counted(self.waiting, 'image')} {wait} for the next review{skipped}.")
        return [*lines, f"The newest snapshot is {self.snapshot.id} with {counted(self.snapshot.images, 'image')}."]


@dataclass
class _Plan:
    """What the decisions amount to."""

    added: list[Entry] = field(default_factory=list)
    relabelled: list[Entry] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    confirmed: int = 0
    returned: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def store(home: Home, dataset: str, *, wait: bool, notify: Notify) -> ReviewBatch:
    """Store all pending decisions of a dataset; with nothing to change, no snapshot is made.

    Whatever was not reviewed blind is training data from now on, whichever role it might have been given: only
    audits keep the chance to judge. An image that judges already keeps its role, and its label changes only by a blind
    decision.

    Args:
        home: The home folder.
        dataset: The dataset's name.
        wait: Wait for another process that writes to the dataset; otherwise fail at once.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: There is no such dataset, or a file is damaged.
        StoreError: The disk is full or fails; what was not stored is still pending.
    """
    folder = home.datasets / snapshots.find(home.datasets, dataset).name
    removal.finish(home, folder, wait=wait, notify=notify)
    with snapshot_store.writing(folder, wait=wait, notify=notify), quarantine.locked(folder):
        pending = decisions.read(folder).pending
        parent = snapshots.find(home.datasets, dataset)
        batch = f"review-{snapshot_store.batch_id(pending)}"
        plan = _planned(home, folder, parent, pending, batch)
        snapshot = _commit(folder, parent, plan, batch)
        done = [digest for digest in pending if digest not in {*plan.returned, *plan.skipped}]
        quarantine.take_out(folder, done)
        _close(folder, done, (*plan.returned, *plan.skipped), batch)
        waiting = len(quarantine.digests_of(folder))
    return ReviewBatch(
        id=batch,
        snapshot=snapshot,
        reviewers=tuple(sorted({pending[digest].reviewer for digest in done})),
        added=len(plan.added),
        relabelled=len(plan.relabelled),
        confirmed=plan.confirmed,
        discarded=len(plan.discarded),
        returned=len(plan.returned),
        skipped=len(plan.skipped),
        waiting=waiting,
    )


def store_what_was_left(home: Home, dataset: str, *, wait: bool, notify: Notify) -> None:
    """Store the pending decisions of a reviewer who left, or whose process was killed.

    Raises:
        StoreError: The disk is full or fails.
    """
    folder = home.datasets / dataset
    pending = decisions.read(folder).pending if snapshots.numbers(folder) else {}
    times = [moments.seconds_of(one.decided_at) for one in pending.values() if one.action != "skip"]
    if times and time.time() - max(times) > LEFT_ALONE_SECONDS:
        for sentence in store(home, dataset, wait=wait, notify=notify).in_words():
            notify(sentence)


def _planned(home: Home, folder: Path, parent: Snapshot, pending: Mapping[str, Decided], batch: str) -> _Plan:
    plan = _Plan()
    waiting = {entry.digest: entry for entry in quarantine.waiting(folder) if entry.digest in pending}
    blind = review.must_be_blind(home, waiting.values())
    stored = {entry.digest: entry for entry in exporting.entries_of(folder, parent, pending)}
    for digest, decided in pending.items():
        entry = waiting.get(digest)
        if entry is None:
            continue  # removed, labelled in a later batch, or stored by a process that was killed before saying so
        if decided.action == "skip":
            plan.skipped.append(digest)
        elif digest in blind and not decided.blind:
            plan.returned.append(digest)
        elif decided.label is None:
            plan.discarded.append(digest)
        else:
            _label(plan, _labelled(entry, decided, parent, batch), stored.get(digest), blind=decided.blind)
    return plan


def _label(plan: _Plan, entry: Entry, stored: Entry | None, *, blind: bool) -> None:
    if stored is None:
        plan.added.append(entry)
    elif stored.label == entry.label:
        plan.confirmed += 1
    else:
        selection = stored.selection if blind else entry.selection
        kept = replace(stored, label=entry.label, labelled_by=entry.labelled_by, selection=selection, batch=entry.batch)
        plan.relabelled.append(kept)


def _labelled(entry: Waiting, decided: Decided, parent: Snapshot, batch: str) -> Entry:
    facts = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    facts |= {"label": parent.classes.index(str(decided.label)), "labelled_by": decided.reviewer, "batch": batch}
    return Entry(**facts | {"selection": quarantine.selection_of(entry.cause), "reason": ""})


def _commit(folder: Path, parent: Snapshot, plan: _Plan, batch: str) -> Snapshot:
    added = [*plan.added, *plan.relabelled]
    struck = {*plan.discarded, *(entry.digest for entry in plan.relabelled)}
    if not added and struck <= set(parent.removed):
        return parent
    terms = Terms(parent.classes, parent.shape, parent.preparation)
    return snapshot_store.commit(folder, parent, Change(batch, terms, added=added, struck=struck, removed=True))


def _close(folder: Path, done: Collection[str], open_: Collection[str], batch: str) -> None:
    for digest in open_:
        decisions.append(folder, Undone(digest=digest, decided_at=moments.now()))
    if done:
        decisions.append(folder, Stored(digests=tuple(done), batch=batch, decided_at=moments.now()))
