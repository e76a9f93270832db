"""``notebook``: the story as a notebook, run, and back again."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import HomeOption, console, errors, saying_if_stopped
from pipeline.store.home import Home

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from pipeline.reports.notebook import CellStarts

CHECKOUT = Path(__file__).parents[2]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("notebook", rich_help_panel="Inspect")(notebook)


def notebook(
    script: Annotated[
        Path | None,
        typer.Argument(help="A notebook as a Python script in percent format.", show_default="notebooks/digits.py"),
    ] = None,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Run every cell and also write HTML.")] = True,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the notebook, such as train_size=60000; may be repeated."),
    ] = None,
    code: Annotated[
        bool, typer.Option("--code/--no-code", help="Show the code in the HTML, or leave it out: a written report.")
    ] = True,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="metric_results/notebook")
    ] = None,
    back: Annotated[
        Path | None, typer.Option(help="Convert this .ipynb, edited in Jupyter, back to its script.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Convert a script to a notebook (.ipynb), run it and write it as HTML; or convert a notebook back."""
    from pipeline.reports import notebook as notebooks
    from pipeline.store import atomic

    folder = (output or Home.find(home).metric_results / "notebook").resolve()
    if back is not None:
        target = folder / f"{back.stem}.py"
        atomic.write_text(target, notebooks.to_script(back))
        console.print(f"Written: {target}", markup=False, soft_wrap=True)
        return
    script = script or CHECKOUT / "notebooks" / "digits.py"
    made = notebooks.with_parameters(notebooks.read_script(_read(script)), _assignments(set_ or []))
    failure = _execute(made, folder) if run else None
    written = {folder / f"{script.stem}.ipynb": notebooks.to_json(made)}
    if run:
        written[folder / f"{script.stem}.html"] = notebooks.to_html(made, script.stem, code=code)
    for path, text in written.items():
        atomic.write_text(path, text)
        console.print(f"Written: {path}", markup=False, soft_wrap=True)
    if failure:
        from pipeline.errors import PipelineError

        raise PipelineError(f"{failure.rstrip('.')}. The results up to that cell are in {folder}.")


def _execute(made: "NotebookNode", folder: Path) -> str | None:
    """Run a notebook in place, which writes into the folder; returns what failed."""
    from pipeline.reports import notebook as notebooks
    from pipeline.store import atomic

    with atomic.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    stopped = "Stopped. Nothing was written; the same command starts from the first cell."
    try:
        with saying_if_stopped(stopped), _progress() as cell_starts:
            return notebooks.execute(made, CHECKOUT, folder, cell_starts)
    finally:
        with suppress(OSError):
            folder.rmdir()  # unless something is in it


@contextmanager
def _progress() -> "Iterator[CellStarts]":
    """Show the running cell and its heading: a bar on a terminal, a line for each heading in a pipe."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    shown: set[str] = set()
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("running the notebook", total=None)

        def cell_starts(number: int, cells: int, heading: str) -> None:
            progress.update(task, total=cells, completed=number - 1, description=heading or "running")
            if not errors.is_terminal and heading not in shown:
                errors.print(f"Running cell {number} of {cells}: {heading}", soft_wrap=True)
            shown.add(heading)

        yield cell_starts


def _read(script: Path) -> str:
    from pipeline.errors import SettingsError

    try:
        return script.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{script} cannot be read ({error.strerror}): name a script in percent form.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{script} is not text in UTF-8: name a script in percent form.") from error


def _assignments(texts: list[str]) -> dict[str, str]:
    from pipeline.errors import SettingsError

    for text in texts:
        if "=" not in text:
            raise SettingsError(f"--set {text}: write it as name=value.")
    return {name.strip(): value.strip() for name, value in (text.split("=", 1) for text in texts)}
