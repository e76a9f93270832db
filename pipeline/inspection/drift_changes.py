"""What is different about images that raised an alarm: the most unusual of them, classes, a known corruption."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Rows
from pipeline.facts.drift_facts import DriftAlarm, DriftState
from pipeline.inspection.drift_monitors import Eye, counted
from pipeline.judging.corruptions import CORRUPTIONS
from pipeline.monitoring import image_scores
from pipeline.monitoring.differences import (
    ClassChange,
    Resemblance,
    beyond,
    class_changes,
    resemblance,
)
from pipeline.monitoring.image_scores import GENERAL, Bins, Seen
from pipeline.monitoring.monitor import Raised
from pipeline.store import served_files, served_log
from pipeline.store.drift_files import Reference
from pipeline.store.home import Home
from pipeline.store.served_files import Served
from pipeline.text import plain

MOST_LOOKED_AT = 2_000
MOST_SHOWN = 24
TO_REVIEW = 0.9
"""Images to be reviewed after an alarm are more unusual than this part of the reference."""
WORDS = {
    image_scores.CONFIDENCE: ("the champion is less sure of them", "the champion is surer of them"),
    image_scores.CLASS_DISTANCE: ("they are farther from every class", "they are nearer to the middle of a class"),
    image_scores.NEIGHBOUR_DISTANCE: (
        "they are farther from all training images",
        "they are nearer to training images, as copies of them would be",
    ),
    image_scores.INK: ("they are brighter", "they are darker"),
    image_scores.RESIDUAL: (
        "they have details that training images do not have",
        "they lack details that training images have",
    ),
    image_scores.SLANT: ("they lean to the left", "they lean to the right"),
}
"""What high and low values of a score mean."""


MEANINGS = {"inversion": "light and dark are swapped"} | {
    corruption.__name__: (corruption.__doc__ or "").strip().rstrip(".").lower() for corruption in CORRUPTIONS
}


@dataclass(frozen=True, eq=False)
class Changes:
    """What is different about some images.

    Attributes:
        looked_at: How many images these are.
        classes: How often each class was predicted, by its name.
        resembles: The corruption that explains the difference; ``None`` if none does.
        ids, images: The most unusual of them, the most unusual first; uint8 ``[n, H, W, C]``.
        predicted: The champion's answer for each of those and how sure it was, 0 to 1.
    """

    looked_at: int
    classes: dict[str, ClassChange]
    resembles: Resemblance | None
    ids: tuple[str, ...]
    images: Images
    predicted: tuple[tuple[str, float], ...]

    def sentences(self) -> list[str]:
        """Return the differences in words, one sentence each."""
        lines = [
            f"'{plain(name)}' is predicted for {100 * change.seen:.1f} % of the last {self.looked_at:,} images; "
            f"{100 * change.expected:.1f} % are expected."
            for name, change in self.classes.items()
            if change.changed
        ]
        if self.resembles is None:
            return [*lines, "No corruption that was tried explains the difference: look at the most unusual images."]
        name, share = self.resembles.name, self.resembles.share
        whom = "all of them" if share == 1 else f"about {100 * share:.0f} % of them"
        return [*lines, f"They look as if {whom} had this corruption: {name.replace('_', ' ')} ({MEANINGS[name]})."]


def of(reference: Reference, seen: Seen, ids: tuple[str, ...]) -> Changes:
    """Return what is different about images, given with their ids."""
    bins = image_scores.bins(reference.scorer, seen)
    first = _farthest_first(reference, seen)[:MOST_SHOWN]
    classes = reference.facts.classes
    most = seen.probabilities[first]
    named = [classes[label] for label in most.argmax(axis=1)]
    return Changes(
        looked_at=len(seen),
        classes=dict(zip(classes, class_changes(reference.counts, bins), strict=True)),
        resembles=resemblance(reference.counts, reference.corrupted, bins),
        ids=tuple(ids[row] for row in first),
        images=seen.images[first],
        predicted=tuple(zip(named, most.max(axis=1).tolist(), strict=True)),
    )


def to_review(reference: Reference, seen: Seen, alarm: DriftAlarm, most: int) -> list[int]:
    """Return the rows of images that were served after an alarm and are to be reviewed.

    First those that are far from the training images, the farthest first; then, the least sure first, those of which
    the champion is less sure and those that have what raised the alarm. Of images that are usual in all of this none.
    """
    bins = image_scores.bins(reference.scorer, seen)
    far = beyond(reference.counts, bins, TO_REVIEW)
    unsure = beyond(reference.counts, bins, TO_REVIEW, image_scores.CONFIDENCE)
    others = (unsure | _like(alarm, reference, bins)) & ~far
    least_sure_first = np.argsort(seen.probabilities.max(axis=1), kind="stable")
    rows = [row for row in _farthest_first(reference, seen).tolist() if far[row]]
    return [*rows, *(row for row in least_sure_first.tolist() if others[row])][:most]


def _like(alarm: DriftAlarm, reference: Reference, bins: Bins) -> NDArray[np.bool_]:
    """Which images have a value of the alarm's score that is as unusual, or were given the class that rose, ``[N]``."""
    if alarm.rises is None:
        return np.zeros(len(bins), bool)
    if alarm.score in GENERAL:
        return beyond(reference.counts, bins, TO_REVIEW, alarm.score, rises=alarm.rises)
    names = [_class_score(name) for name in reference.facts.classes]
    rose = alarm.rises and alarm.score in names
    return bins[:, len(GENERAL) + names.index(alarm.score)] == 1 if rose else np.zeros(len(bins), bool)


