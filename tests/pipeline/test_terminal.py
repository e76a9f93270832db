"""Sentences on a terminal: wrapped between words, and nothing that is copied from it is broken."""

import ast
import io
import sys
from pathlib import Path

import pytest

from pipeline.cli import inspect_commands
from pipeline.cli.common import saying_if_stopped
from pipeline.cli.terminal import PlainConsole, hanging
from pipeline.store import versions
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
PATH = "/a/home/versions/failed/20261122-143618-logistic-480-bed0/report.html"


class Screen(io.StringIO):
    """What a terminal shows."""

    def isatty(self) -> bool:
        return True


class Terminal:
    """A console on a terminal of some width, and what it shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        self._screen = Screen()
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(sys, "stdout", self._screen)
        self.console = PlainConsole()
        self.console.width = width
        monkeypatch.undo()
        self.console.file = self._screen

    @property
    def lines(self) -> list[str]:
        return self._screen.getvalue().splitlines()


def test_a_word_that_is_longer_than_a_line_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 30)
    terminal.console.print(f"The report of this version is {PATH} and all others are beside it.\n\nNext to it.")
    assert terminal.lines == ["The report of this version is", PATH, "and all others are beside it.", "", "Next to it."]


def test_what_follows_a_question_stays_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, 30)
    terminal.console.print("Class: ", end="")
    terminal.console.print("cat")
    assert terminal.lines == ["Class: cat"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  - one two three four five six", ["  - one two three", "    four five six"]),
        (f"  ✘ it is {PATH} here", ["  ✘ it is", f"    {PATH}", "    here"]),
        ("no indent one two three", ["no indent one two", "  three"]),
    ],
)
def test_the_continuation_of_a_line_is_indented(monkeypatch: pytest.MonkeyPatch, line: str, shown: list[str]) -> None:
    terminal = Terminal(monkeypatch, 18)
    terminal.console.print(hanging(line))
    assert terminal.lines == shown


def test_in_a_pipe_a_line_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    line = "  - " + "word " * 100 + "end"
    PlainConsole().print(hanging(line))
    assert capsys.readouterr().out == f"{line}\n"


def test_no_sentence_brings_a_mark_of_its_own() -> None:
    marks = ("Note:", "Warning:", "Error:")
    found = {
        (path.relative_to(ROOT).as_posix(), node.value)
        for path in (ROOT / "pipeline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(marks)
    }
    assert found == {
        ("pipeline/cli/common.py", "Note:"),
        ("pipeline/cli/common.py", "Error:"),
        ("pipeline/cli/watch_command.py", "Note: "),
    }


def test_the_report_and_every_sentence_of_a_verdict_are_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, two: list[str], home: Home
) -> None:
    terminal = Terminal(monkeypatch, 40)
    monkeypatch.setattr(inspect_commands, "console", terminal.console)
    inspect_commands.show(two[0], home=home.root)
    assert terminal.lines[-1] == f"Report: {versions.find(home, two[0]).folder / 'report.html'}"
    start = terminal.lines.index("") + 1
    verdict = terminal.lines[start : terminal.lines.index("", start)]
    assert all(line.startswith("  ") for line in verdict[1:])
    assert any(line.startswith("    ") for line in verdict)


@pytest.mark.parametrize("hides", [True, False])
def test_what_stops_an_import_is_still_told(hides: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Extension modules turn Ctrl-C during their import into an ImportError."""

    def work() -> None:
        with saying_if_stopped("Stopped. The same command goes on."):
            try:
                raise KeyboardInterrupt if hides else OSError
            except BaseException as error:
                raise ImportError("initialization failed") from error

    with pytest.raises(KeyboardInterrupt if hides else ImportError):
        work()
    assert ("Stopped. The same command goes on." in capsys.readouterr().err) is hides
