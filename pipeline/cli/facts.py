"""Names and values, for any width: long values wrap beside their name on a terminal, and are one line in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2


@dataclass(frozen=True)
class Facts:
    """What a ``rich`` console prints as a line for each fact.

    Attributes:
        rows: Name and value of each.
        indent: Blanks in front of each line.
    """

    rows: Sequence[tuple[str, str]]
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what ``rich`` draws."""
        if console.is_terminal:
            table = Table(show_header=False, box=None, padding=(0, GAP, 0, 0))
            for name, value in self.rows:
                table.add_row(Text(name, style="dim"), Text(value))
            yield Padding(table, (0, 0, 0, self.indent))
            return
        width = max(len(name) for name, _ in self.rows) + GAP
        for name, value in self.rows:
            yield Text(f"{'':{self.indent}}{name:<{width}}{value}")
