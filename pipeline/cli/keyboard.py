"""Single keys: from a terminal without Enter, from a pipe character by character."""

import codecs
import contextlib
import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator

AT_ONCE = 1024
SECONDS = 0.2
"""Between two looks for a Ctrl+C that came before a key was waited for: it would not end the wait itself."""
END_OF_INPUT = "\x04"
"""Ctrl+D."""
SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.)?")
"""Escape sequences of arrows and other keys that have no character."""


class Keyboard:
    """Keys of one terminal or pipe.

    Args:
        descriptor: What is read.
        is_terminal: Whether a person types.

    Attributes:
        interrupted: Whether Ctrl+C was pressed. Where Python raises it inside a finalizer, the exception is lost.
    """

    def __init__(self, descriptor: int, *, is_terminal: bool) -> None:
        self._descriptor = descriptor
        self._is_terminal = is_terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.interrupted = False

    def key(self) -> str | None:
        """Return the next key, white space left out; ``None`` at the end of the input."""
        while self._held or self._read():
            if not self._held:
                continue
            first, self._held = self._held[0], self._held[1:]
            if first == END_OF_INPUT:
                return None
            if not first.isspace():
                return first
        return None

    def line(self) -> str:
        """Return what comes before the next line end; a terminal shows what is typed."""
        with self._shown():
            while "\n" not in self._held and self._read():
                pass
        text, _, self._held = self._held.partition("\n")
        return text.strip()

    def _read(self) -> bool:
        while not select.select([self._descriptor], [], [], SECONDS)[0]:
            if self.interrupted:
                raise KeyboardInterrupt
        content = os.read(self._descriptor, AT_ONCE)
        self._held += SEQUENCE.sub("", self._decoder.decode(content))
        return bool(content)

    @contextlib.contextmanager
    def _shown(self) -> Iterator[None]:
        if not self._is_terminal:
            yield
            return
        silent = termios.tcgetattr(self._descriptor)
        shown = [*silent]
        shown[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, shown)
        try:
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, silent)


@contextlib.contextmanager
def opened() -> Iterator[Keyboard]:
    """Read keys from standard input; a terminal's settings are restored afterwards."""
    descriptor = sys.stdin.fileno()
    if not os.isatty(descriptor):
        yield Keyboard(descriptor, is_terminal=False)
        return
    keys = Keyboard(descriptor, is_terminal=True)

    def interrupt(_number: int, _frame: object) -> None:
        keys.interrupted = True
        raise KeyboardInterrupt

    before, handler = termios.tcgetattr(descriptor), signal.signal(signal.SIGINT, interrupt)
    try:
        tty.setcbreak(descriptor)
        yield keys
    finally:
        signal.signal(signal.SIGINT, handler)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
