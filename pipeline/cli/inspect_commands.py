"""Look at versions: ``versions``, ``show``, ``compare``, ``evaluate``, ``report``, ``forecast``."""

import dataclasses
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.common import (
    DataDirOption,
    HomeOption,
    JsonOption,
    VersionArgument,
    console,
    notice,
    print_json,
    resolve_home,
)
from pipeline.contracts import Version

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
    app.command("evaluate", rich_help_panel=PANEL)(evaluate)
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
    from pipeline.inspection.datasets import name_of
    from pipeline.store import versions

    place = resolve_home(home)
    dataset = name_of(place, dataset) if dataset else None
    listed = [
        version
        for version in versions.list_versions(place)
        if (model is None or (version.known_manifest and version.known_manifest.recipe == model))
        and (dataset is None or (version.known_manifest and version.known_manifest.dataset.name == dataset))
        and (outcome is None or outcome in _states(version))
    ]
    listed = sorted(listed, key=lambda version: _sort_value(version, sort), reverse=sort is not SortKey.model)[:limit]
    if as_json:
        print_json([_facts(version) for version in listed])
    elif not listed:
        console.print("There is no such version. `simulator.py run` trains some.")
    else:
        console.print(_versions_table(listed))


def show(
    version: VersionArgument,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Verify one version's files, and show its verdict, its figures and how it was trained."""
    from pipeline.cli.version_text import lines
    from pipeline.store import submissions, versions

    place = resolve_home(home)
    found = versions.verify(versions.find(place, version))
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
    for line in lines(found, sent):
        console.print(line)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A version's id, or a part of it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another version's id, or a part of it.")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Compare two versions image by image: the errors B fixed, the ones it added, and the significance."""
    from pipeline.cli.version_text import comparison_lines
    from pipeline.inspection.comparison import compare as compare_versions
    from pipeline.store import versions

    place = resolve_home(home)
    result = compare_versions(versions.find(place, first), versions.find(place, second))
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    for line in comparison_lines(result):
        console.print(line)


def evaluate(
    version: VersionArgument,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            min=1, help="Evaluate the native model after this many epochs or rounds instead of the exported one."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Labelled images to evaluate on instead of its benchmark, as for `run`.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Evaluate a version, or one of its checkpoints, on its benchmark or on other images."""
    from pipeline.cli.version_text import score_lines
    from pipeline.inspection import evaluation
    from pipeline.store import scores, versions

    place = resolve_home(home)
    found = versions.find(place, version)
    result = evaluation.evaluate(place, found, checkpoint=checkpoint, dataset=dataset, data_dir=data_dir, notify=notice)
    file = place.metric_results / "evaluations" / f"{result.name}.json"
    scores.write(file, result.scores)
    if as_json:
        print_json(result.scores.as_json())
        return
    console.print(Text.assemble((found.id, "bold"), f" ({result.what}) on {result.images}"))
    for line in score_lines(result.scores):
        console.print(line)
    console.print(f"Written to {file}", style="dim", soft_wrap=True)


def report(home: HomeOption = None) -> None:
    """Rebuild metric_results/ from versions/: tables, plots, workbook and overview."""
    from pipeline.inspection import reporting
    from pipeline.store import lock

    place = resolve_home(home)
    with lock.writing(place, wait=True, notify=notice):
        for title, path in reporting.publish(place).items():
            console.print(f"{title:<16} {path}", soft_wrap=True, markup=False)


def forecast(
    accuracy: Annotated[float, typer.Option(help="Accuracy to reach, as a fraction, such as 0.998.")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Forecast how many images each recipe needs for an accuracy, from a power law fitted to its learning curve."""
    from pipeline.inspection import reporting
    from pipeline.reports.forecast import CAVEAT
    from pipeline.reports.forecast import forecast as forecast_curve

    place = resolve_home(home)
    curve = reporting.learning_curve(place, reporting.results_table(place))
    forecasts = forecast_curve(curve, accuracy)
    if as_json:
        print_json([dataclasses.asdict(one) for one in forecasts])
        return
    for one in forecasts:
        console.print(one.sentence, markup=False)
    console.print(CAVEAT, style="dim", markup=False)


def _versions_table(listed: list[Version]) -> Table:
    from pipeline.cli.terminal_tables import accuracy, verdict_text

    table = Table()
    for column in (
        "version",
        "dataset",
        "model",
        "images",
        "accuracy (95 %)",
        "fit seconds",
        "verdict",
        "in production",
    ):
        table.add_column(
            column,
            justify="right" if column in ("images", "accuracy (95 %)", "fit seconds") else "left",
            overflow="fold",
        )
    for version in listed:
        champion = Text("● champion", style="bold blue") if version.in_production else Text("")
        if version.damage:
            table.add_row(version.id, "", "", "", "", "", verdict_text(version), Text(version.damage, style="red"))
            continue
        facts = version.manifest
        table.add_row(
            version.id,
            facts.dataset.name,
            facts.recipe,
            f"{facts.rows.train_size:,}",
            accuracy(version),
            f"{facts.timings.fit_seconds:,.1f}",
            verdict_text(version),
            champion,
        )
    return table


def _facts(version: Version) -> dict[str, Any]:
    """What other programs want to know of a version, at a glance."""
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
        "in_production": version.in_production,
        "override": version.override,
        "damage": version.damage,
        "fully_verified": version.fully_verified,
        "digest": facts.digest if facts else None,
    }


def _states(version: Version) -> set[str]:
    states = {"damaged"} if version.damage else {str(version.verdict.outcome)}
    return states | ({"production"} if version.in_production else set())


def _sort_value(version: Version, key: SortKey) -> tuple[Any, str]:
    facts, scores = version.known_manifest, version.known_scores
    accuracy = scores.accuracy.value if scores else None
    value: Any = {
        SortKey.time: "",
        SortKey.accuracy: -1.0 if accuracy is None else accuracy,
        SortKey.size: facts.rows.train_size if facts else -1,
        SortKey.seconds: facts.timings.fit_seconds if facts else -1.0,
        SortKey.model: facts.recipe if facts else "",
    }[key]
    return value, version.id
