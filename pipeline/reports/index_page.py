"""The page of all versions: ``metric_results/index.html``, and the web application's dashboard."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.contracts import Version
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.facts.score_facts import Estimate
from pipeline.facts.submission import SubmissionRecord
from pipeline.judging import standings
from pipeline.reports import html, submission_comparison
from pipeline.reports.formats import (
    DASH,
    as_number,
    count,
    decimal,
    interval,
    percent,
    points,
    seconds,
    when,
)
from pipeline.reports.navigation import ALONE, Navigation
from pipeline.reports.watching import BAD_NEWS, WatchView

REPORT = "report.html"
_PICTURES = {
    "learning_curve.png": (
        "curves",
        "Learning curve: error on the benchmark against the number of training images, one line per recipe.",
        "How the error falls with the number of training images.",
    ),
    "learning_curve_seconds.png": (
        "curves",
        "Seconds of fitting against the number of training images, one line per recipe.",
        "Cost: seconds of fitting.",
    ),
    "test_sets.png": (
        "test_sets",
        "Accuracy of each evaluated version on each test set.",
        "What `evaluate` measured. The gate makes the corrupted and rotated copies of the benchmark.",
    ),
}
"""The section, description and caption of each picture."""


@dataclass(frozen=True)
class TableCell:
    """One cell of the sortable table: what it shows, a quiet second line, and the number it is sorted by."""

    text: str
    detail: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Column:
    """One column: its title, whether it holds numbers, and which order comes first when it is clicked."""

    title: str
    numeric: bool = False
    first: str = "ascending"


@dataclass(frozen=True)
class Audited:
    """What random audits say of a champion.

    Attributes:
        version: Its id.
        accuracy: Share of right predictions, ``None`` before the first label.
        low, high: The interval, valid at every reading.
        labels: Audits with a label.
        waiting: Audits without.
    """

    version: str
    accuracy: float | None
    low: float
    high: float
    labels: int
    waiting: int


COLUMNS = (
    Column("Version", first="descending"),
    Column("Dataset"),
    Column("Recipe"),
    Column("Images", numeric=True, first="descending"),
    Column("Accuracy", numeric=True, first="descending"),
    Column("Errors", numeric=True),
    Column("Time to fit", numeric=True),
    Column("Gain in points", numeric=True, first="descending"),
    Column("Verdict"),
)


def render(
    versions: Sequence[Version],
    pictures: Mapping[str, Sequence[html.Picture]] = MappingProxyType({}),
    history: Sequence[DeploymentRecord] = (),
    submissions: Sequence[SubmissionRecord] = (),
    *,
    watched: Sequence[WatchView] = (),
    link_prefix: str = "../",
    navigation: Navigation = ALONE,
    audited: Sequence[Audited] = (),
    drift: Mapping[str, str] = MappingProxyType({}),
    batches: Mapping[str, Sequence[str]] = MappingProxyType({}),
    explorations: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Render the whole page as HTML, self-contained but for its links to each version's report.

    Args:
        versions: All versions, oldest first, damaged ones included.
        pictures: The pictures by section; ``read_pictures`` finds them.
        history: The records of ``production/history.jsonl``, oldest first.
        submissions: The records of ``submissions.csv``, oldest first.
        watched: What watchers are doing and what they did.
        link_prefix: What leads from the page to the home folder: ``../`` from ``metric_results/``.
        navigation: Where its header leads.
        audited: Champions that are audited in production.
        drift: What is known of the images that champions served: a sentence by version id.
        batches: The latest batches of each dataset, newest first: addresses of their pages.
        explorations: Addresses of the explorations by dataset.
    """
    newest_first = sorted(versions, key=lambda version: version.id, reverse=True)
    return html.render(
        "index.html",
        columns=COLUMNS,
        navigation=navigation,
        is_served=link_prefix == "/",
        drift=drift,
        batches=batches,
        explorations=explorations,
        versions=[_row(version, link_prefix) for version in newest_first],
        standings={standings.of_version(version) for version in newest_first if not version.damage},
        champions=_champions(newest_first, audited, link_prefix),
        datasets=_choices(newest_first, _dataset),
        recipes=_choices(newest_first, _recipe),
        damaged=[version for version in newest_first if version.damage],
        history=[_event(record) for record in reversed(history)],
        submissions=[submission_comparison.page_row(line) for line in reversed(submissions)],
        comparisons=submission_comparison.by_competition(submissions),
        pictures=pictures,
        watched=[_watched(one) for one in watched],
        summary=_summary(versions),
    )


def read_pictures(folder: Path) -> dict[str, list[html.Picture]]:
    """Return the pictures in ``metric_results/`` by section, ``curves`` and ``test_sets``, as far as they are there."""
    found: dict[str, list[html.Picture]] = {"curves": [], "test_sets": []}
    for name, (section, alt, caption) in _PICTURES.items():
        if (folder / name).is_file():
            found[section].append(html.Picture((folder / name).read_bytes(), alt, caption, wide=True))
    return found


