"""``gate check``: the gate for predictions that other programs made; its exit status is the verdict."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import JsonOption, console, print_error, print_json
from pipeline.cli.terminal import hanging
from pipeline.errors import PipelineError, SettingsError

if TYPE_CHECKING:
    from pipeline.contracts import Verdict

STATUS = {"pass": 0, "fail": 1, "error": 2}

FILES = "CSV or .npz, with labels or probabilities"


def check(
    labels: Annotated[Path, typer.Option(help="True labels of images that neither model was trained on: CSV or .npz.")],
    champion: Annotated[Path, typer.Option(help=f"The champion's predictions: {FILES}.")],
    challenger: Annotated[Path, typer.Option(help=f"The challenger's predictions: {FILES}.")],
    validation_labels: Annotated[
        Path | None, typer.Option(help="True labels of other images that neither model was fitted on.")
    ] = None,
    validation_champion: Annotated[Path | None, typer.Option(help="The champion's predictions for those.")] = None,
    validation_challenger: Annotated[Path | None, typer.Option(help="The challenger's predictions for those.")] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="Settings file with a \\[gate] table.", show_default="pipeline.toml, if there is one"),
    ] = None,
    gate: Annotated[
        str | None, typer.Option("--gate", help="Preset: guarded, each-test or as-good.", show_default="guarded")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Folder that keeps the error budget; without it, nothing is kept.")
    ] = None,
    name: Annotated[str, typer.Option(help="The dataset's name; each has its own budget in the folder.")] = "data",
    as_json: JsonOption = False,
) -> None:
    """Judge the predictions of your own models: exit status 0 is a pass, 1 a fail, 2 an error.

    Both models are compared on the same images: every file has one line per image, in the same order or with ids.
    """
    validation = (validation_labels, validation_champion, validation_challenger)
    try:
        verdict = _verdict((labels, champion, challenger), validation, policy, gate, ledger, name)
    except (PipelineError, OSError) as error:
        print_error(str(error))
        raise typer.Exit(STATUS["error"]) from error
    _show(verdict, as_json=as_json)
    raise typer.Exit(STATUS[verdict.outcome])


def _verdict(
    benchmark: tuple[Path, Path, Path],
    validation: tuple[Path | None, Path | None, Path | None],
    policy: Path | None,
    gate: str | None,
    ledger: Path | None,
    name: str,
) -> "Verdict":
    from pipeline.cli.gate_commands import policy_of
    from pipeline.gatecheck import check_files

    given = [path for path in validation if path is not None]
    if len(given) not in (0, 3):
        raise SettingsError(
            "Validation takes three files: --validation-labels, --validation-champion and --validation-challenger."
        )
    rules = policy_of(gate, policy)
    return check_files(benchmark, given or None, policy=rules, ledger_in=ledger, dataset=name)


def _show(verdict: "Verdict", *, as_json: bool) -> None:
    from pipeline.judging import disclosure, explain

    verdict = disclosure.shown_verdict(verdict)
    if as_json:
        print_json(asdict(verdict))
        return
    for line in explain.lines(verdict):
        console.print(hanging(line))
