"""Write the page on a batch: ``metric_results/datasets/<name>/<batch>.html``."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.growing import screening, snapshot_store
from pipeline.growing.batch import TITLES, Batch, Outcome
from pipeline.inspection import reporting
from pipeline.reports import batch_page, navigation
from pipeline.reports.batch_page import MOST_SHOWN, Shown
from pipeline.store import atomic
from pipeline.store.home import Home

PICTURED = (*screening.QUARANTINED, screening.STORED)


def write(home: Home, batch: Batch) -> Path:
    """Write the page and return its path.

    Raises:
        StoreError: The disk is full or fails.
    """
    path = snapshot_store.reports_folder(home, batch.dataset) / f"{batch.id}.html"
    groups = [group for outcome in PICTURED if (group := _group(batch, outcome)).count]
    before = batch.before.class_counts if batch.before else {}
    after = batch.after.class_counts if batch.after else {}
    refused = [one.decision.reason for one in batch.outcomes if one.decision.outcome in screening.REFUSED]
    page = batch_page.page(
        batch.dataset,
        batch.id,
        batch.in_words(),
        groups,
        classes={name: (before.get(name, 0), count) for name, count in after.items()},
        refused=[*batch.faults, *refused],
        navigation=navigation.on_disk(path, home.metric_results, batch.dataset),
    )
    atomic.write_text(path, page)
    if not (home.metric_results / "index.html").exists():
        # Before the first run there is none, and the header leads there.
        reporting.write_overview(home)
    return path


def _group(batch: Batch, outcome: str) -> Shown:
    own = [one for one in batch.outcomes if one.decision.outcome == outcome]
    shown = _spread(own)
    return Shown(
        title=TITLES[outcome],
        count=len(own),
        images=[one.prepared.pixels for one in shown],
        captions=[one.arrival.label or "no label" for one in shown],
        details=[_detail(one) for one in shown],
    )


def _detail(one: Outcome) -> str:
    return one.decision.reason or ", ".join(filter(None, [one.arrival.name, one.prepared.polarity.replace("-", " ")]))


def _spread(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """As many as are shown, from the whole batch: neighbours are often of one class."""
    return outcomes[:: max(1, len(outcomes) // MOST_SHOWN)][:MOST_SHOWN]
