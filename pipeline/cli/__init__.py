"""The commands of ``simulator.py``: parse, call, print."""

import typer

from pipeline.cli import (
    common,
    explore,
    gate,
    inspect,
    kaggle,
    notebook,
    production,
    publish,
    run,
    serve,
)
from pipeline.models.runtime import prepare_process

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
for commands in (run, gate, inspect, explore, notebook, production, serve, kaggle, publish):
    commands.register(app)


def main() -> None:
    """The entry point of ``simulator.py``."""
    prepare_process()
    common.run_app(app)
