"""``gate``: the policy in force, what each dataset's budget has left, plans, and the simulated tables."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import check_command
from pipeline.cli.common import ConfigOption, HomeOption, JsonOption, console, notice, print_json
from pipeline.cli.terminal import hanging
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.judging.policy import GatePolicy

app = typer.Typer(help="The rules a challenger must pass, and what they guarantee.")

PresetOption = Annotated[
    str | None,
    typer.Option("--gate", help="Preset: guarded, growing, cross-fit, each-test or as-good.", show_default="guarded"),
]
TABLES_BEGIN = "<!-- simulated: begin -->"
TABLES_END = "<!-- simulated: end -->"
USUAL_IMAGES = 10_000
MOST_REPETITIONS = 100_000


def register(parent: typer.Typer) -> None:
    """Add the group to the command line."""
    parent.add_typer(app, name="gate", rich_help_panel="Inspect")


app.command("check")(check_command.check)


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    gate: PresetOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show the policy in words, each dataset's remaining error budget, and the smallest gain the gate can detect."""
    if context.invoked_subcommand is not None:
        return
    from pipeline.inspection.gate_status import findable_in_words, statuses
    from pipeline.judging import explain, power

    policy = policy_of(gate, config)
    found = statuses(Home.find(home), policy)
    if as_json:
        print_json({"policy": policy.model_dump(), "digest": policy.digest, "datasets": [vars(one) for one in found]})
        return
    console.print(f"Gate: {policy.name}  ({policy.digest[:12]})", markup=False)
    for sentence in explain.of_policy(policy):
        console.print(hanging(f"  - {sentence}"))
    console.print(explain.promise(policy), markup=False)
    for status in found:
        console.print()
        for sentence in status.in_words(policy):
            console.print(sentence, markup=False)
    if not found:
        console.print("\nNothing has been judged yet.")
        if policy.mode == "better" and policy.promises:
            validation = int(power.VALIDATION_PER_BENCHMARK * USUAL_IMAGES)
            console.print(findable_in_words(USUAL_IMAGES, validation, policy.alpha), markup=False)


@app.command()
def plan(
    gain: Annotated[float, typer.Option(min=0.0, max=100.0, help="Gain to detect, in percentage points of accuracy.")],
    disagreement: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            help="Percentage of the images that exactly one of the two models gets right.",
            show_default="about 0.7 for gains up to 0.5 points, as where a champion gets 99.2 % right and the "
            "challenger repeats about half of its errors",
        ),
    ] = None,
    power: Annotated[float, typer.Option(min=0.01, max=0.999, help="Probability of detecting it.")] = 0.8,
    gate: PresetOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate how many benchmark images it takes to detect a gain."""
    from pipeline.errors import SettingsError
    from pipeline.judging import power as planning

    policy = policy_of(gate, config)
    if policy.mode != "better" and not policy.out_of_fold:
        raise SettingsError(f"The gate mode '{policy.mode}' does not prove gains, so there is nothing to plan.")
    share = sum(planning.usual_rates(gain / 100)) if disagreement is None else disagreement / 100
    if not 0 < gain / 100 <= share:
        raise SettingsError(
            f"--gain {gain:g} is impossible: it must be above 0 and at most the {100 * share:.3g} % of the images "
            "that the two disagree on; give --disagreement if they disagree on more."
        )
    images = planning.images_needed(gain / 100, share, _level_of(policy, gain / 100, share), power)
    if as_json:
        facts = {"gain_pp": gain, "disagreement_percent": 100 * share, "alpha": policy.alpha, "power": power}
        print_json({**facts, "budget": policy.budget, "images": images})
        return
    needed = f"more than {planning.MOST_IMAGES:,}" if images is None else f"about {planning.rounded(images):,}"
    kind = "images out of fold" if policy.out_of_fold else "benchmark images"
    console.print(
        f"To find a gain of {gain:g} points {100 * power:g} % of the time, with {100 * share:.3g} % of the images "
        f"right for exactly one of the two, this gate needs {needed} {kind}{_assumption(policy)}.",
        markup=False,
    )


@app.command()
def simulate(
    gate: PresetOption = None,
    repetitions: Annotated[
        int, typer.Option(min=10, max=MOST_REPETITIONS, help="Number of simulated series of 200 challengers.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random numbers.")] = 0,
    write: Annotated[
        Path | None, typer.Option(help="Also write the tables between the markers in this file, such as docs/gate.md.")
    ] = None,
) -> None:
    """Simulate the gate: how often 200 challengers that are no better get past it, and its power."""
    from pipeline.judging.policy import PRESETS, from_table
    from pipeline.judging.simulation_tables import tables

    policies = PRESETS if gate is None else {gate: from_table(preset=gate)}
    text = tables(policies, repetitions, seed)
    typer.echo(text)
    if write is not None:
        _write_tables(write, text)
        notice(f"The tables in {write} are up to date.")


def _level_of(policy: "GatePolicy", gain: float, disagreement: float) -> "float | Callable[[int], float]":
    """The level of one judgement: alpha each time, or what a whole budget gives to a challenger of this gain."""
    from pipeline.judging import ledger, power

    if policy.out_of_fold or not policy.promises:
        return ledger.next_level(policy, policy.alpha, None) if policy.promises else policy.alpha / policy.caution
    fixed, made = (disagreement + gain) / 2, (disagreement - gain) / 2
    return lambda images: power.expected_level(policy.alpha, int(power.VALIDATION_PER_BENCHMARK * images), fixed, made)


def _assumption(policy: "GatePolicy") -> str:
    from pipeline.judging import power

    if not policy.promises:
        return ""
    if policy.out_of_fold:
        return ", with nothing spent before"
    return f", with {100 * power.VALIDATION_PER_BENCHMARK:g} validation images for each 100 and nothing spent before"


def policy_of(gate: str | None, config: Path | None) -> "GatePolicy":
    """Return the policy of a settings file and of a preset named on the command line, which takes precedence.

    Raises:
        SettingsError: The file cannot be read, or a rule is unknown or impossible.
    """
    from pipeline.judging.policy import from_table
    from pipeline.settings_file import read_settings

    settings = read_settings(config, {"gate": {"preset": gate} if gate else None})
    return from_table(settings.gate or None)


def _write_tables(path: Path, text: str) -> None:
    from pipeline.errors import StoreError
    from pipeline.store import atomic

    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        content = ""
    begin, end = content.find(TABLES_BEGIN), content.find(TABLES_END)
    if begin < 0 or end < begin:
        raise StoreError(
            f"{path} is not a text file with the lines '{TABLES_BEGIN}' and '{TABLES_END}' to put the tables between."
        )
    atomic.write_text(path, f"{content[: begin + len(TABLES_BEGIN)]}\n{text}\n{content[end:]}")
