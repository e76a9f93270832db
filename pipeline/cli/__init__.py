"""The commands of ``simulator.py``: parse, call, print."""

import typer

from pipeline.cli import (
    common,
    doctor_command,
    explore_command,
    gate_commands,
    inspect_commands,
    kaggle_commands,
    notebook_command,
    production_commands,
    publish_command,
    run_command,
    serve_command,
)
from pipeline.models.runtime import prepare_process

COMMANDS = (
    run_command,
    gate_commands,
    inspect_commands,
    explore_command,
    notebook_command,
    production_commands,
    doctor_command,
    serve_command,
    kaggle_commands,
    publish_command,
)

app = typer.Typer(
    name="simulator.py",
    help="Train, judge, promote and predict: a pipeline for small images that improves as data grows.",
    epilog="Add --debug to any command to see the traceback of an error.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in COMMANDS:
    commands.register(app)


def main() -> None:
    """The entry point of ``simulator.py``."""
    prepare_process()
    common.run_app(app)
