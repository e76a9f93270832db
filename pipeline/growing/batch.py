"""What became of one batch, in figures and in words."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.data.preparation import Preparation, in_words
from pipeline.data.snapshots import Snapshot
from pipeline.errors import DataError
from pipeline.growing import screening
from pipeline.growing.preparing import Prepared
from pipeline.growing.quarantine import Opinion
from pipeline.growing.screening import Arrival, Decision
from pipeline.judging.words import counted

TITLES = {
    screening.STORED: "Stored",
    screening.COPY: "Exact copies, counted and not stored again",
    screening.WAITING: "Already in quarantine",
    screening.REMOVED: "Refused because a person removed or discarded them earlier",
    screening.UNREADABLE: "Refused as unreadable",
    screening.UNKNOWN_CLASS: "Refused for an unknown class (--new-classes adds it)",
    screening.CONFLICT: "In quarantine for labels that contradict each other",
    screening.DOUBTED: "In quarantine for a label that predictions doubt",
    screening.NEAR_COPY: "In quarantine as near copies of benchmark images",
    screening.UNLABELLED: "In quarantine without a label",
    screening.SURPLUS: "In quarantine as surplus of their class (--max-ratio)",
}

MOST_NAMED = 5
"""Files that were not read, each with a sentence on the terminal."""

Untaken = Mapping[Path, tuple[str, ...]]
"""What was not taken in: for each file, a sentence for each reason."""


class NothingTakenError(DataError):
    """Every image of a batch was refused."""

    def __init__(self, sentence: str, untaken: Untaken) -> None:
        super().__init__(sentence)
        self.untaken = untaken


@dataclass(frozen=True, eq=False)
class Outcome:
    """One arrival, its pixels, what was decided, what the champion thinks of it, and the file that it came in.

    ``twin`` is the digest of the benchmark image that it nearly equals, empty where there is none; ``waited`` says
    whether it was in quarantine for want of a label.
    """

    arrival: Arrival
    prepared: Prepared
    selection: str
    decision: Decision
    opinion: Opinion | None = None
    file: Path | None = None
    twin: str = ""
    waited: bool = False

    @property
    def has_new_label(self) -> bool:
        """Whether it has a label, and is stored or set aside now."""
        return self.arrival.label is not None and self.decision.outcome in screening.NEW


@dataclass(frozen=True, eq=False)
class Batch:
    """What one ingest did.

    Attributes:
        dataset: The dataset's name.
        id: Sorts by time.
        before, after: The newest snapshot before and now; the same where nothing was stored, ``None`` where there is
            none.
        preparation: How the pictures were prepared.
        outcomes: One an image, in the order of arrival.
        faults: Files that hold many images and could not be read, a sentence each.
        left_out: Files that are neither pictures nor tables.
        champion: The version that looked for doubtful labels, ``None`` where there was none.
        out_of_fold: Whether a quick model that did not see the images did so in its place.
        in_quarantine: How many images are in quarantine now, of this batch and of earlier ones.
        seconds: Wall-clock seconds.
        untaken: Files of which something was refused or not read.
    """

    dataset: str
    id: str
    before: Snapshot | None
    after: Snapshot | None
    preparation: Preparation
    outcomes: tuple[Outcome, ...]
    faults: tuple[str, ...]
    left_out: tuple[str, ...]
    champion: str | None
    out_of_fold: bool
    in_quarantine: int
    seconds: float
    untaken: Untaken = field(default_factory=dict)

    @property
    def counts(self) -> Counter[str]:
        """How many arrivals had which outcome."""
        return Counter(outcome.decision.outcome for outcome in self.outcomes)

    @property
    def refused(self) -> int:
        """How many arrivals were refused."""
        return sum(self.counts[kind] for kind in screening.REFUSED)

    @property
    def polarities(self) -> Counter[str]:
        """How many pictures were found to be light on dark, and dark on light."""
        return Counter(one.prepared.polarity for one in self.outcomes if one.prepared.polarity)

    def in_words(self) -> list[str]:
        """Return the report, one sentence per line."""
        pace = 60 * len(self.outcomes) / max(self.seconds, 1e-3)
        lines = [
            f"{counted(len(self.outcomes), 'image')} arrived for {self.dataset}, prepared as "
            f"{in_words(self.preparation)}, {pace:,.0f} per minute."
        ]
        lines += [
            f"{title}: {self.counts[kind]:,}.{self._first(kind)}" for kind, title in TITLES.items() if self.counts[kind]
        ]
        if self.polarities:
            found = " and ".join(f"{count:,} {name.replace('-', ' ')}" for name, count in self.polarities.most_common())
            lines.append(f"Judging by their edges, the pictures are {found}.")
        lines += [f"Not read: {fault}" for fault in self.faults[:MOST_NAMED]]
        if len(self.faults) > MOST_NAMED:
            lines.append(f"Not read: {len(self.faults) - MOST_NAMED:,} more.")
        if self.left_out:
            lines.append(f"Other files left out: {len(self.left_out):,}; the first is {self.left_out[0]}.")
        if self.out_of_fold:
            lines.append("No champion serves this dataset yet: labels were compared with out-of-fold predictions.")
        elif self.champion is None and any(one.has_new_label for one in self.outcomes):
            lines.append(
                "No champion serves this dataset yet, and there are too few images to check labels without one."
            )
        lines += self._labels_in_words()
        if self.in_quarantine:
            lines.append(self._waiting_in_words())
        if self.after is not None:
            lines += screening.uneven(self.after.class_counts)
            lines.append(self._snapshot_in_words())
        return lines

    def in_one_sentence(self) -> str:
        """Return how many images became what."""
        groups = (
            ("stored", (screening.STORED,)),
            ("stored or waiting already", (screening.COPY, screening.WAITING)),
            ("in quarantine", screening.QUARANTINED),
            ("refused", (*screening.REFUSED, screening.REMOVED)),
        )
        counts = [(sum(self.counts[kind] for kind in kinds), name) for name, kinds in groups]
        parts = ", ".join(f"{count:,} {name}" for count, name in counts if count)
        unread = len(self.faults) + len(self.left_out)
        files = f" {counted(unread, 'file')} not read." if unread else ""
        size = f" {self.after.id} has {counted(self.after.images, 'image')}." if self.after else ""
        return f"{counted(len(self.outcomes), 'image')} arrived ({parts}).{files}{size}"

    def facts(self) -> dict[str, Any]:
        """Return the report for other programs."""
        return {
            "dataset": self.dataset,
            "batch": self.id,
            "snapshot": self.after.id if self.after else None,
            "images": self.after.images if self.after else 0,
            "class_counts": self.after.class_counts if self.after else {},
            "outcomes": dict(self.counts),
            "polarities": dict(self.polarities),
            "faults": list(self.faults),
            "left_out": list(self.left_out),
            "champion": self.champion,
            "out_of_fold": self.out_of_fold,
            "in_quarantine": self.in_quarantine,
            "seconds": round(self.seconds, 3),
        }

    def _first(self, kind: str) -> str:
        """The first reason for a refusal; the page has more."""
        if kind not in screening.REFUSED:
            return ""
        reasons = [one.decision.reason for one in self.outcomes if one.decision.outcome == kind]
        return f" {'The first: ' if len(reasons) > 1 else ''}{reasons[0]}"

    def _labels_in_words(self) -> list[str]:
        labelled = [one for one in self.outcomes if one.arrival.label is not None]
        answers = sum(one.decision.outcome == screening.STORED and one.waited for one in labelled)
        ignored = sum(one.decision.outcome == screening.WAITING for one in labelled)
        lines = []
        if answers:
            were = "was" if answers == 1 else "were"
            lines.append(f"{answers:,} of those stored {were} in quarantine for want of a label.")
        if ignored:
            what = "label was" if ignored == 1 else "labels were"
            lines.append(f"{ignored:,} {what} not used: a review decides on the images that are already in quarantine.")
        return lines

    def _waiting_in_words(self) -> str:
        own = sum(self.counts[cause] for cause in screening.QUARANTINED)
        wait = "waits" if self.in_quarantine == 1 else "wait"
        share = "" if own == self.in_quarantine else f", {f'{own:,}' if own else 'none'} of them from this batch"
        review = f"`simulator.py review --dataset {self.dataset}`"
        return f"{counted(self.in_quarantine, 'image')} {wait} for review{share}: {review}."

    def _snapshot_in_words(self) -> str:
        if self.after is None:
            return "Nothing is stored yet."
        shares = ", ".join(f"{name} {count:,}" for name, count in self.after.class_counts.items())
        same = self.before is not None and self.before.number == self.after.number
        verb = "is unchanged" if same else "was made"
        return f"Snapshot {self.after.id} {verb}: {counted(self.after.images, 'image')} ({shares})."
