"""What the commands share: options, consoles, the home folder, and how an error is shown."""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from pipeline.cli.terminal import PlainConsole, prepare_streams
from pipeline.errors import PipelineError, SettingsError, shortened, shown
from pipeline.store.home import Home

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder that holds versions/, production/ and metric_results/.",
        envvar="PIPELINE_HOME",
        show_default="the checkout, or the current folder if installed without one",
        rich_help_panel="Where",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Settings file.", show_default="pipeline.toml, if there is one", rich_help_panel="Where"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
ChampionOption = Annotated[
    str | None,
    typer.Option("--dataset", help="Dataset whose champion to use; required if several have one."),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="Metric to optimize on the validation images: log-loss, accuracy, macro-f1 or quadratic-kappa.",
        show_default="that of --competition, else log-loss",
        rich_help_panel="Kaggle",
    ),
]
VERSION_HELP = "its id, a part of it, or champion, previous or latest (mnist@champion where several datasets have one)"
"""How a version is named; ``store.versions.find`` resolves it."""
VersionArgument = Annotated[str, typer.Argument(help=f"The version: {VERSION_HELP}.")]
LONGEST_MESSAGE, LONGEST_WORD = 2000, 300
"""Maximum number of characters of an error, and of a word in it, that are printed."""
USAGE_ERROR: Any = typer.BadParameter.__base__
"""Typer does not export it."""

console = PlainConsole()
errors = PlainConsole(stderr=True)


class Commands(TyperGroup):
    """A group of commands: help fills its lines, and usage errors quote only the beginning of a long input."""

    def get_command(self, *args: Any, **kwargs: Any) -> Any:
        found = super().get_command(*args, **kwargs)
        if found is not None and found.help:
            paragraphs = found.help.split("\n\n")
            found.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        return found

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _short_usage_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _short_usage_errors():
            return super().invoke(ctx)


def dataset_name(home: Home, given: str | None) -> str | None:
    """Return the name that a dataset is kept under in a home; ``None`` where none is given."""
    if not given:
        return None
    from pipeline.inspection.datasets import name_of

    return name_of(home, given)


def if_requested(competition: str) -> str:
    """Return what to do after a stop that may have come after a submission was requested."""
    from pipeline.facts.competition import option

    look = f"`simulator.py kaggle status{option(competition)}` looks"
    return f"If a submission had been requested, Kaggle may have it: {look}."


def print_json(value: Any) -> None:
    """Print JSON on standard output, indented."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not is_unicode))


def notice(sentence: str) -> None:
    """Print a sentence that a person should see on standard error."""
    errors.print(Text.assemble(("Note:", "bold yellow"), " ", sentence))


def print_error(sentence: str) -> None:
    """Print why a command failed on standard error."""
    short = re.sub(r"\S+", lambda word: shortened(word[0], LONGEST_WORD), sentence)
    errors.print(Text.assemble(("Error:", "bold red"), " ", shortened(short, LONGEST_MESSAGE)))


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


@contextmanager
def saying_if_stopped(sentence: str) -> Iterator[None]:
    """Print a sentence on standard error if Ctrl-C or SIGTERM ends what is done meanwhile: exit status 130 or 143.

    A second SIGTERM ends the process at once, and so does any that comes before or afterwards.
    """

    def terminate(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except (KeyboardInterrupt, ImportError) as error:
        stop = _interruption(error)
        if stop is None:
            raise
        errors.print(sentence)
        if isinstance(stop, _Terminated):
            raise typer.Exit(128 + signal.SIGTERM) from error
        raise stop from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _interruption(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return what stopped the command: an extension module that is interrupted while it is imported hides it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def run_app(app: Callable[..., Any]) -> None:
    """Run the command line: one clear line for an expected error, a traceback only with ``--debug``."""
    prepare_streams()
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        _require_text(sys.argv[1:])
        app()
    except (PipelineError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        if debug:
            raise
        print_error(str(error))
        sys.exit(1)


def _require_text(arguments: list[str]) -> None:
    """Refuse an argument that is not valid text: names, reasons and paths end up in files of text."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            raise SettingsError(
                f"The argument {shown(argument)} is not valid {sys.getfilesystemencoding().upper()} text: "
                "write it in the encoding of this terminal."
            ) from None


@contextmanager
def _short_usage_errors() -> Iterator[None]:
    try:
        yield
    except USAGE_ERROR as error:
        error.message = shortened(error.message.removeprefix("Value error, "))
        raise
