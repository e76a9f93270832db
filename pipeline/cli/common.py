"""What every command shares: the home option, the console, and how an error is shown."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipeline.errors import PipelineError
from pipeline.store.home import Home

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder that holds versions/, production/ and metric_results/.",
        envvar="PIPELINE_HOME",
        show_default="the checkout",
        rich_help_panel="Where",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
WIDTH_IN_A_PIPE = 200

console = Console(width=None if sys.stdout.isatty() else WIDTH_IN_A_PIPE, soft_wrap=False, highlight=False)
errors = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH_IN_A_PIPE, highlight=False)


def resolve_home(folder: Path | None) -> Home:
    """The home folder of a command: the option, else the environment, else the checkout."""
    return Home((folder or Path(__file__).parents[2]).resolve())


def print_json(value: Any) -> None:
    """JSON on standard output, indented."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def notice(sentence: str) -> None:
    """A sentence that a person should see, on standard error."""
    errors.print(f"[bold yellow]Note:[/] {sentence}")


def run_app(app: Callable[..., Any]) -> None:
    """Run the command line: one clear line for an expected error, a traceback only with ``--debug``."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except (PipelineError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        if debug:
            raise
        errors.print("[bold red]Error:[/] ", end="")
        errors.print(str(error), markup=False)
        sys.exit(1)
