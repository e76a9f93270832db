"""Review: a person looks at one waiting image after another and decides what it shows.

Images of the benchmark, and audits, are reviewed blind: whoever decides gets the picture alone, neither its label nor
what models predict, where it came from or why it waits. So what judges models is never labelled by them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline import moments
from pipeline.data import digests, roles, shards, snapshots
from pipeline.errors import DataError, shown
from pipeline.growing import decisions, exporting, opinions, quarantine, review_order
from pipeline.growing.decisions import Action, Decided, Decisions, Undone
from pipeline.growing.quarantine import Opinion, Waiting
from pipeline.store import production, role_records
from pipeline.store.home import Home

Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Question:
    """One image as a reviewer may see it.

    Attributes:
        digest: Of its pixels.
        png: The picture.
        blind: Whether nothing else is shown.
        label: The name of the class that it arrived with; ``None`` where it has none, or blind.
        reason: Why it waits, in a sentence; empty where blind.
        opinions: What models think of it, the champion first; none where blind.
        twin: The benchmark image that it nearly equals; empty where there is none, or blind.
    """

    digest: str
    png: bytes
    blind: bool
    label: str | None = None
    reason: str = ""
    opinions: tuple[Opinion, ...] = ()
    twin: bytes = b""


@dataclass(frozen=True)
class Progress:
    """How far a review has come.

    Attributes:
        left: Images that this reviewer can still decide on.
        decided: Decisions of anyone that are not stored yet.
        skipped: Images that this reviewer left for later.
    """

    left: int
    decided: int
    skipped: int


class ReviewQueue:
    """The queue of one dataset, in order; it is read again whenever something in it changed.

    Args:
        home: The home folder.
        dataset: The dataset's name.

    Attributes:
        snapshot: The dataset's newest snapshot.

    Raises:
        DataError: There is no such dataset, or a file is damaged.
    """

    def __init__(self, home: Home, dataset: str) -> None:
        self.snapshot = snapshots.find(home.datasets, dataset)
        self._home = home
        self._folder = home.datasets / self.snapshot.name
        self._opinions: dict[tuple[str, str], Opinion] = {}
        self._order: list[Waiting] = []
        self._blind: frozenset[str] = frozenset()
        self._twins: dict[str, bytes] = {}
        self._decisions = Decisions()
        self._queue_seen: Signature | None = None
        self._decisions_seen: Signature | None = None

    @property
    def keys(self) -> dict[str, str]:
        """Class names by the key that stands for each."""
        return review_order.keys(self.snapshot.classes)

    def next(self, reviewer: str) -> Question | None:
        """Return what a reviewer looks at next, ``None`` where nothing is left but what they skipped."""
        self.refresh()
        return next((self._question(entry) for entry in self._order if self._is_open(entry.digest, reviewer)), None)

    def progress(self, reviewer: str) -> Progress:
        """Return how far a reviewer has come, as of the last look."""
        held = {entry.digest for entry in self._order}
        pending = [one for digest, one in self._decisions.pending.items() if digest in held]
        skipped = sum(one.action == "skip" and one.reviewer == reviewer for one in pending)
        left = sum(self._is_open(digest, reviewer) for digest in held)
        return Progress(left, sum(one.action != "skip" for one in pending), skipped)

    def decide(self, digest: str, action: Action, label: str | None, reviewer: str) -> None:
        """Record a decision durably; it replaces an earlier one of the same reviewer.

        Args:
            digest: Of the image.
            action: What becomes of it.
            label: The name of its class; ``None`` unless it gets a label.
            reviewer: Who decides.

        Raises:
            DataError: The image no longer waits, someone else decided on it, or there is no such class or reviewer.
            StoreError: The disk is full or fails.
        """
        _check_reviewer(reviewer)
        if (label is not None) != (action == "label") or (label is not None and label not in self.snapshot.classes):
            raise DataError(f"There is no class {shown(label)} in {self.snapshot.name}: choose one that is offered.")
        with quarantine.locked(self._folder):
            self.refresh()
            entry = next((one for one in self._order if one.digest == digest), None)
            if entry is None:
                raise DataError("This image no longer waits: continue with the next one.")
            known = self._decisions.pending.get(digest)
            if known is not None and known.reviewer != reviewer and known.action != "skip":
                raise DataError(f"{known.reviewer} has already decided on this image: continue with the next one.")
            line = Decided(
                digest=digest,
                action=action,
                label=label,
                reviewer=reviewer,
                decided_at=moments.now(),
                blind=digest in self._blind,
                cause=entry.cause,
                source=entry.source,
            )
            decisions.append(self._folder, line)

    def undo(self, reviewer: str) -> Question | None:
        """Take back a reviewer's last decision that is not stored yet; returns its image, ``None`` without any.

        Raises:
            StoreError: The disk is full or fails.
        """
        with quarantine.locked(self._folder):
            self.refresh()
            held = {entry.digest: entry for entry in self._order}
            own = [one for one in self._decisions.pending.values() if one.reviewer == reviewer and one.digest in held]
            if not own:
                return None
            decisions.append(self._folder, Undone(digest=own[-1].digest, decided_at=moments.now()))
        self.refresh()
        return self._question(held[own[-1].digest])

    def refresh(self) -> None:
        """Read what changed since the last look.

        Raises:
            DataError: A file of the queue is damaged.
            StoreError: A record is damaged.
        """
        seen = _stamps(decisions.path_of(self._folder))
        if seen != self._decisions_seen:
            self._decisions = decisions.read(self._folder)
            self._decisions_seen = seen
        seen = self._queue_stamps()
        if seen != self._queue_seen:
            self._read_queue()
            self._queue_seen = seen

    def _read_queue(self) -> None:
        self.snapshot = snapshots.find(self._home.datasets, self.snapshot.name)
        waiting = self._with_opinions(quarantine.waiting(self._folder))
        self._blind = must_be_blind(self._home, waiting)
        twins = {entry.twin for entry in waiting if entry.twin}
        stored = exporting.entries_of(self._folder, self.snapshot, twins) if twins else []
        self._twins = {entry.digest: entry.png for entry in stored}
        self._order = review_order.ordered([(one, self._label(one), one.digest in self._blind) for one in waiting])

    def _is_open(self, digest: str, reviewer: str) -> bool:
        known = self._decisions.pending.get(digest)
        return known is None or (known.action == "skip" and known.reviewer != reviewer)

    def _question(self, entry: Waiting) -> Question:
        if entry.digest in self._blind:
            return Question(entry.digest, entry.png, blind=True)
        return Question(
            entry.digest,
            entry.png,
            blind=False,
            label=self._label(entry),
            reason=entry.reason,
            opinions=entry.opinions,
            twin=self._twins.get(entry.twin, b""),
        )

    def _label(self, entry: Waiting) -> str | None:
        return None if entry.label == quarantine.NO_LABEL else self.snapshot.classes[entry.label]

    def _with_opinions(self, waiting: list[Waiting]) -> list[Waiting]:
        """The same, each with the current champion's opinion first, if there is one."""
        champion = opinions.champion_of(self._home, self.snapshot.name, self.snapshot.shape)
        if champion is None:
            return waiting
        version = champion.model.id
        own = {(version, entry.digest): one for entry in waiting for one in entry.opinions if one.version == version}
        self._opinions = {**own, **{key: one for key, one in self._opinions.items() if key[0] == version}}
        unseen = [entry for entry in waiting if (version, entry.digest) not in self._opinions]
        if unseen:
            pixels = np.stack([shards.decode(entry.png, self.snapshot.shape) for entry in unseen])
            found = opinions.opinions_of(champion, opinions.predicted(champion, pixels))
            self._opinions |= {(version, entry.digest): one for entry, one in zip(unseen, found, strict=True)}
        return [_with_first(entry, self._opinions[version, entry.digest]) for entry in waiting]

    def _queue_stamps(self) -> Signature:
        """Change whenever an image, a role, the champion or the snapshot does."""
        champion = self._home.production_of(self.snapshot.name) / production.CURRENT
        newest = snapshots.manifest_file(self._folder, snapshots.numbers(self._folder)[-1])
        return _stamps(*quarantine.batches(self._folder), champion, newest, *role_records.files(self._home))


