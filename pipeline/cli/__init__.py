"""The commands of ``simulator.py``: parse, call, print."""

from typing import Annotated

import typer

from pipeline import __version__
from pipeline.cli import (
    blend_command,
    common,
    config_command,
    dataset_commands,
    doctor_command,
    drift_command,
    explore_command,
    gate_commands,
    ingest_command,
    inspect_commands,
    judge_command,
    kaggle_commands,
    models_command,
    notebook_command,
    predict_command,
    production_commands,
    prune_command,
    publish_command,
    review_command,
    run_command,
    serve_command,
    served_commands,
    tune_command,
    watch_command,
)
from pipeline.models.runtime import prepare_process

COMMANDS = (
    run_command,
    judge_command,
    blend_command,
    tune_command,
    models_command,
    config_command,
    ingest_command,
    review_command,
    dataset_commands,
    watch_command,
    gate_commands,
    inspect_commands,
    explore_command,
    notebook_command,
    production_commands,
    predict_command,
    drift_command,
    doctor_command,
    prune_command,
    serve_command,
    served_commands,
    kaggle_commands,
    publish_command,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"digit-pipeline {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="simulator.py",
    cls=common.Commands,
    help="Train, judge, promote and predict: a pipeline for small images that improves as data grows.",
    epilog="Add --debug to any command to see the traceback of an error.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in COMMANDS:
    commands.register(app)


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
