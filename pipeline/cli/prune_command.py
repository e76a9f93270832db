"""``prune``: remove old versions that failed."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import HomeOption, JsonOption, console, dataset_name, notice, print_json
from pipeline.judging.words import counted
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.orchestration.pruning import Pruning, Rule


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("prune", rich_help_panel="Inspect")(prune)


def prune(
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Only versions judged longer ago than this.")
    ] = 30,
    keep: Annotated[
        int, typer.Option(min=0, metavar="N", help="Keep the N newest failed versions of each dataset and recipe.")
    ] = 3,
    dataset: Annotated[str | None, typer.Option(help="Only versions of this dataset.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete them; without this option nothing changes.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List old failed versions; with --remove, delete them.

    It always keeps versions that are or were in production, were submitted, are part of a blend, may still pass when
    judged again, or are needed by the gate's ledger. Removed versions disappear from the learning curve, and repeating
    the run that made them trains them again.
    """
    from pipeline.orchestration import pruning

    place = Home.find(home)
    rule = pruning.Rule(older_than, keep, dataset_name(place, dataset))
    found = pruning.prune(place, rule, notice) if remove else pruning.plan(place, rule)
    ids = [version.id for version in found.removed]
    if as_json:
        print_json({"done": remove, "versions": ids, "bytes": found.bytes, "kept": dict(found.kept)})
        return
    for version_id in ids:
        console.print(version_id)
    for version_id, why in found.kept.items():
        console.print(f"{version_id} is kept: {why}.", style="dim")
    count = "1 failed version" if len(ids) == 1 else f"{len(ids):,} failed versions"
    size = f"{count} of {found.bytes / 2**20:,.1f} MiB"
    if remove:
        console.print(f"{size} removed.")
    elif ids:
        console.print(f"{size} would be removed: add --remove to delete them.")
    else:
        console.print(f"There is nothing to remove.{_spared(rule, found)}", soft_wrap=True)


def _spared(rule: "Rule", found: "Pruning") -> str:
    """Which failed versions the rule itself leaves, and how to change it."""
    young = f"judged within the last {rule.older_than:g} days (--older-than)"
    newest = f"among the {rule.keep} newest of their dataset and recipe (--keep)"
    counts = {young: found.young, newest: found.newest}
    spared = [f"{counted(count, 'failed version')} {why}" for why, count in counts.items() if count]
    return f" Kept: {'; '.join(spared)}." if spared else ""
