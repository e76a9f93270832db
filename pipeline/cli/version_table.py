"""The tables that ``versions`` and ``evaluate`` print."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from pipeline.cli.columns import Cell, Column, print_columns
from pipeline.cli.terminal_tables import percent_with_interval, verdict_text
from pipeline.contracts import Version
from pipeline.store.version_index import VersionSummary

if TYPE_CHECKING:
    from pipeline.inspection.evaluation import Evaluation

COLUMNS = (
    Column("version", place="below"),
    Column("dataset", place="below"),
    Column("model"),
    Column("images", is_number=True),
    Column("accuracy (95 %)", is_number=True),
    Column("seconds", is_number=True, place="spare"),
    Column("verdict"),
    Column("production", place="spare"),
    Column("", place="note"),
)
EVALUATIONS = (
    Column("version", place="below"),
    Column("images", place="below"),
    Column("accuracy (95 %)", is_number=True),
)


def print_versions(console: Console, listed: Sequence[VersionSummary]) -> None:
    """Print the versions as rows, in the order given."""
    print_columns(console, COLUMNS, [_cells(version) for version in listed])


def print_evaluations(console: Console, measured: "Sequence[tuple[Version, Evaluation]]") -> None:
    """Print what was measured: a row for each version and set of images, in the order given."""
    rows = []
    for version, one in measured:
        value = one.scores.accuracy
        rows.append((version.id, one.images, percent_with_interval(value.value, value.low, value.high)))
    print_columns(console, EVALUATIONS, rows)


def _cells(version: VersionSummary) -> tuple[Cell, ...]:
    verdict = verdict_text(version.standing, version.damage, version.override)
    if version.damage:
        return version.id, "", "", "", "", "", verdict, "", Text(version.damage, style="red")
    return (
        version.id,
        version.dataset or "",
        version.recipe or "",
        f"{version.train_size or 0:,}",
        percent_with_interval(version.accuracy, version.accuracy_low, version.accuracy_high),
        f"{version.fit_seconds or 0:,.1f}",
        verdict,
        _production(version),
        _note(version),
    )


def _production(version: VersionSummary) -> Cell:
    if version.in_production:
        return Text("● champion", style="bold blue")
    return Text("○ former champion", style="dim") if version.was_in_production else ""


def _note(version: VersionSummary) -> Cell:
    if version.judgements == 1 and version.fully_verified:
        return ""
    judged = f"judged {version.judgements} times, last {version.judged_at[:10]}" if version.judgements > 1 else ""
    note = Text(judged, style="dim")
    if not version.fully_verified:
        note.append("; " if judged else "").append("not fully verified", style="yellow")
    return note