def must_be_blind(home: Home, waiting: Collection[Waiting]) -> frozenset[str]:
    """Return the digests of images to review blind: audits, and images that versions of any lineage are judged on.

    Raises:
        StoreError: A record of roles is damaged.
    """
    audits = {entry.digest for entry in waiting if entry.cause == quarantine.AUDIT}
    return judging(home, [entry.digest for entry in waiting]) | audits


def judging(home: Home, held: Sequence[str]) -> frozenset[str]:
    """Return which digests belong to images that versions are judged on, in any lineage.

    Raises:
        StoreError: A record of roles is damaged.
    """
    recorded = [record for name in role_records.names(home) if (record := role_records.load(home, name)) is not None]
    parts = [record.digests[record.roles == roles.BENCHMARK] for record in recorded]
    benchmark = digests.unique(np.concatenate([np.empty(0, digests.DIGEST_DTYPE), *parts]))
    own = np.frombuffer(b"".join(map(bytes.fromhex, held)), digests.DIGEST_DTYPE)
    return frozenset(digest for digest, at in zip(held, digests.positions(own, benchmark), strict=True) if at >= 0)


def counts(home: Home, dataset: str) -> Mapping[str, int]:
    """Return how many images wait, by cause, and ``pending``: how many decisions are not stored yet.

    Raises:
        DataError: There is no such dataset, or a file is damaged.
    """
    folder = home.datasets / snapshots.find(home.datasets, dataset).name
    pending = decisions.read(folder).pending
    found = dict.fromkeys(quarantine.CAUSES, 0)
    for entry in quarantine.waiting(folder):
        found[entry.cause] += entry.digest not in pending
    return {**found, "pending": len(pending)}


def _with_first(entry: Waiting, opinion: Opinion) -> Waiting:
    others = tuple(one for one in entry.opinions if one.version != opinion.version)
    return replace(entry, opinions=(opinion, *others))


def _check_reviewer(name: str) -> None:
    if not name.isprintable() or not 1 <= len(name.strip()) <= decisions.LONGEST_NAME:
        raise DataError(f"A reviewer needs a name of 1 to {decisions.LONGEST_NAME} characters.")


def _stamps(*paths: Path) -> Signature:
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return (str(path), 0, 0)
    return (str(path), facts.st_mtime_ns, facts.st_size)
