"""``ingest``: take images into a dataset."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import (
    HomeOption,
    JsonOption,
    console,
    errors,
    notice,
    print_json,
    saying_if_stopped,
)
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.growing.arrivals import Desk
    from pipeline.growing.ingest import Order


SourcesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Folders (a sub-folder for each class), archives, CSV, .npz, Parquet, pictures, mnist, digits, "
        "kaggle, or hf:owner/name."
    ),
]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="How pictures become pixels, fixed by the first ingest: digit, fit, crop, stretch or as-is.",
        show_default="digit for grey digits, else fit",
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        help="height,width or height,width,channels, fixed by the first ingest.", show_default="the images' own"
    ),
]
PolarityOption = Annotated[
    str | None,
    typer.Option(
        help="light-on-dark or dark-on-light, to which every picture is brought, or any, which inverts none; fixed by "
        "the first ingest.",
        show_default="light-on-dark for digit, else any",
    ),
]
RatioOption = Annotated[
    float | None,
    typer.Option(min=1.0, help="Set aside images that would make a class more than this many times the smallest."),
]
LabellerOption = Annotated[str, typer.Option(help="Who labelled the images.")]
NewClassesOption = Annotated[bool, typer.Option("--new-classes", help="Add unknown labels as new classes.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("ingest", rich_help_panel="Data")(ingest)


def ingest(
    sources: SourcesArgument,
    dataset: Annotated[str, typer.Option(help="Dataset to add to; a new name starts one.")],
    label: Annotated[str | None, typer.Option(help="Class of all given images.", show_default="its folder")] = None,
    as_: KindOption = None,
    image_size: SizeOption = None,
    polarity: PolarityOption = None,
    new_classes: NewClassesOption = False,
    max_ratio: RatioOption = None,
    labelled_by: LabellerOption = "",
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Number of processes that prepare images.", show_default="cores")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with local MNIST files.", envvar="PIPELINE_DATA")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Fail at once if another process is writing.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Prepare images, check them, and store them as the next snapshot of a dataset.

    Unreadable images are refused, doubtful ones wait in quarantine, and copies are only counted. Train on the dataset
    with `run --dataset NAME`.
    """
    from pipeline.growing.declaring import Wishes
    from pipeline.growing.ingest import Order

    order = Order(
        specs=tuple(sources),
        dataset=dataset,
        label=label,
        wishes=Wishes(as_, image_size, polarity),
        new_classes=new_classes,
        max_ratio=max_ratio,
        labelled_by=labelled_by,
        jobs=jobs or len(os.sched_getaffinity(0)),
    )
    _take_in(Home.find(home), order, data_dir, wait=not no_wait, as_json=as_json)


def _take_in(place: Home, order: "Order", data_dir: Path | None, *, wait: bool, as_json: bool) -> None:
    from rich.progress import Progress

    from pipeline.growing import batch_report
    from pipeline.growing.ingest import ingest as take_in

    stopped = "Stopped. The dataset is intact; the same command takes in whatever is not stored yet."
    bars = Progress(console=errors, disable=not errors.is_terminal, transient=True)
    with saying_if_stopped(stopped), bars:
        task = bars.add_task("preparing", total=None)
        batch = take_in(
            place,
            order,
            desk_of(place, data_dir),
            lambda done, total: bars.update(task, completed=done, total=total),
            wait=wait,
        )
    page = batch_report.write(place, batch)
    if as_json:
        print_json({**batch.facts(), "report": str(page)})
        return
    for sentence in batch.in_words():
        console.print(sentence, markup=False)
    more = "More reasons for refusals are on the page. " if batch.refused > 1 else ""
    console.print(f"{more}Look at {page}", markup=False, soft_wrap=True)


def desk_of(place: Home, data_dir: Path | None) -> "Desk":
    """Return where arrivals are opened."""
    from functools import partial

    from pipeline.data import sources
    from pipeline.growing.arrivals import Desk
    from pipeline.services import huggingface_datasets
    from pipeline.store import competitions

    competition = partial(competitions.find, place)
    return Desk(
        scratch=place.datasets,
        read_named=lambda spec: sources.read(spec, data_dir=data_dir, competition=competition, notify=notice),
        download=huggingface_datasets.download,
        notify=notice,
    )
