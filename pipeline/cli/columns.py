"""Tables as plain columns, for any width: nothing in them is cut, and no word is broken.

In a pipe each row is one line, however long. On a terminal that is too narrow for that, what identifies a row goes on
a line of its own below it, and whatever else does not fit joins it there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

Cell = str | Text
GAP, INDENT = "  ", "    "


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        head: Its name, above it.
        is_number: Whether its cells are aligned on the right.
        place: ``line`` for what is compared from row to row; ``below`` for what goes below where it is narrow, and
            ``spare`` for what follows where that is not enough; ``note`` for what few rows have: it has no head,
            and is wrapped below where it does not fit.
    """

    head: str
    is_number: bool = False
    place: Literal["line", "spare", "below", "note"] = "line"


def print_columns(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], title: str = "") -> None:
    """Print a table; one cell for each column in every row."""
    width = console.width if console.is_terminal else None
    heads = [Text(column.head, style="bold") for column in columns]
    lines = list(_lines(console, columns, [heads, *rows], width))
    console.print(Text("\n").join([Text(title, style="italic"), *lines] if title else lines), soft_wrap=True)


def _lines(
    console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None
) -> Iterator[Text]:
    widths = [max(_width(row[place]) for row in rows) for place in range(len(columns))]
    whole, *narrower = _forms(columns)
    full = _width_of(widths, whole)
    room = full if width is None else width
    fits = full <= room
    in_line = whole if fits else next((form for form in narrower if _width_of(widths, form) <= room), narrower[-1])
    for row in rows:
        below = [_text(row[place]) for place in range(len(columns)) if place not in in_line and _width(row[place])]
        line = _aligned(columns, row, widths, in_line)
        if fits and below and (width is None or full + len(GAP) + _width(below[0]) <= width):
            line, below = _aligned(columns, row, widths, [*in_line, len(columns) - 1]), []
        yield line
        yield from _below(console, below, width or 0)


def _forms(columns: Sequence[Column]) -> Iterator[list[int]]:
    """Yield the columns that share a line, from all but the notes to the first of those that are compared."""
    for places in (("line", "spare", "below"), ("line", "spare"), ("line",)):
        in_line = [place for place, column in enumerate(columns) if column.place in places]
        yield in_line
    for last in range(len(in_line) - 1, 0, -1):
        yield in_line[:last]


def _width_of(widths: Sequence[int], places: Sequence[int]) -> int:
    return sum(widths[place] for place in places) + len(GAP) * (len(places) - 1)


def _below(console: Console, cells: Sequence[Text], width: int) -> Iterator[Text]:
    """Yield cells on as few indented lines as hold them, each whole or, where it is longer than a line, wrapped."""
    room, lines = max(1, width - len(INDENT)), list[Text]()
    for cell in cells:
        if lines and lines[-1].cell_len + len(GAP) + cell.cell_len <= room:
            lines[-1] = Text(GAP).join([lines[-1], cell])
        else:
            lines.extend(cell.wrap(console, max(room, max(map(cell_len, cell.plain.split()), default=1))))
    yield from (Text(INDENT) + line for line in lines)


def _aligned(columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int], places: Sequence[int]) -> Text:
    # Text is slow to put together, so plain cells are joined first.
    aligned, plain = Text(), ""
    for place in places:
        cell, space = row[place], " " * (widths[place] - _width(row[place]))
        before, after = (space, GAP) if columns[place].is_number else ("", space + GAP)
        if isinstance(cell, str):
            plain += before + cell + after
        else:
            aligned.append(plain + before).append_text(cell)
            plain = after
    aligned.append(plain).rstrip()
    return aligned


def _text(cell: Cell) -> Text:
    return Text(cell) if isinstance(cell, str) else cell


def _width(cell: Cell) -> int:
    return cell_len(cell) if isinstance(cell, str) else cell.cell_len
