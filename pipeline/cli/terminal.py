"""Consoles that show any text as it is: nothing in it is markup, a control code, or too much for the terminal."""

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Span, Text

from pipeline.text import escaped

WIDTH_IN_A_PIPE = 200
LINE_END = "\n"
"""Kept wherever text is printed."""
IN_ASCII = {"✔": "+", "✘": "x", "●": "*", "–": "-", "−": "-", "…": "...", "×": "x", "“": '"', "”": '"', "’": "'"}  # noqa: RUF001


class PlainConsole(Console):
    """A console for text from anywhere: markup is off, and control characters are shown escaped.

    In a pipe, a sentence is one line, however long. On a terminal it is wrapped between words: a path or an id that is
    longer than a line is never broken, so that it can be copied.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        piped = not (sys.stderr if stderr else sys.stdout).isatty()
        width = WIDTH_IN_A_PIPE if piped else None
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=piped)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as ``rich`` does, but never cut a line that is longer than the terminal is wide."""
        super().print(*objects, **{"crop": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text, escaped, as ``rich`` prints and measures it."""
        return super().render_str(escaped(text, keep=LINE_END), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as ``rich`` does, texts escaped, and wrapped between words except in tables."""
        if isinstance(renderable, Text):
            if escaped(renderable.plain, keep=LINE_END) != renderable.plain:
                renderable = _escaped_text(renderable)
            own = options or self.options
            if not (own.overflow or own.no_wrap):
                renderable = _whole_words(renderable, own.max_width)
        return super().render(renderable, options)


@dataclass(frozen=True)
class Hanging:
    """What a ``rich`` console prints as a line whose continuation on a terminal is indented.

    Attributes:
        line: The line; in a pipe it stays one.
        indent: Blanks in front of each line but the first.
    """

    line: Text
    indent: int

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what ``rich`` draws."""
        if options.no_wrap:
            yield self.line
            return
        first, rest = self.line.divide([self.indent])
        for number, part in enumerate(_lines(rest, options.max_width - self.indent)):
            yield (Text(" " * self.indent) if number else first).append_text(part)


def hanging(line: str, style: str = "") -> Hanging:
    """Return a line whose continuation is indented by two blanks more than the line itself, as for a bullet."""
    return Hanging(Text(line, style), len(line) - len(line.lstrip()) + 2)


def _whole_words(text: Text, width: int) -> Text:
    """The same text on lines that end between words; a longer word has a line of its own."""
    wrapped = Text("\n").join(_lines(text, width))
    wrapped.end, wrapped.no_wrap, wrapped.overflow = text.end, True, "ignore"
    return wrapped


def _lines(text: Text, width: int) -> Iterator[Text]:
    for line in text.split(allow_blank=True):
        parts = line.divide(list(_breaks(line.plain, width)))
        for part in parts[:-1]:
            part.rstrip()
        yield from parts


def _breaks(line: str, width: int) -> Iterator[int]:
    """Where the words of a line start that do not fit beside those before them."""
    used = cell_len(line) - cell_len(line.lstrip())
    for number, word in enumerate(re.finditer(r"\S+\s*", line)):
        if number and used + cell_len(word[0].rstrip()) > width:
            yield word.start()
            used = 0
        used += cell_len(word[0])


def _escaped_text(text: Text) -> Text:
    """The same text with the same styles; each span ends where its escaped characters do."""
    parts = [escaped(character, keep=LINE_END) for character in text.plain]
    starts = [0, *accumulate(map(len, parts))]
    result = text.copy()
    result.plain = "".join(parts)
    result.spans = [Span(starts[span.start], starts[span.end], span.style) for span in text.spans]
    return result


def prepare_streams() -> None:
    """Let standard output and standard error take every character, whatever their encoding."""
    codecs.register_error("in-ascii", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="in-ascii")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What takes the place of characters that a stream's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    replaced = [
        IN_ASCII.get(character) or character.encode("unicode_escape").decode()
        for character in error.object[error.start : error.end]
    ]
    return "".join(replaced), error.end