def since_change(home: Home, state: DriftState, raised_by: str, count: int) -> str:
    """Return the id of the first image after a change, if it is still in the log, else of the first that is.

    Args:
        home: The home folder.
        state: The monitor.
        raised_by: The id of the image that raised the alarm.
        count: How many images after the change that one is.
    """
    parts = _newest(home, state, after=state.begun_after, until=raised_by, count=count)
    return parts[0].ids[0] if parts else raised_by


def since(home: Home, state: DriftState, first_id: str, eye: Eye) -> Changes | None:
    """Return what is different about the newest images of the log, back to ``first_id``; ``None`` without any.

    Raises:
        StoreError: The log is damaged.
    """
    # A prefix sorts before the id, which is to be included.
    parts = _newest(home, state, after=first_id[:-1], until="~", count=MOST_LOOKED_AT)
    if not parts:
        return None
    images = np.concatenate([part.images for part in parts])
    return of(eye.reference, eye.see(images), tuple(one for part in parts for one in part.ids))


def sign(raised: Raised, classes: tuple[str, ...]) -> tuple[str, str]:
    """Return which score raised an alarm, and what that says about the images."""
    if raised.score < len(GENERAL):
        score = GENERAL[raised.score]
        return score, WORDS[score][0 if raised.rise else 1]
    name = classes[raised.score - len(GENERAL)]
    return _class_score(name), f"'{plain(name)}' is predicted {'more often' if raised.rise else 'less often'}"


def _class_score(name: str) -> str:
    return f"class {plain(name)}"


def _farthest_first(reference: Reference, seen: Seen) -> Rows:
    scores = image_scores.general_scores(reference.scorer, seen)
    return np.argsort(-scores[:, GENERAL.index(image_scores.NEIGHBOUR_DISTANCE)], kind="stable")


def _newest(home: Home, state: DriftState, *, after: str, until: str, count: int) -> list[Served]:
    """The newest images that count, oldest first; read from the end, since a log can be long."""
    parts: list[Served] = []
    for path in reversed(served_log.files(home, state.dataset, state.watched.version)):
        if count <= 0 or path.stem <= after:
            break
        if (served := served_files.read(path)) is None:
            continue
        rows = [row for row in counted(served) if after < served.ids[row] <= until][-count:]
        if rows:
            parts.insert(0, served.rows(rows))
            count -= len(rows)
    return parts
