"""Images that production saw go to the review queue: corrected by a user, drawn for an audit, or disagreed about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.data import digests, shards, snapshots
from pipeline.data.snapshots import Snapshot
from pipeline.errors import DataError
from pipeline.growing import decisions, quarantine
from pipeline.growing.quarantine import Opinion, Waiting
from pipeline.store.home import Home
from pipeline.store.served_files import Served

MOST_WAITING = 1_000
"""At most this many images with one cause wait for a reviewer; beyond that no more are added."""


@dataclass(frozen=True)
class Queue:
    """Where the images of one champion wait.

    Attributes:
        folder: The dataset's folder, ``datasets/<name>``.
        snapshot: Its newest snapshot.
    """

    folder: Path
    snapshot: Snapshot


def queue_of(home: Home, origin: str) -> Queue | None:
    """Return the queue of the dataset that a version was trained on; ``None`` if it does not grow.

    Args:
        home: The home folder.
        origin: The version's, as its manifest records it: ``name@number`` for a dataset that grows.

    Raises:
        DataError: The newest snapshot's manifest is damaged.
    """
    folder = folder_of(home, origin)
    return None if folder is None else Queue(folder, snapshots.find(home.datasets, folder.name))


def folder_of(home: Home, origin: str) -> Path | None:
    """Return the folder of the dataset that a version was trained on; ``None`` if it does not grow."""
    return home.datasets / origin.partition("@")[0] if snapshots.refers(origin, home.datasets) else None


def add(queue: Queue, entries: Sequence[Waiting]) -> int:
    """Put images with one cause into a queue, as far as there is room; returns how many are new to it.

    Raises:
        StoreError: The disk is full or fails.
        DataError: There is no room, or a file of the queue is damaged.
    """
    cause = entries[0].cause
    own = [path for path in quarantine.batches(queue.folder) if path.stem.startswith(f"{_slug(cause)}-")]
    room = MOST_WAITING - sum(shards.read(path, ["digest"]).num_rows for path in own)
    if room <= 0:
        raise DataError(
            f"{MOST_WAITING:,} images ({cause}) already wait for review, so no more are added: "
            f"`simulator.py review {queue.snapshot.name}`."
        )
    return quarantine.add(queue.folder, entries[0].batch, entries[:room], queue.snapshot.classes)


def entry(
    served: Served,
    row: int,
    cause: str,
    queue: Queue,
    *,
    label: str | None = None,
    reason: str = "",
    labelled_by: str = "",
    opinions: Sequence[Opinion] = (),
) -> Waiting:
    """Return a served image as the queue takes it; images with one cause join one batch an hour.

    Args:
        served: What was served.
        row: Which of it.
        cause: One of ``quarantine.CAUSES``.
        queue: Whose classes the label counts in.
        label: The class that somebody says it shows.
        reason: A sentence for the reviewer.
        labelled_by: Who says so.
        opinions: What other models think of it.
    """
    classes = queue.snapshot.classes
    own = Opinion.of(served.facts.version, served.probabilities[row], served.facts.classes)
    return quarantine.of_pixels(
        served.images[row],
        cause=cause,
        source=served.ids[row],
        batch=f"{_slug(cause)}-{datetime.now(UTC):%Y%m%d-%H}",
        label=classes.index(label) if label in classes else quarantine.NO_LABEL,
        reason=reason,
        labelled_by=labelled_by,
        opinions=(own, *opinions),
    )


def digests_of(served: Served) -> list[str]:
    """Return the hexadecimal digest of each image, as the queue and the datasets know it."""
    return [one.tobytes().hex() for one in digests.image_digests(served.images)]


def withdraw(folder: Path, prediction_ids: Collection[str]) -> set[str]:
    """Take images out of a queue again, with what was decided on them; returns the predictions that were there.

    Raises:
        StoreError: The disk is full or fails.
        DataError: A file of the queue is damaged.
    """
    return _withdraw(folder, [one for one in quarantine.waiting(folder) if one.source in prediction_ids])


def withdraw_correction(folder: Path, prediction_id: str) -> None:
    """Take back what a user said of a prediction, unless somebody has decided on it; other causes are left alone.

    Raises:
        StoreError: The disk is full or fails.
        DataError: A file of the queue is damaged.
    """
    decided = decisions.read(folder).pending
    said = [one for one in quarantine.waiting(folder) if one.source == prediction_id and one.digest not in decided]
    _withdraw(folder, [one for one in said if one.cause == quarantine.CORRECTED])


def _withdraw(folder: Path, doomed: Sequence[Waiting]) -> set[str]:
    waiting = {one.digest: one.source for one in doomed}
    if waiting:
        quarantine.discard(folder, waiting)
        with quarantine.locked(folder):
            decisions.forget(folder, waiting)
    return set(waiting.values())


def _slug(cause: str) -> str:
    return cause.replace(" ", "-")
