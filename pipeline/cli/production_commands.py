"""What serves: ``production``, ``promote``, ``rollback``."""

import dataclasses
from typing import Annotated, Any

import typer
from rich.text import Text

from pipeline.cli.columns import Column, print_columns
from pipeline.cli.common import (
    ChampionOption,
    HomeOption,
    JsonOption,
    VersionArgument,
    console,
    dataset_name,
    notice,
    print_json,
)
from pipeline.contracts import Deployment
from pipeline.errors import SettingsError, StoreError
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.store.home import Home

PANEL = "Serve"
HISTORY = (
    Column("when"),
    Column("dataset"),
    Column("what"),
    Column("version", place="below"),
    Column("before it", place="below"),
    Column("why", place="below"),
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("production", rich_help_panel=PANEL)(show_production)
    app.command("promote", rich_help_panel=PANEL)(promote)
    app.command("rollback", rich_help_panel=PANEL)(rollback)


def show_production(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show each dataset's champion, and every promotion, rollback and override."""
    from pipeline.store import production

    place = Home.find(home)
    problems = production.problems(place)
    champions, history = production.all_current(place), _readable_history(place)
    if as_json:
        print_json(
            {
                "champions": [_facts(place, champion) for champion in champions],
                "history": [one.model_dump() for one in history],
                "problems": problems,
            }
        )
    else:
        if not champions and not problems:
            console.print("Nothing is in production yet. `simulator.py run` trains, judges and promotes.")
        for champion in champions:
            _print_champion(place, champion)
        if history:
            _print_history(history)
    if problems:
        raise StoreError("\n".join(problems))


def promote(
    version: VersionArgument,
    override: Annotated[
        bool, typer.Option("--override", help="Promote the version against the gate; requires --reason.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Reason; recorded in the history and shown with the version.")] = "",
    home: HomeOption = None,
) -> None:
    """Promote a version by hand: one that passed against the current champion, or any with --override and --reason."""
    from pipeline.deployer import Deployer
    from pipeline.store import lock, versions

    place = Home.find(home)
    if reason and not override:
        raise SettingsError("--reason needs --override, and the reverse: give both, or neither.")
    with lock.writing(place, wait=True, notify=notice) as recovered:
        found = versions.require_whole(versions.find(place, version))
        deployer = Deployer(place, recovered.completed)
        deployment = deployer.override(found, reason) if override else deployer.run(found)
        before = deployment.previous_id or "nothing"
        console.print(f"{deployment.id} now serves {deployment.dataset}; previously: {before}.", markup=False)
        if override:
            console.print("Recorded as an override: the gate's promise does not cover it.", style="bold magenta")
        _follow(place, deployment)


def rollback(
    dataset: ChampionOption = None,
    reason: Annotated[str, typer.Option(help="Reason; recorded in the history.")] = "",
    home: HomeOption = None,
) -> None:
    """Put the previous champion back into production."""
    from pipeline.deployer import Deployer
    from pipeline.store import lock

    place = Home.find(home)
    with lock.writing(place, wait=True, notify=notice) as recovered:
        deployer = Deployer(place, recovered.completed)
        deployment = deployer.rollback(champion_of(place, dataset).dataset, reason)
        console.print(
            f"{deployment.id} serves {deployment.dataset} again; {deployment.previous_id} was rolled back.",
            markup=False,
        )
        _follow(place, deployment)


def champion_of(home: Home, dataset: str | None) -> Deployment:
    """Return the champion of a dataset; without a name, of the only dataset that has one.

    Raises:
        DeployError: Nothing serves, or several do and none is named.
    """
    from pipeline.store import production

    return production.the_champion(home, dataset_name(home, dataset), "name one with --dataset")


def _follow(home: Home, deployment: Deployment) -> None:
    """Update reports and mirror for a champion that already serves; a failure there undoes nothing."""
    from pipeline.inspection import reporting
    from pipeline.publishing import hub
    from pipeline.services import mlflow

    try:
        reporting.publish(home)
        hub.keep_mirror(home, deployment.dataset)
    except Exception as error:  # Whatever it is, the champion has changed, and the command must not be repeated.
        notice(
            f"{deployment.id} is in production, but metric_results/ could not be updated: {error} "
            "Once that is fixed, run `simulator.py report`."
        )
    if stale := mlflow.stale_alias(home.metric_results, deployment.dataset):
        notice(stale)


def _readable_history(home: Home) -> tuple[DeploymentRecord, ...]:
    """Return the records of the history; none if it is damaged, which ``production.problems`` names."""
    from pipeline.store import production

    try:
        return production.records(home)
    except StoreError:
        return ()


def _print_champion(home: Home, champion: Deployment) -> None:
    from pipeline.growing import audits

    line = Text.assemble(
        (f"● {champion.dataset}", "bold blue"), f": {champion.id}, since {champion.promoted_at} ({champion.action})"
    )
    console.print(line, soft_wrap=True)
    if audited := audits.of_champion(home, champion):
        console.print(f"  {audited.in_words()}", soft_wrap=True, markup=False)


def _print_history(history: tuple[DeploymentRecord, ...]) -> None:
    rows = [
        [
            Text(cell, style="bold magenta" if one.action == "override" else "")
            for cell in (one.promoted_at, one.dataset, one.action, one.id, one.previous_id or "", one.reason)
        ]
        for one in history
    ]
    print_columns(console, HISTORY, rows, "History")


def _facts(home: Home, deployment: Deployment) -> dict[str, Any]:
    from pipeline.growing import audits

    audited = audits.of_champion(home, deployment)
    return {
        **dataclasses.asdict(deployment),
        "folder": str(deployment.folder),
        "in_production": audited.as_json() if audited else None,
    }
