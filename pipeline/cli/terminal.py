"""Consoles that show any text as it is: nothing in it is markup, a control code, or too much for the terminal."""

import codecs
import sys
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from pipeline.text import escaped

WIDTH_IN_A_PIPE = 200
LINE_END = "\n"
"""Kept wherever text is printed."""
IN_ASCII = {"✔": "+", "✘": "x", "●": "*", "–": "-", "−": "-", "…": "...", "×": "x", "“": '"', "”": '"', "’": "'"}  # noqa: RUF001


class PlainConsole(Console):
    """A console for text from anywhere: markup is off, and control characters are shown escaped.

    In a pipe, a sentence is one line, however long.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        piped = not (sys.stderr if stderr else sys.stdout).isatty()
        width = WIDTH_IN_A_PIPE if piped else None
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=piped)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text, escaped, as ``rich`` prints and measures it."""
        return super().render_str(escaped(text, keep=LINE_END), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as ``rich`` does, texts escaped."""
        if isinstance(renderable, Text) and escaped(renderable.plain, keep=LINE_END) != renderable.plain:
            renderable = _escaped_text(renderable)
        return super().render(renderable, options)


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
