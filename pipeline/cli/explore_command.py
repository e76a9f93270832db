"""``explore``: look at a dataset before anything trains."""

from typing import Annotated

import typer

from pipeline.cli.common import HomeOption, console, errors, notice
from pipeline.cli.settings_options import DataDirOption, SourceOption
from pipeline.store.home import Home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("explore", rich_help_panel="Inspect")(explore)


def explore(
    dataset: SourceOption = "auto",
    data_dir: DataDirOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed for the samples and for the subset on the map.")] = 0,
    home: HomeOption = None,
) -> None:
    """Explore a dataset: samples, class balance, duplicates, doubtful labels, a map.

    Writes metric_results/eda/NAME/index.html, NAME being the dataset's, with one picture per part beside it.
    """
    from dataclasses import asdict

    from pipeline.data import validation
    from pipeline.inspection import datasets, reporting
    from pipeline.reports import exploration, navigation
    from pipeline.store import atomic

    target = Home.find(home)
    with errors.status("loading images") as status:
        spec, name = datasets.source_of(target, dataset)
        data = datasets.load(target, spec, name=name, data_dir=data_dir, notify=notice)
        found = exploration.explore(data, seed, status.update)
        folder = target.exploration_of(data.name)
        header = navigation.on_disk(folder / navigation.INDEX, target.metric_results, data.name, navigation.EXPLORATION)
        pages = exploration.files(
            found,
            asdict(validation.report(data)),
            status.update,
            navigation=header,
            files_of=datasets.files_of(target, data, found.shown_rows),
        )
        for name, content in pages.items():
            atomic.write_bytes(folder / name, content)
        reporting.write_overview(target)
    console.print(found.balance.sentence)
    console.print(found.doubts)
    console.print(f"Look at {folder / navigation.INDEX}", soft_wrap=True)
