"""What a watcher is doing, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.facts.watch_facts import WatchEvent, Watching, WatchState
from pipeline.reports.formats import count

BAD_NEWS = ("failed_batch", "drift", "trouble")
"""Events that somebody should look into."""


@dataclass(frozen=True)
class WatchView:
    """One watched dataset on the page of all versions.

    Attributes:
        dataset: Its name.
        running: Whether its watcher is alive.
        sentences: What it is doing.
        events: What happened, newest first.
    """

    dataset: str
    running: bool
    sentences: Sequence[str]
    events: Sequence[WatchEvent]


def view(watching: Watching) -> WatchView:
    """Return what a page shows of a watched dataset."""
    return WatchView(watching.state.dataset, watching.running, in_words(watching), watching.events[::-1])


def in_words(watching: Watching) -> list[str]:
    """Return what a watcher is doing and when the next run is due, one sentence per line."""
    state = watching.state
    doing = f"running, {state.doing}" if watching.running else "not running"
    pace = f", at most {state.at_most}" if state.at_most else ""
    lines = [
        f"{state.dataset}: the watcher of {state.inbox} is {doing}.",
        f"When it last looked, {count(state.images)} images were stored, {count(state.new)} of them new since its last "
        f"run; {count(state.every)} start the next{pace}.",
    ]
    in_hand, incomplete = len(state.in_hand), state.incomplete
    if in_hand or incomplete:
        lines.append(f"{_batches(in_hand)} in hand; {_files(incomplete)} not complete yet.")
    return [*lines, *_after_drift(state)]


def _after_drift(state: WatchState) -> list[str]:
    review = state.drift
    if review is None:
        return []
    alarm = f"Drift alarm at {review.at}"
    if not review.snapshot:
        missing = review.wanted - review.sent
        more = f"once {count(missing)} more are served and reviewed, or a day after the alarm with those found by then"
        then = f"a run starts {more}" if missing > 0 else "then a run starts"
        waiting = f"{count(review.sent - review.reviewed - review.decided)} wait for it"
        return [
            f"{alarm}: {count(review.reviewed)} of {count(review.wanted)} unusual images are reviewed and {waiting}; "
            f"{then}.",
            *_not_stored(state.dataset, review.decided),
        ]
    if state.drift_run_is_due:
        run = "is running" if state.running_on >= review.snapshot else "is due"
        return [f"{alarm}: {count(review.reviewed)} unusual images are reviewed, and the run that follows {run}."]
    return [
        f"{alarm}: {count(review.reviewed)} unusual images are reviewed, and a run has trained on those that were not "
        "discarded. The alarm stays until another version serves, or until "
        f"`simulator.py drift --dataset {state.dataset} --reset REASON`."
    ]


def _not_stored(dataset: str, decided: int) -> list[str]:
    if not decided:
        return []
    more, them = ("1 more is", "it") if decided == 1 else (f"{count(decided)} more are", "them")
    return [
        f"{more} decided on but not stored: the button Store on the page /review stores {them}, and so does "
        f"`simulator.py review --dataset {dataset}` when it ends."
    ]


def _batches(number: int) -> str:
    return "1 batch is" if number == 1 else f"{count(number)} batches are"


def _files(number: int) -> str:
    return "1 file in the inbox is" if number == 1 else f"{count(number)} files in the inbox are"
