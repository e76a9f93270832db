"""``run``: the main job."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.common import HomeOption, console, errors, notice, resolve_home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("run", rich_help_panel="Train")(run)


def run(
    train_sizes: Annotated[
        str | None,
        typer.Option(
            help="Growing sizes, separated by commas: numbers of images (validation rows included), fractions of "
            "the dataset, or 'all'.",
            show_default="0.02,0.2,all",
        ),
    ] = None,
    test_size: Annotated[
        str | None, typer.Option(help="Benchmark images: a number, a fraction, or 'all'.", show_default="all")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="Recipes, separated by commas (`models` lists them), or package.module:function.",
            show_default="cnn,xgboost",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="auto, mnist, digits, kaggle, or a CSV, .npz, IDX folder or folder of images.",
            show_default="auto",
            rich_help_panel="Data",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Another name for the dataset; each name has its own champion.", rich_help_panel="Data"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with local MNIST files.", envvar="PIPELINE_DATA", rich_help_panel="Data")
    ] = None,
    test_images: Annotated[
        Path | None,
        typer.Option(
            help="Unlabelled images to predict at the end: Kaggle's test.csv, IDX, .npz, a folder.",
            rich_help_panel="Data",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of rows, weights and augmentation.", show_default="0")] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            help="Train each cell this often, on other subsets; only the first is a challenger.", show_default="1"
        ),
    ] = None,
    effort: Annotated[
        str | None, typer.Option(help="quick, standard or max: time against accuracy.", show_default="standard")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A recipe's parameter: cnn.epochs=5. May be given again.")
    ] = None,
    gate: Annotated[
        str | None, typer.Option(help="Preset of the gate: guarded, each-test or as-good.", show_default="guarded")
    ] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train again what stands in versions/ already.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(help="Processes that train at the same time.", show_default="1", rich_help_panel="Where"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Train on a Dask cluster, tcp://host:8786; each process of its workers trains one model at a time.",
            rich_help_panel="Where",
        ),
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="Submit to Kaggle if the champion changed.", rich_help_panel="Afterwards")
    ] = False,
    track: Annotated[
        str | None, typer.Option(help="Record the run elsewhere: mlflow or mlflow:URI.", rich_help_panel="Afterwards")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file.", show_default="pipeline.toml, if there is one", rich_help_panel="Where"),
    ] = None,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait", help="Fail at once if another run is writing to the same home.", rich_help_panel="Where"
        ),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Train, judge, promote and predict, with growing amounts of data.

    Each size is trained with each recipe and becomes a challenger; what proves better than the champion
    is promoted. What stands in versions/ already is not trained again, so the same command goes on where
    it was stopped.
    """
    from pipeline import simulator
    from pipeline.cli.progress import RunProgress
    from pipeline.cli.terminal_tables import print_summary
    from pipeline.config import read_settings
    from pipeline.models.overrides import parse_overrides

    options: dict[str, Any] = {
        "dataset": dataset,
        "name": name,
        "data_dir": data_dir,
        "train_sizes": _names(train_sizes),
        "test_size": test_size,
        "models": _names(models),
        "seed": seed,
        "repeats": repeats,
        "effort": effort,
        "overrides": parse_overrides(set_ or []),
        "gate": {"preset": gate} if gate else None,
        "retrain": retrain or None,
        "jobs": jobs,
        "cluster": cluster,
        "test_images": test_images,
        "submit": submit or None,
        "track": track,
    }
    settings = read_settings(config, options)
    try:
        with RunProgress(errors, notice) as observer:
            summary = simulator.run(settings, resolve_home(home), observer, wait=not no_wait)
    except KeyboardInterrupt:
        errors.print("Stopped. What was finished is kept; the same command goes on from there.")
        raise
    print_summary(console, summary)
    if summary.problem is not None:
        raise summary.problem


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
