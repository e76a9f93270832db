"""``tune``: search the parameters of a recipe."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.common import (
    ConfigOption,
    HomeOption,
    JsonOption,
    TargetOption,
    console,
    errors,
    notice,
    print_json,
    saying_if_stopped,
)
from pipeline.cli.settings_options import with_settings
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.facts.tuning_facts import SamplerName, Study, Trial

OF_SEARCH = (
    *("effort", "jobs", "seed", "shape", "dataset", "name", "data_dir"),
    *("cluster", "cluster_images", "cluster_mib"),
)
"""The settings of a run that a search takes."""

ModelOption = Annotated[str, typer.Option(help="The recipe, or your own as package.module:function.")]
TrialsOption = Annotated[
    int, typer.Option(min=1, max=100_000, help="Total number of trials, including those of earlier calls.")
]
TimeoutOption = Annotated[
    str | None, typer.Option(help="Time limit for this call, such as 90s, 30m or 2h.", show_default="no limit")
]
TrainSizeOption = Annotated[
    str, typer.Option(help="Images to train with, validation images included: a number, a fraction, or 'all'.")
]
FixedOption = Annotated[
    list[str] | None, typer.Option("--set", help="Fix a parameter, as in xgboost.max_depth=6; may be repeated.")
]
SamplerOption = Annotated[
    str, typer.Option(help="tpe proposes values like those of the best trials so far; random ignores them.")
]
WriteOption = Annotated[
    Path | None, typer.Option(help="Also set the parameters in this settings file, such as pipeline.toml.")
]

CompetitionOption = Annotated[
    str | None,
    typer.Option(
        help="Competition whose metric is optimized, and whose training images are used unless --dataset names others.",
        rich_help_panel="Kaggle",
    ),
]

_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|h)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("tune", rich_help_panel="Train")(with_settings(tune, OF_SEARCH))


def tune(
    *,
    model: ModelOption,
    trials: TrialsOption = 40,
    timeout: TimeoutOption = None,
    train_size: TrainSizeOption = "all",
    fixed: FixedOption = None,
    sampler: SamplerOption = "tpe",
    competition: CompetitionOption = None,
    metric: TargetOption = None,
    write: WriteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
    **of_search: Any,
) -> None:
    """Search the parameters of a recipe on validation images, never on the benchmark.

    The first trial uses the defaults. Each trial is recorded as it ends, so the same command continues a search that
    was stopped. The result is a table for pipeline.toml; versions trained with it go through the gate.
    """
    from pipeline.models.parameters import parse_overrides
    from pipeline.settings_file import read_settings
    from pipeline.tuning import result_table
    from pipeline.tuning.searching import Limits
    from pipeline.tuning.tune import Wanted
    from pipeline.tuning.tune import tune as search

    settings = read_settings(config, {**of_search, "competition": competition, "metric": metric})
    limits = Limits(trials, _seconds(timeout))
    wanted = Wanted(model, train_size, _fixed(model, parse_overrides(fixed or [])), _sampler(sampler), limits)
    with saying_if_stopped("Stopped. Finished trials are kept; the same command continues the search."):
        found = search(settings, Home.find(home), wanted, notice, _Progress(trials))
    if write is not None:
        result_table.merge(write, model, found.chosen, found.automatic)
    if as_json:
        facts = {"study": found.study.as_json(), "best": found.best.as_json(), "parameters": found.parameters}
        print_json({**facts, "trials": [trial.as_json() for trial in found.trials]})
        return
    for sentence in found.sentences:
        console.print(sentence, markup=False)
    where = "For pipeline.toml, where --write pipeline.toml puts it:" if write is None else f"Written to {write}:"
    console.print(where, markup=False)
    console.print()
    typer.echo(result_table.table(model, found.chosen))


class _Progress:
    """Prints a line for each trial that ended."""

    def __init__(self, trials: int) -> None:
        self._trials = trials

    def __call__(self, trial: "Trial", finished: Sequence["Trial"], study: "Study") -> None:
        from pipeline.tuning.searching import best
        from pipeline.tuning.tune import figures

        words = trial.reason if trial.outcome == "failed" else "ended early"
        if trial.outcome == "complete":
            words = figures(trial, study)
            words += ", the best so far" if best(finished, study) is trial else ""
        errors.print(f"trial {trial.number + 1} of {self._trials}, {trial.seconds:.1f} s: {words}", markup=False)


def _fixed(model: str, given: dict[str, dict[str, object]]) -> dict[str, object]:
    from pipeline.errors import SettingsError, shown

    other = next((name for name in given if name != model), None)
    if other is not None:
        raise SettingsError(f"--set names the recipe {shown(other)}, but this search is for {model}.")
    return given.get(model, {})


def _seconds(text: str | None) -> float:
    from pipeline.errors import SettingsError, shown

    if text is None:
        return float("inf")
    found = _TIME.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
    if seconds <= 0:
        raise SettingsError(f"--timeout {shown(text)} is not a time: give 90s, 30m or 2h.")
    return seconds


def _sampler(text: str) -> "SamplerName":
    from pipeline.errors import SettingsError, shown

    match text:
        case "tpe" | "random":
            return text
        case _:
            raise SettingsError(f"--sampler {shown(text)} is unknown: give tpe or random.")
