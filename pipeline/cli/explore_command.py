"""``explore``: look at a dataset before anything trains."""

from typing import Annotated

import typer

from pipeline.cli.common import DataDirOption, HomeOption, SourceOption, console, errors, notice
from pipeline.store.home import Home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("explore", rich_help_panel="Inspect")(explore)


def explore(
    dataset: SourceOption = "auto",
    data_dir: DataDirOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples and of the subset on the map.")] = 0,
    home: HomeOption = None,
) -> None:
    """Explore a dataset: samples, class balance, duplicates, doubtful labels, a map.

    Writes metric_results/eda/index.html with one picture per part beside it.
    """
    from dataclasses import asdict

    from pipeline.data import validation
    from pipeline.inspection import datasets
    from pipeline.reports import exploration
    from pipeline.store import atomic

    target = Home.find(home)
    with errors.status("loading images") as status:
        spec, name = datasets.source_of(target, dataset)
        data = datasets.load(target, spec, name=name, data_dir=data_dir, notify=notice)
        found = exploration.explore(data, seed, status.update)
        pages = exploration.files(found, asdict(validation.report(data)), status.update)
        folder = target.metric_results / "eda"
        for name, content in pages.items():
            atomic.write_bytes(folder / name, content)
    console.print(found.balance.sentence)
    console.print(f"{len(found.suspects):,} of {found.compared:,} labels disagree with the most similar images.")
    console.print(f"Look at {folder / 'index.html'}", soft_wrap=True)
