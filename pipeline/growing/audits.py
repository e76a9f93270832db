"""Accuracy in production, from audits: random served predictions, labelled by people who do not see the prediction.

``served/<dataset>/audits.jsonl`` records which predictions were drawn and what they were; the labels are the reviewers'
decisions. Corrections do not count: only errors are corrected.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.contracts import Deployment
from pipeline.facts.base import Facts
from pipeline.growing import decisions, from_production, quarantine
from pipeline.growing.from_production import Queue
from pipeline.monitoring.accuracy import AccuracyEstimate, accuracy_estimate
from pipeline.store import atomic, manifest, served_upkeep, typed_files
from pipeline.store.home import Home
from pipeline.store.served_files import Served

FILE = "audits.jsonl"
MOST_UNANSWERED = 1_000
"""At most this many audits wait for a label; beyond that none are drawn, whatever the images show."""


class Audit(Facts):
    """One served prediction that was drawn."""

    prediction_id: str
    version: str
    digest: str
    """Of the image."""
    predicted: str
    """The class with the highest probability."""


@dataclass(frozen=True)
class ProductionAccuracy:
    """What the audits of one version say.

    Attributes:
        dataset: The dataset that the version serves.
        version: Its id.
        drawn: Number of audits.
        discarded: Those that show none of the classes, in the reviewer's judgement; they do not count.
        estimate: The accuracy on those that are labelled.
    """

    dataset: str
    version: str
    drawn: int
    discarded: int
    estimate: AccuracyEstimate

    @property
    def waiting(self) -> int:
        """Audits without a label."""
        return self.drawn - self.discarded - self.estimate.labels

    def in_words(self) -> str:
        """Return it in one or two sentences."""
        found = self.estimate
        waiting = f"{self.waiting:,} of {self.drawn:,} audits wait for a label."
        if found.accuracy is None:
            return f"Accuracy in production is unknown: {waiting}"
        between = f"between {100 * found.low:.2f} and {100 * found.high:.2f} %"
        return (
            f"Accuracy in production: {100 * found.accuracy:.2f} % of {found.labels:,} predictions drawn at random; "
            f"{between} with {100 * found.confidence:g} % confidence, however often you look. {waiting}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for other programs."""
        return {
            "accuracy": self.estimate.accuracy,
            "low": self.estimate.low,
            "high": self.estimate.high,
            "confidence": self.estimate.confidence,
            "labels": self.estimate.labels,
            "right": self.estimate.right,
            "drawn": self.drawn,
            "waiting": self.waiting,
            "discarded": self.discarded,
        }


_AUDIT = TypeAdapter(Audit)


def draw(home: Home, queue: Queue, served: Served) -> int:
    """Send served predictions to review, record what they were, and return how many.

    Args:
        home: The home folder.
        queue: Where they wait, without the predictions being shown.
        served: What was drawn, at random.

    Raises:
        StoreError: The disk is full or fails.
        DataError: The queue is full or damaged.
    """
    dataset = served.facts.dataset
    answers = _answers(queue.folder)
    unanswered = sum(audit.digest not in answers for audit in recorded(home, dataset))
    served = served.rows(range(min(len(served), max(0, MOST_UNANSWERED - unanswered))))
    found = [
        Audit(prediction_id=one, version=served.facts.version, digest=digest, predicted=predicted)
        for one, digest, predicted in zip(served.ids, from_production.digests_of(served), served.predicted, strict=True)
    ]
    # What a reviewer answered before needs no second answer.
    asked = [row for row, audit in enumerate(found) if audit.digest not in answers]
    entries = [from_production.entry(served, row, quarantine.AUDIT, queue) for row in asked]
    if entries:
        from_production.add(queue, entries)
    with served_upkeep.changing(home, dataset):
        for audit in found:
            atomic.append_line(_file(home, dataset), audit.model_dump_json())
    return len(found)


def recorded(home: Home, dataset: str) -> list[Audit]:
    """Return every audit of a dataset's champions, oldest first.

    Raises:
        StoreError: The file is damaged; the sentence names the line.
    """
    path = _file(home, dataset)
    lines = atomic.read_lines(path)
    return [
        typed_files.parse(_AUDIT, line.encode(), path.with_name(f"{path.name}, line {number}"))
        for number, line in enumerate(lines, start=1)
    ]


def accuracy(home: Home, dataset: str, version: str, origin: str) -> ProductionAccuracy | None:
    """Return what the audits of a version say; ``None`` where it was never audited.

    Args:
        home: The home folder.
        dataset: The dataset that it serves.
        version: Its id.
        origin: What it was trained on, as its manifest records it.

    Raises:
        StoreError: A record is damaged.
    """
    own = [audit for audit in recorded(home, dataset) if audit.version == version]
    folder = from_production.folder_of(home, origin)
    if not own or folder is None:
        return None
    answers = _answers(folder)
    answered = [audit for audit in own if audit.digest in answers]
    labelled = [audit for audit in answered if answers[audit.digest] is not None]
    right = sum(audit.predicted == answers[audit.digest] for audit in labelled)
    estimate = accuracy_estimate(right, len(labelled))
    return ProductionAccuracy(dataset, version, len(own), len(answered) - len(labelled), estimate)


def of_champion(home: Home, champion: Deployment) -> ProductionAccuracy | None:
    """Return what the audits of a champion say; ``None`` where it was never audited.

    Raises:
        StoreError: A record is damaged.
    """
    if not _file(home, champion.dataset).exists():
        return None
    origin = manifest.read(champion.folder).dataset.origin
    return accuracy(home, champion.dataset, champion.id, origin)


def forget(home: Home, dataset: str, prediction_ids: Collection[str]) -> None:
    """Delete the records of some predictions.

    Raises:
        StoreError: The file is damaged, or the disk is full or fails.
    """
    _forget(home, dataset, lambda audit: audit.prediction_id in prediction_ids)


def forget_images(home: Home, dataset: str, image_digests: Collection[str]) -> None:
    """Delete the records of some images.

    Raises:
        StoreError: The file is damaged, or the disk is full or fails.
    """
    _forget(home, dataset, lambda audit: audit.digest in image_digests)


def changed_at(home: Home, dataset: str, folder: Path) -> tuple[int, ...]:
    """Return a value that changes whenever the answer may change, without reading the files."""
    paths = (_file(home, dataset), decisions.path_of(folder))
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def _forget(home: Home, dataset: str, doomed: Callable[[Audit], bool]) -> None:
    if not _file(home, dataset).exists():
        return
    with served_upkeep.changing(home, dataset):
        found = recorded(home, dataset)
        kept = [audit for audit in found if not doomed(audit)]
        if len(kept) < len(found):
            atomic.write_text(_file(home, dataset), "".join(f"{audit.model_dump_json()}\n" for audit in kept))


def _answers(folder: Path) -> dict[str, str | None]:
    """The class of every image that was decided on in an audit, by digest; ``None`` where it shows none."""
    found = decisions.read(folder)
    return {
        one.digest: one.label
        for one in (*found.stored, *found.pending.values())
        if one.cause == quarantine.AUDIT and one.action != "skip"
    }


def _file(home: Home, dataset: str) -> Path:
    return home.served_of(dataset) / FILE
