"""What somebody who watches a run on a terminal is told."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from short_runs import Silent

from pipeline.cli.progress import RunProgress
from pipeline.contracts import Cell, Split, Verdict, Version
from pipeline.orchestration.session import Row


def cell_of(size: int) -> Cell:
    rows = np.arange(size)
    return Cell("cnn", 0, Split(rows, rows[:0], rows[:1], 0, "", "", ""), {}, str(size))


FIRST, SECOND, THIRD, FOURTH = map(cell_of, (1000, 2000, 4000, 8000))
ALL = (FIRST, SECOND, THIRD, FOURTH)


class Terminal:
    """A terminal on which seconds pass only when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._screen = io.StringIO()
        self.console = Console(
            file=self._screen, force_terminal=True, color_system=None, width=200, get_time=lambda: self.seconds
        )

    def last_frame(self) -> list[str]:
        """The lines of the bars as they stood last."""
        lines = [line.strip() for line in self._screen.getvalue().splitlines()]
        last = max(number for number, line in enumerate(lines) if " all " in line)
        return lines[last - 1 : last + 1]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def done(cell: Cell, *, reused: bool = False) -> Row:
    return Row(cell, None, 0.99, 1.0, reused)


def judged(version: str) -> Version:
    verdict = Verdict("pass", version, "a", None, None, "toy", "c", 100, "guarded", "d", ())
    return Version(version, Path("versions") / version, None, None, verdict)


def test_training_here_shows_the_cell_its_epoch_and_how_good_it_is(terminal: Terminal) -> None:
    with RunProgress(terminal.console, print) as progress:
        progress.planned(ALL, ALL)
        progress.fitting(SECOND)(3, 10, {"validation_accuracy": 0.98765, "loss": 0.1})
    cell, _ = terminal.last_frame()
    assert "training cnn on 2,000" in cell
    assert "3/10" in cell
    assert "validation accuracy 0.9877" in cell
    assert "loss" not in cell


def test_what_is_neither_trained_nor_judged_is_named_without_a_count(terminal: Terminal) -> None:
    with RunProgress(terminal.console, print) as progress:
        progress.doing("reading versions")
        progress.planned(ALL, ())
        progress.finished(done(FIRST, reused=True))
        progress.doing("writing tables, workbook and overview")
    assert "writing tables, workbook and overview" in terminal.last_frame()[0]
    assert "0/?" not in terminal.last_frame()[0]
    assert "1/4" in terminal.last_frame()[1]


def test_a_run_says_what_it_is_doing(run: Any) -> None:
    class Steps(Silent):
        def __init__(self) -> None:
            self.names: list[str] = []

        def doing(self, what: str) -> None:
            self.names.append(what)

        def finished(self, row: Row) -> None:
            self.names.append(row.cell.label)

    steps = Steps()
    run(steps)
    assert steps.names == [
        "reading versions",
        "logistic on 144",
        "looking for refused versions to judge again",
        "predicting",
        "writing tables, workbook and overview",
    ]


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (ALL, "training 4 cells on 2 processes: cnn on 1,000 next"),
        ((FOURTH,), "training 1 cell on 2 processes: cnn on 8,000 next"),
    ],
)
def test_training_elsewhere_shows_how_much_where_and_what_comes_next(
    terminal: Terminal, waiting: Any, sentence: str
) -> None:
    with RunProgress(terminal.console, print) as progress:
        progress.planned(ALL, ALL)
        progress.awaiting(waiting, "2 processes")
    assert sentence in terminal.last_frame()[0]


def test_the_time_left_is_that_of_the_images_left(terminal: Terminal) -> None:
    with RunProgress(terminal.console, print) as progress:
        progress.planned(ALL, ALL)
        terminal.seconds = 2
        progress.finished(done(FIRST))
        terminal.seconds = 5
        progress.finished(done(SECOND))
    assert "2/4" in terminal.last_frame()[1]
    assert "about 7 s left" in terminal.last_frame()[1]


def test_the_first_cell_of_a_run_does_not_multiply_what_is_done_once(terminal: Terminal) -> None:
    small, middle, large = (cell_of(size) for size in (1_200, 12_000, 60_000))
    with RunProgress(terminal.console, print) as progress:
        progress.planned((small, middle, large), (small, middle, large))
        step = progress.fitting(small)
        for epoch in range(1, 6):  # ten seconds until the first of five epochs ends, one for each of the others
            terminal.seconds = 9.0 + epoch
            step(epoch, 5, {})
        terminal.seconds = 15.0
        progress.judging(small)
    assert "about 61 s left" in terminal.last_frame()[1], "not 15 s times the ratio of the images, 9 min"


def test_cells_that_were_kept_say_nothing_of_the_time_left(terminal: Terminal) -> None:
    with RunProgress(terminal.console, print) as progress:
        progress.planned(ALL, (THIRD,))
        progress.finished(done(FIRST, reused=True))
        progress.finished(done(SECOND, reused=True))
    assert "2/4" in terminal.last_frame()[1]
    assert "left" not in terminal.last_frame()[1]


def test_after_resuming_only_what_is_trained_counts(terminal: Terminal) -> None:
    with RunProgress(terminal.console, print) as progress:
        progress.planned(ALL, (SECOND, THIRD))
        progress.finished(done(FIRST, reused=True))
        terminal.seconds = 3 * 60
        progress.finished(done(SECOND))
    assert "about 4 min left" in terminal.last_frame()[1]


def test_a_pipe_gets_a_plain_line_first_and_for_each_cell_as_it_ends() -> None:
    pipe = io.StringIO()
    with RunProgress(Console(file=pipe, width=20), print) as progress:
        progress.planned(ALL, ALL)
        progress.fitting(FIRST)(3, 10, {"validation_accuracy": 0.98765})
        progress.judging(FIRST)
        first = "To train: cnn on 1,000, cnn on 2,000, cnn on 4,000, cnn on 8,000\n"
        assert pipe.getvalue() == first
        progress.finished(Row(FIRST, judged("cnn-1000"), 0.99, 12.34, reused=False))
        assert pipe.getvalue() == f"{first}1 of 4: cnn on 1,000, ✔ pass, 12.3 s of fitting\n"
        progress.awaiting(ALL, "2 processes")
        progress.finished(Row(SECOND, judged("cnn-2000"), 0.99, 12.34, reused=True))
        progress.finished(Row(THIRD, None, 0.98765, 12.34, reused=False))
        progress.finished(Row(FOURTH, None, None, 12.34, reused=True))
    assert pipe.getvalue().splitlines()[2:] == [
        "2 of 4: cnn on 2,000, known already as cnn-2000",
        "3 of 4: cnn on 4,000, a repeat, 98.77 %",
        "4 of 4: cnn on 8,000, a repeat, known already",
    ]
