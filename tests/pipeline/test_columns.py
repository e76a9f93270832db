"""Tables on narrow and wide terminals and in a pipe: nothing is cut, and no word is broken."""

from io import StringIO

import pytest
from rich.console import Console

from pipeline.cli.columns import Column, print_columns

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


def printed(width: int, *, terminal: bool = True) -> list[str]:
    stream = StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system=None, soft_wrap=False)
    print_columns(console, COLUMNS, ROWS, "A title")
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


def test_in_a_pipe_each_row_is_one_line() -> None:
    lines = printed(80, terminal=False)
    assert len(lines) == 2 + len(ROWS)
    assert lines[3].startswith(IDS[1]) and lines[3].endswith(NOTE)
