"""``judge``: judge stored versions again, without training."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.common import VERSION_HELP, ConfigOption, HomeOption, JsonOption, console, notice, print_json
from pipeline.cli.settings_options import settings_option
from pipeline.cli.terminal import hanging
from pipeline.contracts import Version
from pipeline.store.home import Home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("judge", rich_help_panel="Train")(judge)


def judge(
    version: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERSION…]",
            help=f"Each by {VERSION_HELP}.",
            show_default="every version of the dataset that was refused only for lack of proof",
        ),
    ] = None,
    gate: Annotated[str | None, settings_option("gate")] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset whose versions to judge, or where its images are now."),
    ] = None,
    test_size: Annotated[str | None, settings_option("test_size")] = None,
    data_dir: Annotated[Path | None, settings_option("data_dir")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Judge stored versions again, without training, with the current gate, champion and benchmark.

    Each judgement is charged to the error budget like a first one; a version that already has a verdict for these three
    keeps it, at no cost. A version that passes is promoted.
    """
    from pipeline.judging import advice, explain
    from pipeline.orchestration import judge_stored
    from pipeline.settings_file import read_settings
    from pipeline.store import production

    given = {"test_size": test_size, "data_dir": data_dir, "gate": {"preset": gate} if gate else None}
    settings = read_settings(config, given)
    wanted = judge_stored.Wanted(tuple(version or ()), dataset)
    place = Home.find(home)
    judged = judge_stored.judge(settings, place, wanted, notice)
    if as_json:
        print_json([_facts(one.version, new=one.new) for one in judged])
        return
    for one in judged:
        verdict = one.version.verdict
        champion = production.current(place, verdict.dataset)
        console.print(one.sentence, markup=False)
        for line in explain.lines(verdict, advice.of_verdict(verdict, champion.id if champion else None)):
            console.print(hanging(line))
    if not judged:
        console.print("No version was refused for lack of proof alone: there is nothing to judge again.")


def _facts(version: Version, *, new: bool) -> dict[str, Any]:
    verdict = dataclasses.asdict(version.verdict)
    return {"id": version.id, "new": new, "judgements": len(version.verdicts), "verdict": verdict}
