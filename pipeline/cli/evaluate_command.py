"""``evaluate``: measure versions again, on their benchmark or on other images."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pipeline.cli.common import VERSION_HELP, HomeOption, JsonOption, console, notice, print_json
from pipeline.cli.settings_options import DataDirOption
from pipeline.contracts import Version
from pipeline.store.home import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.inspection.evaluation import Evaluation


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("evaluate", rich_help_panel="Inspect")(evaluate)


def evaluate(
    named: Annotated[list[str], typer.Argument(metavar="VERSION…", help=f"Each by {VERSION_HELP}.")],
    checkpoint: Annotated[
        int | None,
        typer.Option(
            min=1, help="Evaluate the native model after this many epochs or rounds instead of the exported one."
        ),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Labelled images to evaluate on instead of the benchmark, as for `run`; may be repeated."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Evaluate versions, or a checkpoint, on their benchmark or on other images.

    Of other images, those count that none of these versions was trained or validated on; of a named dataset, its
    benchmark images and those that no run has seen.

    Several versions or datasets are compared in a table, and in a picture that adds corrupted and rotated copies of the
    benchmark; workbook and overview show both.
    """
    from pipeline.inspection import evaluation, test_sets
    from pipeline.store import scores, versions

    place = Home.find(home)
    sources: list[str | None] = [*dataset] if dataset else [None]
    measured = []
    compared = [versions.find(place, one) for one in named]
    for found in compared:
        for source in sources:
            result = evaluation.evaluate(
                place, found, checkpoint=checkpoint, dataset=source, data_dir=data_dir, notify=notice, beside=compared
            )
            scores.write(test_sets.file_of(place, result.name), result.scores)
            measured.append((found, result))
    if len(measured) == 1:
        _show_evaluation(place, *measured[0], as_json=as_json)
    else:
        _show_evaluations(place, measured, as_json=as_json)


def _show_evaluation(place: Home, found: Version, result: "Evaluation", *, as_json: bool) -> None:
    from pipeline.cli.version_text import score_lines
    from pipeline.inspection import test_sets

    if as_json:
        print_json(result.scores.as_json())
        return
    console.print(Text.assemble((found.id, "bold"), f" ({result.what}) on {result.images}"))
    for line in score_lines(result.scores):
        console.print(line)
    console.print(f"Written to {test_sets.file_of(place, result.name)}", style="dim", soft_wrap=True)


def _show_evaluations(place: Home, measured: "Sequence[tuple[Version, Evaluation]]", *, as_json: bool) -> None:
    from pipeline.cli.version_table import print_evaluations
    from pipeline.inspection import reporting, test_sets
    from pipeline.store import lock

    if as_json:
        print_json([{"version": found.id, "images": one.images, **one.scores.as_json()} for found, one in measured])
    else:
        print_evaluations(console, measured)
    with lock.writing(place, wait=True, notify=notice):
        figures = reporting.publish(place)
    if len(test_sets.table(place)) and not as_json:
        folder = place.metric_results
        for path in (folder / test_sets.PICTURE, folder / test_sets.TABLE, figures["workbook"], figures["overview"]):
            console.print(f"Written to {path}", style="dim", soft_wrap=True)
