"""Whether served images are still like those that the champion was judged on, checked as they come in."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from pipeline.contracts import Deployment, UnlabelledImages
from pipeline.data.notices import silent
from pipeline.errors import DataError, DeployError
from pipeline.facts.drift_facts import DriftAlarm, DriftState
from pipeline.inspection import drift_changes, drift_monitors, drift_reference
from pipeline.inspection.drift_changes import Changes
from pipeline.inspection.drift_monitors import Eye
from pipeline.monitoring import image_scores
from pipeline.monitoring.martingales import Martingale
from pipeline.monitoring.monitor import ALPHA, Raised, follow
from pipeline.store import drift_files, prediction_ids, production, served_files, served_log
from pipeline.store.home import Home
from pipeline.store.served_files import Served

Notify = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Drift:
    """What is known about the images that a champion served, or about a set of images.

    Attributes:
        champion: The champion.
        state: Its monitor; ``None`` where nothing that it served was logged, and for a set of images.
        alarm: A sentence saying that they differ from those it was judged on; ``None`` without an alarm.
        changes: What is different; ``None`` without an alarm, and where the log no longer has the images.
        images: How many images these are.
        reference_images: How many they were compared with; 0 if no image was.
    """

    champion: Deployment
    state: DriftState | None
    alarm: str | None
    changes: Changes | None
    images: int
    reference_images: int


def check(home: Home, dataset: str, *, data_dir: Path | None = None, notify: Notify = silent) -> DriftAlarm | None:
    """Read what was served since the last check, and return the alarm of the champion's monitor, if there is one.

    The first check of a champion takes long, one without new images hardly any time. An alarm stays until another
    version serves, or until ``reset``.

    Args:
        home: The home folder.
        dataset: Whose champion serves.
        data_dir: Folder with local MNIST files.
        notify: Called with each sentence that a person should read.

    Raises:
        DeployError: The dataset has no champion.
        DataError: The champion's images cannot be found.
        StoreError: A file is damaged, or the disk fails.
    """
    champion = _champion(home, dataset)
    with drift_files.changing(home, dataset):
        state = _advance(home, champion, data_dir, notify)
    return state.alarm if state else None


def examine(home: Home, dataset: str, *, data_dir: Path | None = None, notify: Notify = silent) -> Drift:
    """Do what ``check`` does, and say what is different where there is an alarm; arguments and errors are the same."""
    champion = _champion(home, dataset)
    with drift_files.changing(home, dataset):
        state = _advance(home, champion, data_dir, notify)
    if state is None:
        return Drift(champion, None, None, None, 0, 0)
    alarm, changes = state.alarm, None
    if alarm is not None:
        eye = _eye(home, champion, data_dir, notify)
        changes = drift_changes.since(home, state, alarm.since_id, eye)
    sentence = alarm.sentence if alarm else None
    return Drift(champion, state, sentence, changes, state.images, state.watched.reference_images)


def unusual(
    home: Home,
    dataset: str,
    alarm: DriftAlarm,
    *,
    after: str,
    most: int,
    left_out: Collection[str] = (),
    data_dir: Path | None = None,
    notify: Notify = silent,
) -> tuple[Served | None, str]:
    """Return the most unusual images that the champion served, for a review; usual ones are left out.

    Args:
        home: The home folder.
        dataset: Whose champion serves.
        alarm: What they are reviewed for.
        after: Only predictions with larger ids are looked at: the next ``drift_changes.MOST_LOOKED_AT``.
        most: How many are returned at most.
        left_out: Prediction ids that are not returned.
        data_dir: Folder with local MNIST files.
        notify: Called with each sentence that a person should read.

    Returns:
        The images in the order of their ids, ``None`` where there are none, and the last id that was looked at.

    Raises:
        PipelineError: As ``check``.
    """
    champion = _champion(home, dataset)
    parts, left = [], drift_changes.MOST_LOOKED_AT
    for served in served_log.read(home, dataset, version=champion.id, after=after, settled=True):
        parts.append(served.rows(range(min(len(served), left))))
        left -= len(parts[-1])
        if left == 0:
            break
    if not parts:
        return None, after
    looked_at = served_files.join(parts)
    rows = [row for row in drift_monitors.counted(looked_at) if looked_at.ids[row] not in left_out]
    counted = looked_at.rows(rows)
    eye = _eye(home, champion, data_dir, notify)
    chosen = drift_changes.to_review(eye.reference, eye.see(counted.images), alarm, most) if rows else []
    return counted.rows(sorted(chosen)) if chosen else None, looked_at.ids[-1]


def prepare(home: Home, dataset: str, *, data_dir: Path | None = None, notify: Notify = silent) -> int:
    """Make the reference of the champion, if it is not there; return how many images it has.

    Otherwise the first check makes it. Arguments and errors are those of ``check``.
    """
    champion = _champion(home, dataset)
    with drift_files.changing(home, dataset):
        return drift_reference.of(home, champion, data_dir=data_dir, notify=notify).facts.images


def examine_images(
    home: Home, dataset: str, images: UnlabelledImages, *, data_dir: Path | None = None, notify: Notify = silent
) -> Drift:
    """Compare a set of images with those that the champion was judged on; their order does not matter.

    Nothing of this is kept, and the promise is for this one set: a false alarm with a probability of ``ALPHA`` at most.
    Errors are those of ``check``.
    """
    champion = _champion(home, dataset)
    eye = _eye(home, champion, data_dir, notify)
    seen = eye.see(images.images[:])
    bins = image_scores.bins(eye.reference.scorer, seen)
    order = np.random.default_rng(drift_reference.SEED).permutation(len(bins))
    martingale = Martingale(eye.reference.counts.copy(), eye.reference.scorer.vanishing)
    raised = follow(martingale, bins[order], level=ALPHA, seed=(drift_reference.SEED,))
    sentence, changes = None, None
    if raised is not None:
        _, meaning = drift_changes.sign(raised, eye.reference.facts.classes)
        sentence = f"These images are unlike those that {champion.id} was judged on: {meaning}."
        changes = drift_changes.of(eye.reference, seen, images.ids)
    return Drift(champion, None, sentence, changes, len(seen), eye.reference.facts.images)


def reset(home: Home, dataset: str, reason: str) -> DriftState:
    """End the monitor of a dataset; the next one starts with what is served from now on.

    Raises:
        DataError: There is no monitor.
        StoreError: Its state is damaged, or the disk fails.
    """
    with drift_files.changing(home, dataset):
        state = drift_files.read_state(home, dataset)
        if state is None:
            raise DataError(f"There is no drift monitor of '{dataset}' yet: `simulator.py drift` starts it.")
        fresh = drift_monitors.following(state, reason, after=prediction_ids.first_after(time.time_ns() // 1_000))
        drift_files.write_state(home, fresh)
        drift_files.remove_page(home, dataset)
    return fresh


def _advance(home: Home, champion: Deployment, data_dir: Path | None, notify: Notify) -> DriftState | None:
    """Take in what is new in the log; return the state, ``None`` where nothing that the champion served was logged."""
    state = drift_files.read_state(home, champion.dataset)
    own = state if state is not None and state.watched.digest == champion.digest else None
    if own is not None and own.alarm is not None:
        return own
    after = state.read_to if state else ""
    unread = served_log.read(home, champion.dataset, version=champion.id, after=after, settled=True)
    first = next(unread, None)
    if first is None:
        return own
    eye = _eye(home, champion, data_dir, notify)
    state = drift_monitors.current(state, champion, eye.reference)
    martingale = drift_files.martingale_of(state.martingale, eye.reference)
    for served in chain([first], unread):
        state, raised = drift_monitors.taken(state, served, martingale, eye)
        if raised is not None:
            state = state.model_copy(update={"alarm": _alarm(home, state, raised, eye)})
            break
    drift_files.write_state(home, state)
    return state


def _alarm(home: Home, state: DriftState, raised: Raised, eye: Eye) -> DriftAlarm:
    since_id = drift_changes.since_change(home, state, state.read_to, raised.image - raised.since)
    changes = drift_changes.since(home, state, since_id, eye)
    score, meaning = drift_changes.sign(raised, eye.reference.facts.classes)
    sentence = (
        f"Since {prediction_ids.when(since_id)}, after {raised.since:,} images, what {state.watched.version} sees has "
        f"been unlike the images that it was judged on: {meaning}."
    )
    return DriftAlarm(
        key=f"{state.dataset}-{state.number}",
        sentence=sentence,
        score=score,
        rises=raised.rise,
        image=raised.image,
        since=raised.since,
        prediction_id=state.read_to,
        at=prediction_ids.when(state.read_to),
        since_id=since_id,
        unusual=changes.ids if changes else (),
    )


def _eye(home: Home, champion: Deployment, data_dir: Path | None, notify: Notify) -> Eye:
    reference = drift_reference.of(home, champion, data_dir=data_dir, notify=notify)
    return Eye(reference, drift_reference.predictor(champion))


def _champion(home: Home, dataset: str) -> Deployment:
    champion = production.current(home, dataset)
    if champion is None:
        raise DeployError(f"The dataset '{dataset}' has no champion: there is nothing to watch.")
    return champion
