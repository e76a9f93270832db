"""The commands of ``simulator.py``: parse, call, print."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main

from pipeline import __version__
from pipeline.cli import common
from pipeline.models.runtime import prepare_process

MODULES = {
    "run_command": ("run",),
    "judge_command": ("judge",),
    "blend_command": ("blend",),
    "tune_command": ("tune",),
    "models_command": ("models",),
    "config_command": ("init", "config"),
    "ingest_command": ("ingest",),
    "review_command": ("review",),
    "watch_command": ("watch",),
    "dataset_commands": ("dataset",),
    "inspect_commands": ("versions", "show", "compare", "report", "forecast"),
    "evaluate_command": ("evaluate",),
    "explore_command": ("explore",),
    "notebook_command": ("notebook",),
    "production_commands": ("production", "promote", "rollback"),
    "predict_command": ("predict",),
    "drift_command": ("drift",),
    "doctor_command": ("doctor",),
    "prune_command": ("prune",),
    "gate_commands": ("gate",),
    "serve_command": ("serve",),
    "served_commands": ("served",),
    "publish_command": ("publish",),
    "kaggle_commands": ("kaggle",),
}
"""The modules of this package with commands, and the commands that each registers; ``--help`` keeps the order."""


class AllCommands(common.Commands):
    """The commands of every module; a module is imported when one of its commands is needed."""

    def list_commands(self, *_: Any) -> list[str]:
        """Return the names of all commands."""
        return [name for names in MODULES.values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; a name that is unknown imports them all, so that a similar one can be suggested."""
        wanted = [module for module, names in MODULES.items() if cmd_name in names]
        for module in wanted or MODULES:
            self.commands.update(registered(module))
        return super().get_command(ctx, cmd_name)


@cache
def registered(module: str) -> Mapping[str, Any]:
    """Return the commands of one module by name; it can register them once in a process."""
    own = typer.Typer(rich_markup_mode="rich")
    import_module(f"{__name__}.{module}").register(own)
    return typer.main.get_group(own).commands


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"digit-pipeline {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="simulator.py",
    cls=AllCommands,
    help="Train, judge, promote and predict: a pipeline for small images that improves as data grows.",
    epilog="Add --debug to any command to see the traceback of an error.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Handle the options before the command."""


def main() -> None:
    """Run ``simulator.py``."""
    prepare_process()
    common.run_app(app)
