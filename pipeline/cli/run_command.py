"""``run``: the main job."""

from typing import Annotated, Any

import typer

from pipeline.cli.common import ConfigOption, HomeOption, console, errors, if_requested, notice, saying_if_stopped
from pipeline.cli.settings_options import SettingsCommand, notice_idle, settings_given, with_settings
from pipeline.facts.competition import DEFAULT_COMPETITION
from pipeline.store.home import Home

STOPPED = (
    "Stopped. Finished work is kept: the same command resumes the run, and `simulator.py report` shows what there is."
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("run", cls=SettingsCommand, rich_help_panel="Train")(run)


@with_settings
def run(
    *,
    config: ConfigOption = None,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait", help="Fail at once if another run is writing to the same home.", rich_help_panel="Where"
        ),
    ] = False,
    home: HomeOption = None,
    **given: Any,
) -> None:
    """Train, judge, promote and predict, with growing amounts of data.

    Each recipe is trained on each size and becomes a challenger. A challenger that proves better than the champion
    is promoted. Versions that exist already are reused, so the same command resumes a run that was stopped.
    """
    from pipeline import simulator
    from pipeline.cli.progress import RunProgress
    from pipeline.cli.terminal_tables import print_summary
    from pipeline.settings_file import read_settings

    options = settings_given(given)
    settings = read_settings(config, options)
    notice_idle(settings, options, notice)
    requested = f" {if_requested(settings.competition or DEFAULT_COMPETITION)}" if settings.submit else ""
    with saying_if_stopped(STOPPED + requested), RunProgress(errors, notice) as observer:
        summary = simulator.run(settings, Home.find(home), observer, wait=not no_wait)
    print_summary(console, summary)
    if summary.problem is not None:
        raise summary.problem