def _row(version: Version, link_prefix: str) -> dict[str, Any]:
    return {
        "id": version.id,
        "link": _report_link(version, link_prefix),
        "created": when(version.known_manifest.created_at if version.known_manifest else None),
        "dataset": _dataset(version),
        "recipe": _recipe(version),
        "standing": standings.of_version(version),
        "in_production": version.in_production,
        "was_in_production": version.was_in_production,
        "override": version.override,
        "damage": version.damage,
        "cells": _cells(version),
    }


def _cells(version: Version) -> list[TableCell]:
    facts, scores = version.known_manifest, version.known_scores
    accuracy = scores.accuracy if scores else Estimate(value=None, low=None, high=None)
    train_size = facts.rows.train_size if facts else None
    errors = scores.errors if scores else None
    fit = facts.timings.fit_seconds if facts else None
    compared, claim = version.verdict.comparison, standings.claimed(version.verdict)
    return [
        TableCell(_dataset(version) or DASH),
        TableCell(_recipe(version) or DASH),
        TableCell(count(train_size), value=as_number(train_size)),
        TableCell(
            percent(accuracy.value),
            interval(accuracy.low, accuracy.high) if scores else "",
            accuracy.value,
        ),
        TableCell(count(errors), value=as_number(errors)),
        TableCell(seconds(fit), value=as_number(fit)),
        TableCell(
            points(compared.gain_pp if compared else None),
            f"{claim[0]}: p\u00a0=\u00a0{decimal(claim[1])}" if claim else "",
            compared.gain_pp if compared else None,
        ),
    ]


def _champions(versions: Sequence[Version], audited: Sequence[Audited], link_prefix: str) -> list[dict[str, Any]]:
    audits = {one.version: _audit(one) for one in audited}
    serving = [version for version in versions if version.in_production]
    return [_champion(version, link_prefix) | {"audit": audits.get(version.id)} for version in serving]


def _champion(version: Version, link_prefix: str) -> dict[str, Any]:
    facts, scores = version.known_manifest, version.known_scores
    return {
        "id": version.id,
        "link": _report_link(version, link_prefix),
        "dataset": _dataset(version),
        "recipe": _recipe(version),
        "accuracy": percent(scores.accuracy.value if scores else None),
        "interval": interval(scores.accuracy.low, scores.accuracy.high) if scores else DASH,
        "images": count(facts.rows.train_size if facts else None),
        "override": version.override,
    }


def _audit(audited: Audited) -> dict[str, str]:
    waiting = f"{count(audited.waiting)} wait for a label"
    return {
        "accuracy": percent(audited.accuracy),
        "interval": interval(audited.low, audited.high) if audited.labels else "no label yet",
        "labels": f"{count(audited.labels)} audits; {waiting}" if audited.labels else waiting,
    }


def _event(record: DeploymentRecord) -> dict[str, Any]:
    return {
        "when": when(record.promoted_at),
        "action": record.action,
        "dataset": record.dataset,
        "id": record.id,
        "previous": record.previous_id,
        "reason": record.reason,
    }


def _watched(one: WatchView) -> dict[str, Any]:
    events = [
        {"when": when(event.at), "kind": event.kind, "title": event.kind.replace("_", " ")}
        | {"sentence": event.sentence, "problem": event.problem, "is_bad": event.kind in BAD_NEWS}
        for event in one.events
    ]
    return {"dataset": one.dataset, "running": one.running, "sentences": one.sentences, "events": events}


def _summary(versions: Sequence[Version]) -> str:
    if not versions:
        return "No version yet."
    shown = Counter(standings.of_version(version) for version in versions)
    before = f", {shown['passed_before']:,} passed before" if shown["passed_before"] else ""
    serving = sum(version.in_production for version in versions)
    number = "1 version" if len(versions) == 1 else f"{len(versions):,} versions"
    return f"{number} judged, {shown['pass']:,} passed{before}, {serving:,} in production."


def _report_link(version: Version, link_prefix: str) -> str | None:
    if version.damage or not (version.folder / REPORT).is_file():
        return None
    parent = "versions/failed" if version.folder.parent.name == "failed" else "versions"
    return f"{link_prefix}{parent}/{version.id}/{REPORT}"


def _choices(versions: Iterable[Version], name: Any) -> list[str]:
    return sorted({name(version) for version in versions} - {""})


def _dataset(version: Version) -> str:
    return version.known_manifest.dataset.name if version.known_manifest else ""


def _recipe(version: Version) -> str:
    return version.known_manifest.recipe if version.known_manifest else ""
