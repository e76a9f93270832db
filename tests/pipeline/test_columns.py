"""Tables on narrow and wide terminals and in a pipe: nothing is cut, and no word is broken."""

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from pipeline.cli.columns import Cell, Column, print_columns
from pipeline.cli.production_commands import HISTORY
from pipeline.cli.submission_table import COLUMNS as SUBMISSIONS
from pipeline.cli.terminal_tables import COLUMNS as RUN
from pipeline.cli.terminal_tables import verdict_text
from pipeline.cli.version_table import COLUMNS as VERSIONS
from pipeline.cli.version_table import EVALUATIONS

COLUMNS = (
    Column("version", place="below"),
    Column("model"),
    Column("accuracy (95 %)", is_number=True),
    Column("", place="note"),
)
IDS = ("20261122-001645-logistic-1438-8f31", "20261122-001635-a.recipe.of-one-s-own:build-1438-dc8e")
NOTE = "Damaged: manifest.json is missing, so that nothing of it is known."
ROWS = (
    (IDS[0], "logistic", "97.49 % (95.29–98.85)", ""),
    (IDS[1], "of-one-s-own", "100.00 % (98.98–100.00)", NOTE),
)
LONG_ID, WHEN, KAPPA = "20261122-001635-cnn_batchnorm-60000-dc8e", "2026-11-22T00:16:45Z", "-0.12345"
ACCURACY, OVERRIDDEN = "100.00 % (99.96–100.00)", verdict_text("unproven", None, "its reason")
WIDEST: dict[str, tuple[Sequence[Column], Sequence[Cell]]] = {
    "run": (RUN, ("60,000", "cnn_batchnorm", ACCURACY, "1,234.5 (kept)", OVERRIDDEN, "● champion", LONG_ID)),
    "versions": (
        VERSIONS,
        (LONG_ID, "fashion-mnist", "of-one-s-own", "60,000", ACCURACY, "1,234.5", OVERRIDDEN, "● champion", NOTE),
    ),
    "kaggle status": (
        SUBMISSIONS,
        (WHEN, "48123456", "complete", "quadratic-kappa", KAPPA, f"{KAPPA} to {KAPPA}", KAPPA, KAPPA, LONG_ID, NOTE),
    ),
    "evaluate": (EVALUATIONS, (LONG_ID, "10,000 images of /home/someone/their/images/rotated-by-15.npz", ACCURACY)),
    "production": (
        HISTORY,
        (WHEN, "fashion-mnist", "override", LONG_ID, LONG_ID, "Its reason, in some words. " * 5),
    ),
}
"""Columns of each command, and a row of the longest cells that its own recipes and datasets bring about."""


def printed(
    width: int, *, terminal: bool = True, columns: Sequence[Column] = COLUMNS, rows: Sequence[Sequence[Cell]] = ROWS
) -> list[str]:
    stream = StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system=None, soft_wrap=False)
    print_columns(console, columns, rows, "A title")
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 62, 80, 106, 120, 200])
def test_every_width_shows_all_of_every_cell(width: int) -> None:
    lines = printed(width)
    for cell in (*IDS, "97.49 % (95.29–98.85)", "100.00 % (98.98–100.00)", "accuracy (95 %)", "version"):
        assert any(cell in line for line in lines), cell
    assert NOTE in " ".join(" ".join(lines).split())
    longest = max(IDS, key=len)
    assert all(len(line) <= max(width, len(longest) + 4) for line in lines)


def test_a_wide_terminal_has_a_line_for_each_row_and_a_narrow_one_names_it_below() -> None:
    assert [line.split()[0] for line in printed(200)] == ["A", "version", *IDS]
    narrow = printed(62)
    assert narrow[1].split() == ["model", "accuracy", "(95", "%)"] and narrow[2].split() == ["version"]
    assert narrow[3].startswith("logistic ") and narrow[4] == f"    {IDS[0]}"
    ends = [line.rstrip().endswith(")") and len(line.rstrip()) for line in (narrow[1], narrow[3], narrow[5])]
    assert len(set(ends)) == 1, "numbers are aligned on the right"


@pytest.mark.parametrize("command", WIDEST)
def test_the_widest_rows_of_every_command_fit_80_columns(command: str) -> None:
    columns, row = WIDEST[command]
    lines = printed(80, columns=columns, rows=[row])
    assert max(map(len, lines)) <= 80
    whole = [str(cell) for column, cell in zip(columns, row, strict=True) if len(str(cell)) <= 76]
    assert len(lines) <= 1 + 2 + 5, "cells share lines where they can"
    for cell in (*whole, *(column.head for column in columns)):
        assert any(cell in line for line in lines), cell


def test_a_recipe_with_a_long_name_of_its_own_leaves_no_line_too_long() -> None:
    columns, row = WIDEST["run"]
    lines = printed(80, columns=columns, rows=[(row[0], "my_models.recipes:a_large_residual_network", *row[2:])])
    assert max(map(len, lines)) <= 80 and any(ACCURACY in line for line in lines)


def test_in_a_pipe_each_row_is_one_line() -> None:
    lines = printed(80, terminal=False)
    assert len(lines) == 2 + len(ROWS)
    assert lines[3].startswith(IDS[1]) and lines[3].endswith(NOTE)
