"""The table that ``versions`` prints."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.terminal_tables import percent_with_interval, verdict_text
from pipeline.store.version_index import VersionSummary

MOST_BOXED = 200
"""Beyond this many rows a table with lines takes seconds to lay out; plain columns take none."""
HEADS = ("version", "dataset", "model", "images", "accuracy (95 %)", "fit seconds", "verdict", "in production")
NUMBERS = ("images", "accuracy (95 %)", "fit seconds")


Cell = str | Text


def versions_table(listed: Sequence[VersionSummary]) -> RenderableType:
    """Return the versions as rows, in the order given."""
    rows = [_cells(version) for version in listed]
    return _boxed(rows) if len(rows) <= MOST_BOXED else _columns(rows)


def _boxed(rows: Iterable[Sequence[Cell]]) -> Table:
    table = Table()
    for head in HEADS:
        table.add_column(head, justify="right" if head in NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def _columns(rows: Sequence[Sequence[Cell]]) -> Text:
    lines = [HEADS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return Text("\n").join(_aligned(line, widths) for line in lines)


def _aligned(line: Sequence[Cell], widths: Sequence[int]) -> Text:
    aligned, plain = Text(), ""
    for head, cell, width in zip(HEADS, line, widths, strict=True):
        space = " " * (width - len(cell))
        if isinstance(cell, str):
            plain += (space + cell if head in NUMBERS else cell + space) + "  "
        else:
            aligned.append(plain).append_text(cell)
            plain = space + "  "
    return aligned.append(plain.rstrip())


def _cells(version: VersionSummary) -> tuple[Cell, ...]:
    verdict = verdict_text(version.standing, version.damage, version.override)
    if version.damage:
        return version.id, *([""] * len(HEADS[2:-1])), verdict, Text(version.damage, style="red")
    if version.judgements > 1:
        verdict.append(f" (judged {version.judgements} times, last {version.judged_at[:10]})", style="dim")
    if not version.fully_verified:
        verdict.append(" (not fully verified)", style="yellow")
    return (
        version.id,
        version.dataset or "",
        version.recipe or "",
        f"{version.train_size or 0:,}",
        percent_with_interval(version.accuracy, version.accuracy_low, version.accuracy_high),
        f"{version.fit_seconds or 0:,.1f}",
        verdict,
        Text("● champion", style="bold blue") if version.in_production else "",
    )
