"""The result of a drift check: in words, as JSON, and as a page."""

from pathlib import Path
from typing import Any

from pipeline.inspection import drift_reference
from pipeline.inspection.drift import Drift
from pipeline.judging.words import counted
from pipeline.monitoring.monitor import ALPHA
from pipeline.reports import drift_page, navigation
from pipeline.reports.drift_page import Shown
from pipeline.store import atomic, drift_files, prediction_ids, served_log
from pipeline.store.home import Home


def sentences(found: Drift) -> list[str]:
    """Return what was found, one sentence each."""
    slow = drift_reference.slow_notice(found.reference_images) if found.reference_images else None
    return [*_finding(found), *([slow] if slow else [])]


def as_json(found: Drift, page: Path | None) -> dict[str, Any]:
    """Return what was found for other programs."""
    state, changes = found.state, found.changes
    alarm = state.alarm if state else None
    return {
        "dataset": found.champion.dataset,
        "version": found.champion.id,
        "images": found.images,
        "reference_images": found.reference_images,
        "alarm": found.alarm,
        "raised": alarm.model_dump() if alarm else None,
        "monitor": state.number if state else None,
        "level": state.level if state else ALPHA,
        "evidence": state.evidence if state else None,
        "resembles": vars(changes.resembles) if changes and changes.resembles else None,
        "classes": {name: vars(change) for name, change in changes.classes.items()} if changes else None,
        "unusual": list(changes.ids) if changes else [],
        "page": str(page) if page else None,
    }


def write_page(home: Home, found: Drift) -> Path | None:
    """Write the page on an alarm, beside the log or, for other images, in ``metric_results/``; return where it is.

    Raises:
        StoreError: The disk is full or fails.
    """
    changes, dataset = found.changes, found.champion.dataset
    if found.alarm is None or changes is None:
        return None
    path = drift_files.page_file(home, dataset) if found.state else home.metric_results / dataset / drift_files.PAGE
    shown = zip(changes.images, changes.predicted, changes.ids, strict=True)
    content = drift_page.page(
        f"{dataset}: images unlike those that the champion was judged on",
        sentences(found),
        [Shown(image, name, confidence, one) for image, (name, confidence), one in shown],
        changes.classes,
        looked_at=changes.looked_at,
        promise=_promise(found),
        navigation=navigation.on_disk(path, home.metric_results, dataset),
    )
    atomic.write_text(path, content)
    return path


def _finding(found: Drift) -> list[str]:
    state, champion = found.state, found.champion.id
    changes = found.changes.sentences() if found.changes else []
    if state is None:
        if not found.images:
            return [
                f"Nothing that {champion} served has been counted yet: `simulator.py serve --log` keeps what it "
                f"serves, and `drift` counts a request {served_log.SETTLED_SECONDS} seconds later."
            ]
        if found.alarm is None:
            return [f"No alarm: {_these(found.images)} not proven unlike those that {champion} was judged on."]
        return [found.alarm, *changes]
    if state.alarm is None:
        until = f", the last of them at {prediction_ids.when(state.read_to)}" if state.images else ""
        looked_at = counted(state.images, "request")
        return [f"No alarm after {looked_at} that {champion} served (one image of each counts){until}."]
    handled = (
        "The alarm stays until another version serves. If it needs no action, "
        f"`simulator.py drift --dataset {found.champion.dataset} --reset REASON` starts the next monitor."
    )
    return [state.alarm.sentence, *changes, handled]


def _these(images: int) -> str:
    return "this image is" if images == 1 else f"these {images:,} images are"


def _promise(found: Drift) -> str:
    if found.state is None:
        return (
            f"If these images were like the benchmark's, this would happen with a probability of at most {ALPHA:.1%}."
        )
    return (
        f"The probability that {found.champion.dataset} ever has a false alarm is at most {100 * ALPHA:g} %, over all "
        f"monitors of its life; this is number {found.state.number}, with a share of {100 * found.state.level:.3g} %."
    )
