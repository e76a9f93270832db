"""Ingest: what arrives is prepared, checked, and stored as the next snapshot of a dataset."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline import moments
from pipeline.application import Application
from pipeline.contracts import Digests, Images
from pipeline.data import digests, roles, shards, snapshots
from pipeline.data.digests import positions
from pipeline.data.near_copies import Searched, near_copies, searched
from pipeline.data.shards import Entry
from pipeline.data.snapshots import Snapshot
from pipeline.growing import (
    decisions,
    declaring,
    label_doubts,
    opinions,
    quarantine,
    removal,
    review_batch,
    screening,
    snapshot_store,
    stored_labels,
)
from pipeline.growing.arrivals import Arrivals, Desk, Item, collect
from pipeline.growing.batch import Batch, NothingTakenError, Outcome, Untaken
from pipeline.growing.declaring import Wishes
from pipeline.growing.preparing import Prepared, prepare_all
from pipeline.growing.quarantine import Opinion, Waiting
from pipeline.growing.screening import Arrival, Decision, Known
from pipeline.growing.snapshot_store import Change, Terms
from pipeline.store import atomic, role_records
from pipeline.store.home import Home

AUDIT_SHARE = 5
"""One in five images that arrive without a label is reviewed blind, so that the benchmark can grow from them."""
AUDIT_KEY = b"audit"
Progress = Callable[[int, int], None]
"""Called with how many of how many files are prepared."""
CHECKED_TOGETHER = 4_096
"""Images compared with the champion and the benchmark at once: each pass over the benchmark has a fixed cost."""


@dataclass(frozen=True)
class Order:
    """What is ingested, and how.

    Attributes:
        specs: Paths, names that ``--dataset`` takes, or ``hf:owner/name``.
        dataset: The dataset's name.
        label: The class of all images; ``None`` takes each picture's folder.
        wishes: How pictures should be prepared.
        new_classes: Whether labels that the dataset does not know become classes.
        max_ratio: How many times the smallest class the largest may have; ``None`` for any.
        labelled_by: Who labelled the images.
        selection: How the images were chosen, where their source does not say.
        jobs: Number of processes that prepare images.
    """

    specs: tuple[str, ...]
    dataset: str
    label: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    new_classes: bool = False
    max_ratio: float | None = None
    labelled_by: str = ""
    selection: str = shards.ARRIVED
    jobs: int = 1


def ingest(home: Home, order: Order, desk: Desk, progress: Progress, *, wait: bool = True) -> Batch:
    """Take one batch into a dataset; with nothing new to store, no snapshot is made.

    Args:
        home: The home folder.
        order: What is ingested; ``desk.scratch`` is ignored in favour of a folder inside the dataset's.
        desk: Reads whatever is not a file.
        progress: Called with how far the preparation is.
        wait: Wait for another process that writes to the dataset; otherwise fail at once.

    Raises:
        SettingsError: The options contradict the dataset or each other.
        DataError: Nothing can be read from the sources, or all of it was refused (``NothingTakenError``).
        StoreError: The disk is full or fails; the last snapshot is intact.
    """
    declaring.check_name(order.dataset)
    folder = home.datasets / order.dataset
    removal.finish(home, folder, wait=wait, notify=desk.notify)
    review_batch.store_what_was_left(home, order.dataset, wait=wait, notify=desk.notify)
    with snapshot_store.writing(folder, wait=wait, notify=desk.notify):
        scratch = tempfile.TemporaryDirectory(
            dir=folder, prefix=".incoming-", suffix=atomic.TEMPORARY_SUFFIX, ignore_cleanup_errors=True
        )
        with scratch as place:
            arrivals = collect(order.specs, order.label, replace(desk, scratch=Path(place)))
            return _store(home, folder, order, arrivals, progress)


def _store(home: Home, folder: Path, order: Order, arrivals: Arrivals, progress: Progress) -> Batch:
    started = time.monotonic()
    parent = snapshots.latest(folder)
    terms = declaring.terms_of(parent, arrivals.items, order.wishes, new_classes=order.new_classes)
    batch = snapshot_store.batch_id(item.name for item in arrivals.items)
    checks = _Checks.of(home, folder, parent, terms)
    outcomes = _decided(list(_outcomes(arrivals.items, terms, order, checks, progress)), checks.known)
    doubted = None if checks.champion else label_doubts.of_arrivals(outcomes, terms.classes, folder, parent)
    outcomes = outcomes if doubted is None else _decided(doubted, checks.known)
    if order.max_ratio is not None:
        outcomes = _held_back(outcomes, parent.class_counts if parent else {}, order.max_ratio)
    untaken = _untaken(arrivals, outcomes)
    if all(outcome.decision.outcome in screening.REFUSED for outcome in outcomes):
        first = outcomes[0].decision
        raise NothingTakenError(f"Nothing was stored: {first.reason}", untaken)
    entries = [_entry(one, terms, order, batch) for one in outcomes if one.decision.outcome == screening.STORED]
    aside = [_waiting(one, terms, order, batch) for one in outcomes if one.decision.outcome in screening.QUARANTINED]
    # The quarantine first: what is killed in between is found waiting by the next ingest of the same files.
    quarantine.add(folder, batch, aside, terms.classes)
    change = Change(f"ingest {batch}", terms, added=entries)
    snapshot = snapshot_store.commit(folder, parent, change) if entries else parent
    settled = {one.arrival.digest for one in outcomes if one.decision.outcome in (screening.STORED, screening.COPY)}
    quarantine.discard(folder, (settled & checks.known.unlabelled) - {entry.digest for entry in aside})
    return Batch(
        dataset=order.dataset,
        id=batch,
        before=parent,
        after=snapshot,
        preparation=terms.preparation,
        outcomes=tuple(outcomes),
        faults=tuple(sentence for _, sentence in arrivals.faults),
        left_out=tuple(name for _, name in arrivals.left_out),
        champion=checks.champion.model.id if checks.champion else None,
        out_of_fold=doubted is not None,
        in_quarantine=len(quarantine.digests_of(folder)),
        seconds=time.monotonic() - started,
        untaken=untaken,
    )


def _decided(outcomes: Sequence[Outcome], known: Known) -> list[Outcome]:
    decisions = screening.decide([one.arrival for one in outcomes], known)
    return [replace(one, decision=decision) for one, decision in zip(outcomes, decisions, strict=True)]


def _held_back(outcomes: Sequence[Outcome], stored: Mapping[str, int], ratio: float) -> list[Outcome]:
    arrivals, decisions = [one.arrival for one in outcomes], [one.decision for one in outcomes]
    fresh = screening.hold_back(arrivals, decisions, stored, ratio)
    return [replace(one, decision=decision) for one, decision in zip(outcomes, fresh, strict=True)]


def _untaken(arrivals: Arrivals, outcomes: Sequence[Outcome]) -> Untaken:
    found: defaultdict[Path, list[str]] = defaultdict(list)
    for file, sentence in arrivals.faults:
        found[file].append(sentence)
    for file, name in arrivals.left_out:
        found[file].append(f"{name} was left out: it is neither a picture nor a table in a known format.")
    for one in outcomes:
        if one.file is not None and one.decision.outcome in (*screening.REFUSED, screening.REMOVED):
            found[one.file].append(one.decision.reason)
    return {file: tuple(reasons) for file, reasons in found.items()}


@dataclass(frozen=True, eq=False)
class _Checks:
    """What arrivals are compared with."""

    known: Known
    champion: Application | None
    benchmark: tuple[Searched, Digests] | None

    @classmethod
    def of(cls, home: Home, folder: Path, parent: Snapshot | None, terms: Terms) -> "_Checks":
        labels = stored_labels.of(folder, parent)
        removed = parent.removed if parent else ()
        # What a reviewer has decided on already is the reviewer's.
        pending = decisions.read(folder).pending
        decided = {digest for digest, one in pending.items() if one.action != "skip"}
        unlabelled = quarantine.unlabelled(folder) - decided
        waiting = quarantine.digests_of(folder)
        known = Known(frozenset(terms.classes), labels, waiting, unlabelled, frozenset(removed))
        return cls(known, opinions.champion_of(home, folder.name, terms.shape), _benchmark(home, folder, parent))


def _benchmark(home: Home, folder: Path, parent: Snapshot | None) -> tuple[Searched, Digests] | None:
    recorded = role_records.load(home, folder.name)
    if recorded is None or parent is None or parent.images == 0:
        return None
    data = snapshots.load(folder, parent)
    at = positions(data.digests, recorded.digests)
    judges = (at >= 0) & (recorded.roles[at] == roles.BENCHMARK)
    rows = np.flatnonzero(judges)
    return (searched(data.at(rows)), data.digests[rows]) if len(rows) else None


def _outcomes(
    items: Sequence[Item], terms: Terms, order: Order, checks: _Checks, progress: Progress
) -> Iterator[Outcome]:
    """Every item with what the checks that look at pixels say; the decision is still open."""
    done, waiting = 0, list[tuple[Item, Prepared]]()
    for chunk in prepare_all(items, terms.preparation, order.jobs):
        waiting += zip(items[done : done + len(chunk)], chunk, strict=True)
        done += len(chunk)
        progress(done, len(items))
        if len(waiting) >= CHECKED_TOGETHER or done == len(items):
            yield from _checked(waiting, order, checks)
            waiting = []


def _checked(prepared: Sequence[tuple[Item, Prepared]], order: Order, checks: _Checks) -> Iterator[Outcome]:
    sound = [number for number, (_, one) in enumerate(prepared) if not one.fault]
    doubts: dict[int, str] = {}
    twins: dict[int, tuple[str, str]] = {}
    views: dict[int, Opinion] = {}
    if sound:
        pixels = np.stack([prepared[number][1].pixels for number in sound])
        if checks.champion is not None:
            items = [prepared[number][0] for number in sound]
            labels = [None if item.selection == shards.TESTING else item.label for item in items]
            predicted = opinions.predicted(checks.champion, pixels)
            doubts.update(zip(sound, screening.doubts(predicted, labels, checks.champion.classes), strict=True))
            views.update(zip(sound, opinions.opinions_of(checks.champion, predicted), strict=True))
        twins.update((sound[row], twin) for row, twin in _twins(checks, pixels).items())
    for number, (item, one) in enumerate(prepared):
        likeness, twin = twins.get(number, ("", ""))
        arrival = Arrival(item.name, item.label, one.digest, one.fault, doubts.get(number, ""), likeness)
        waited = one.digest in checks.known.unlabelled
        selection = _selection(item, order, waited=waited)
        yield Outcome(arrival, one, selection, Decision(""), views.get(number), item.file, twin, waited)


def _selection(item: Item, order: Order, *, waited: bool) -> str:
    if item.selection != shards.ARRIVED:
        return item.selection
    # Nobody knows why this one was labelled and others still wait: it is training data, as if it had been reviewed.
    return quarantine.selection_of(screening.UNLABELLED) if waited else order.selection


def _twins(checks: _Checks, pixels: Images) -> dict[int, tuple[str, str]]:
    """How nearly arrivals equal a benchmark image, in words, and its digest, by row; those without one are left out."""
    if checks.benchmark is None:
        return {}
    judges, own = checks.benchmark
    copies = near_copies(judges, pixels)
    found = zip(copies.benchmark.tolist(), copies.training.tolist(), copies.correlation.tolist(), strict=True)
    return {row: (f"correlation {share:.3f}", own[twin].tobytes().hex()) for row, twin, share in found}


def _entry(outcome: Outcome, terms: Terms, order: Order, batch: str) -> Entry:
    arrival, prepared = outcome.arrival, outcome.prepared
    return Entry(
        png=prepared.png,
        label=terms.classes.index(arrival.label) if arrival.label in terms.classes else quarantine.NO_LABEL,
        digest=prepared.digest,
        source=arrival.name,
        arrived_at=moments.now(),
        batch=batch,
        labelled_by=order.labelled_by,
        selection=outcome.selection,
        polarity=prepared.polarity,
        reason=outcome.decision.reason,
    )


def _waiting(outcome: Outcome, terms: Terms, order: Order, batch: str) -> Waiting:
    cause = outcome.decision.outcome
    if cause == screening.UNLABELLED and _is_drawn(outcome.prepared.digest):
        cause = quarantine.AUDIT
    entry = replace(_entry(outcome, terms, order, batch), selection=quarantine.selection_of(cause))
    views = (outcome.opinion,) if outcome.opinion else ()
    return Waiting(**vars(entry), cause=cause, opinions=views, twin=outcome.twin)


def _is_drawn(digest: str) -> bool:
    """Whether an image without a label is audited: one in ``AUDIT_SHARE``, whatever it shows."""
    one = np.frombuffer(bytes.fromhex(digest), digests.DIGEST_DTYPE)
    return int(roles.keyed_hashes(one, AUDIT_KEY)[0]) % AUDIT_SHARE == 0
