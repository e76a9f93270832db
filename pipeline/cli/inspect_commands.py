"""Look at versions: ``versions``, ``show``, ``compare``, ``report``, ``forecast``."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.common import (
    VERSION_HELP,
    HomeOption,
    JsonOption,
    VersionArgument,
    console,
    dataset_name,
    notice,
    print_json,
)
from pipeline.contracts import Version
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.store.version_index import VersionSummary

PANEL = "Inspect"


class SortKey(StrEnum):
    """Columns that ``versions`` can be sorted by."""

    time = "time"
    accuracy = "accuracy"
    size = "size"
    seconds = "seconds"
    model = "model"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("versions", rich_help_panel=PANEL)(list_versions)
    app.command("show", rich_help_panel=PANEL)(show)
    app.command("compare", rich_help_panel=PANEL)(compare)
    app.command("report", rich_help_panel=PANEL)(report)
    app.command("forecast", rich_help_panel=PANEL)(forecast)


def list_versions(
    sort: Annotated[SortKey, typer.Option(help="Column to sort by, best or newest first.")] = SortKey.time,
    model: Annotated[str | None, typer.Option(help="Show only this recipe.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Show only this dataset.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Show only versions with this state: pass, fail, error, damaged or production.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of versions to show.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List every version, including those that failed."""
    from pipeline.cli.version_table import print_versions
    from pipeline.store import version_index, versions

    place = Home.find(home)
    dataset = dataset_name(place, dataset)
    listed = [
        version
        for version in version_index.summaries(place)
        if (model is None or version.recipe == model)
        and (dataset is None or version.dataset == dataset)
        and (outcome is None or outcome in _states(version))
    ]
    listed = sorted(listed, key=lambda version: _sort_value(version, sort), reverse=sort is not SortKey.model)[:limit]
    if as_json:
        print_json([_facts(versions.find(place, version.id)) for version in listed])
    elif not listed:
        console.print("There is no matching version; `simulator.py run` trains versions.")
    else:
        print_versions(console, listed)


def show(
    version: VersionArgument,
    export_predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write its stored predictions to this file instead: out of fold for all images of a cross-fitted "
            "version, on the benchmark for any other version.",
        ),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Verify one version's files, and show its verdict, its figures and how it was trained."""
    from pipeline.cli.version_text import lines
    from pipeline.store import production, submissions, versions

    place = Home.find(home)
    found = versions.verify(versions.find(place, version))
    if export_predictions is not None:
        _export_predictions(found, export_predictions)
        return
    sent = submissions.of_version(place, found.id)
    if as_json:
        print_json(
            {
                **_facts(found),
                "manifest": found.known_manifest.as_json() if found.known_manifest else None,
                "scores": found.known_scores.as_json() if found.known_scores else None,
                "submissions": [dataclasses.asdict(record) for record in sent],
            }
        )
        return
    champion = None if found.damage else production.current(place, found.verdict.dataset)
    for line in lines(found, sent, champion.id if champion else None):
        console.print(line)
    if not found.damage:
        report = found.folder / "report.html"
        console.print(
            f"Report: {report if report.exists() else 'deleted with the erasure of images'}",
            style="dim",
            soft_wrap=True,
        )


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help=f"A version: {VERSION_HELP}.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another version, named in the same way.")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Compare two versions image by image: the errors B fixed, the ones it added, and the significance."""
    from pipeline.cli.version_text import comparison_lines
    from pipeline.inspection.comparison import compare as compare_versions
    from pipeline.store import versions

    place = Home.find(home)
    result = compare_versions(versions.find(place, first), versions.find(place, second))
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    for line in comparison_lines(result):
        console.print(line)


def report(home: HomeOption = None) -> None:
    """Rebuild metric_results/ from versions/: tables, plots, workbook and overview."""
    from pipeline.inspection import reporting
    from pipeline.store import lock

    place = Home.find(home)
    with lock.writing(place, wait=True, notify=notice):
        for title, path in reporting.publish(place).items():
            console.print(f"{title:<16} {path}", soft_wrap=True, markup=False)


def forecast(
    accuracy: Annotated[float, typer.Option(help="Accuracy to reach, as a fraction, such as 0.998.")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Forecast how many images each recipe needs to reach an accuracy, by a power law fitted to three or more sizes."""
    from pipeline.inspection import reporting
    from pipeline.reports.forecast import CAVEAT
    from pipeline.reports.forecast import forecast as forecast_curve

    place = Home.find(home)
    curve = reporting.learning_curve(place, reporting.results_table(place))
    forecasts = forecast_curve(curve, accuracy)
    if as_json:
        print_json([dataclasses.asdict(one) for one in forecasts])
        return
    for one in forecasts:
        console.print(one.sentence, markup=False)
    console.print(CAVEAT, style="dim", markup=False)


def _export_predictions(version: Version, file: Path) -> None:
    from pipeline.inspection import exporting
    from pipeline.store import atomic

    table, words = exporting.predictions(version)
    atomic.write_text(file, table)
    console.print(f"{version.id}: {words}, in {file}", markup=False, soft_wrap=True)


def _facts(version: Version) -> dict[str, Any]:
    """The main facts of a version, for other programs."""
    facts, scores = version.known_manifest, version.known_scores
    return {
        "id": version.id,
        "folder": str(version.folder),
        "dataset": facts.dataset.name if facts else None,
        "recipe": facts.recipe if facts else None,
        "train_size": facts.rows.train_size if facts else None,
        "fit_seconds": facts.timings.fit_seconds if facts else None,
        "accuracy": scores.accuracy.as_json() if scores else None,
        "verdict": dataclasses.asdict(version.verdict),
        "earlier_verdicts": [dataclasses.asdict(verdict) for verdict in version.earlier],
        "in_production": version.in_production,
        "was_in_production": version.was_in_production,
        "override": version.override,
        "damage": version.damage,
        "fully_verified": version.fully_verified,
        "digest": facts.digest if facts else None,
    }


def _states(version: "VersionSummary") -> set[str]:
    states = {"damaged"} if version.damage else {str(version.outcome)}
    return states | ({"production"} if version.in_production else set())


def _sort_value(version: "VersionSummary", key: SortKey) -> tuple[Any, str]:
    value: Any = {
        SortKey.time: "",
        SortKey.accuracy: -1.0 if version.accuracy is None else version.accuracy,
        SortKey.size: -1 if version.train_size is None else version.train_size,
        SortKey.seconds: -1.0 if version.fit_seconds is None else version.fit_seconds,
        SortKey.model: version.recipe or "",
    }[key]
    return value, version.id
