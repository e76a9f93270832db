"""``blend``: the weighted mean of versions as a challenger."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import (
    VERSION_HELP,
    ConfigOption,
    HomeOption,
    JsonOption,
    TargetOption,
    console,
    notice,
    print_json,
)
from pipeline.cli.settings_options import settings_option
from pipeline.cli.terminal import hanging
from pipeline.store.home import Home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("blend", rich_help_panel="Train")(blend)


def blend(
    version: Annotated[list[str], typer.Argument(metavar="VERSION…", help=f"Two or more, each by {VERSION_HELP}.")],
    metric: TargetOption = None,
    competition: Annotated[
        str | None, typer.Option(help="Competition whose metric is optimized.", rich_help_panel="Kaggle")
    ] = None,
    gate: Annotated[str | None, settings_option("gate")] = None,
    test_size: Annotated[str | None, settings_option("test_size")] = None,
    data_dir: Annotated[Path | None, settings_option("data_dir")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Blend versions: learn weights on validation images, and judge their weighted mean like any challenger.

    The weights do not depend on the benchmark. The blend is one ONNX file; a version with hardly any weight is dropped.
    """
    from pipeline.judging import advice, explain
    from pipeline.orchestration import blending
    from pipeline.settings_file import read_settings
    from pipeline.store import production

    given = {"test_size": test_size, "data_dir": data_dir, "gate": {"preset": gate} if gate else None}
    settings = read_settings(config, {**given, "metric": metric, "competition": competition})
    place = Home.find(home)
    made = blending.blend(settings, place, version, notice)
    if as_json:
        weights = {member.version.id: member.weight for member in made.members}
        validation = made.version.manifest.validation.as_json()
        outcome = made.version.verdict.outcome
        print_json(
            {"id": made.version.id, "new": made.new, "outcome": outcome, "weights": weights, "validation": validation}
            | {"metric": made.metric.name}
        )
        return
    for line in made.lines:
        console.print(line, markup=False)
    console.print()
    verdict = made.version.verdict
    champion = production.current(place, verdict.dataset)
    for line in explain.lines(verdict, advice.of_verdict(verdict, champion.id if champion else None)):
        console.print(hanging(line))
