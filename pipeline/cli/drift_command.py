"""``drift``: are the images that are served still like those that the champion was judged on?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import (
    ChampionOption,
    HomeOption,
    JsonOption,
    console,
    notice,
    print_json,
)
from pipeline.cli.production_commands import champion_of
from pipeline.cli.settings_options import DataDirOption
from pipeline.contracts import Deployment
from pipeline.errors import SettingsError
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.inspection.drift import Drift

ALARM = 3
"""Exit status of an alarm; 1 is an error and 2 a wrong option, as in every command."""
PrepareOption = Annotated[
    bool,
    typer.Option(
        "--prepare",
        help="Only make the reference for served images; the first check makes it, too. `serve` needs it to say that "
        "an image is unlike the training images.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("drift", rich_help_panel="Inspect")(show_drift)


def show_drift(
    images: Annotated[
        Path | None,
        typer.Option(help="Check these images instead of the log: anything that `predict` takes. Nothing is kept."),
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="End the monitor, along with any alarm, and start a new one."),
    ] = None,
    prepare: PrepareOption = False,
    dataset: ChampionOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Check whether served images are still like those that the champion was judged on.

    Reads what `serve --log` has kept since the last time. The exit status is 0 without an alarm, 3 with one, and 1
    after an error. The probability that a dataset ever has a false alarm is at most 0.2 %; docs/monitoring.md has the
    assumptions.
    """
    if images is not None and reset is not None:
        raise SettingsError("--reset is for the log and --images for other images: give only one of them.")
    if prepare and (images is not None or reset is not None or as_json):
        raise SettingsError("--prepare looks at no served image: leave out --images, --reset and --json.")
    from pipeline.inspection import drift, drift_report

    place = Home.find(home)
    champion = champion_of(place, dataset)
    if prepare:
        count = drift.prepare(place, champion.dataset, data_dir=data_dir, notify=notice)
        sentence = f"Served images are compared with {count:,} that {champion.id} was not trained on."
        console.print(sentence, markup=False, soft_wrap=True)
        return
    if reset is not None:
        _reset(place, champion, reset)
        return
    if images is not None:
        found = _looked_at_images(place, champion, images, data_dir)
    else:
        found = drift.examine(place, champion.dataset, data_dir=data_dir, notify=notice)
    _show(found, drift_report.write_page(place, found), as_json=as_json)
    if found.alarm is not None:
        raise typer.Exit(ALARM)


def _reset(home: Home, champion: Deployment, reason: str) -> None:
    from pipeline.inspection import drift

    if not reason.strip():
        raise SettingsError("--reset needs a reason, in a few words: it is kept with the monitor that ends.")
    state = drift.reset(home, champion.dataset, reason)
    console.print(f"Monitor {state.number} of {state.dataset} starts with the next image that is served.", markup=False)


def _looked_at_images(home: Home, champion: Deployment, path: Path, data_dir: Path | None) -> "Drift":
    from pipeline.application import Application
    from pipeline.data import unlabelled
    from pipeline.inspection import drift

    application = Application(champion)
    images = unlabelled.load(path, application.shape, notify=notice, preparation=application.preparation)
    return drift.examine_images(home, champion.dataset, images, data_dir=data_dir, notify=notice)


def _show(found: "Drift", page: Path | None, *, as_json: bool) -> None:
    from pipeline.inspection import drift_report

    if as_json:
        print_json(drift_report.as_json(found, page))
        return
    for sentence in drift_report.sentences(found):
        console.print(sentence, markup=False, soft_wrap=True)
    if page is not None:
        console.print(f"Look at {page}", markup=False, soft_wrap=True)
