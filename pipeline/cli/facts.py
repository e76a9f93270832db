"""Names and values, for any width: long values wrap beside their name on a terminal, and are one line in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from pipeline.cli.terminal import Hanging

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
        width = max(len(name) for name, _ in self.rows) + GAP
        for name, value in self.rows:
            line = Text(" " * self.indent).append(f"{name:<{width}}", "dim").append(value)
            yield Hanging(line, self.indent + width)
