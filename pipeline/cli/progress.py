"""Progress of a run: bars on a terminal, a plain line for each finished cell in a pipe."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.cli.terminal_tables import verdict_text
from pipeline.cli.time_left import TimeLeft
from pipeline.contracts import Cell, FitProgress
from pipeline.errors import shortened
from pipeline.judging import standings
from pipeline.orchestration.session import Row


class _Steps(MofNCompleteColumn):
    """How many steps of how many; nothing where no number is known."""

    def render(self, task: Task) -> Text:
        """Return what the column shows of a task."""
        return Text() if task.total is None else super().render(task)


class RunProgress:
    """Shows a bar over all cells with the time left, and one for the cell in training.

    In a pipe, it prints a line on what is to be trained and one on each cell that is done.

    Args:
        console: Where the bars are drawn or the lines are printed.
        notify: Shows a sentence that a person should see.
    """

    def __init__(self, console: Console, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._pipe = None if console.is_terminal else console
        self._count = self._cells = 0
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            _Steps(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._time = TimeLeft((), self._progress.get_time)
        self._fitting: str | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        self._cell = self._progress.add_task("loading images", total=None, detail="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def notice(self, sentence: str) -> None:
        """Show a sentence above the bars."""
        self._notify(sentence)

    def doing(self, what: str) -> None:
        """Show what is done beside training and judging."""
        self._begin(what)

    def planned(self, cells: Sequence[Cell], to_train: Sequence[Cell]) -> None:
        """Start the bar over all cells; the time left is that of those to train."""
        self._time = TimeLeft(to_train, self._progress.get_time)
        self._all = self._progress.add_task("all", total=len(cells), detail="")
        self._cells = len(cells)
        if self._pipe is not None and to_train:
            named = shortened(", ".join(cell.label for cell in to_train))
            self._pipe.print(f"To train: {named}", soft_wrap=True, markup=False)

    def fitting(self, cell: Cell) -> FitProgress:
        """Start the bar of one cell."""
        self._trained(self._fitting)
        self._fitting = cell.digest
        self._time.begin(cell)
        self._begin(f"training {cell.label}")

        def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
            self._time.step(step)
            known = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items() if "accuracy" in name]
            self._progress.update(self._cell, total=steps, completed=step, detail="  ".join(known))

        return progress

    def awaiting(self, cells: Sequence[Cell], where: str) -> None:
        """Show what is being trained in parallel, and what is judged next."""
        waiting = {cell.digest for cell in cells}
        for digest in self._time.waiting():
            if digest not in waiting:
                self._trained(digest)
        count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        self._begin(f"training {count} on {where}: {cells[0].label} next")

    def judging(self, cell: Cell) -> None:
        """Show that the watcher is judging."""
        self._trained(self._fitting)
        self._begin(f"judging {cell.label}")

    def finished(self, row: Row) -> None:
        """Advance the bar over all cells and estimate the time left, or print the cell's line."""
        self._trained(row.cell.digest)
        self._progress.update(self._all, advance=1, detail=self._time_left())
        if self._pipe is not None:
            self._count += 1
            line = f"{self._count} of {self._cells}: {row.cell.label}, {_outcome(row)}"
            self._pipe.print(line, soft_wrap=True, markup=False)

    def _trained(self, cell: str | None) -> None:
        """Count a training as done, once; it is judged when all of its size are trained."""
        if self._time.end(cell):
            self._progress.update(self._all, detail=self._time_left())

    def _time_left(self) -> str:
        """The time left in words; empty until a cell that had to be trained is done."""
        left = self._time.seconds()
        if left is None:
            return ""
        return f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"

    def _begin(self, description: str) -> None:
        """Let the cell's bar start again without an end, which ``update`` cannot take away."""
        self._progress.tasks[self._cell].total = None
        self._progress.update(self._cell, description=description, completed=0, detail="")


def _outcome(row: Row) -> str:
    """What became of a cell, in words."""
    if row.version is None:
        found = "a repeat" if row.accuracy is None else f"a repeat, {100 * row.accuracy:.2f} %"
        return f"{found}, known already" if row.reused else found
    if row.reused:
        return f"known already as {row.version.id}"
    verdict = verdict_text(standings.of_version(row.version), row.version.damage, row.version.override)
    return f"{verdict.plain}, {row.fit_seconds:.1f} s of fitting"
