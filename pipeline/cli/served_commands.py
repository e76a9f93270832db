"""``served``: what `serve --log` keeps, and deleting from it."""

from typing import Annotated

import typer

from pipeline.cli.common import HomeOption, JsonOption, console, print_json
from pipeline.errors import SettingsError, StoreError, shown
from pipeline.store.home import Home

app = typer.Typer(help="Show and delete the predictions that `serve --log` keeps.", no_args_is_help=True)

DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="Only the predictions for this dataset.", show_default="all")
]


def register(parent: typer.Typer) -> None:
    """Add the group to the command line."""
    parent.add_typer(app, name="served", rich_help_panel="Serve")


@app.command()
def show(dataset: DatasetOption = None, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show how many predictions of which versions are kept, and since when."""
    from pipeline.judging.words import counted
    from pipeline.store import served_log

    place = Home.find(home)
    names = [dataset] if dataset else served_log.datasets(place)
    found = [kept for name in names for kept in served_log.summary(place, name)]
    if as_json:
        print_json([vars(kept) for kept in found])
        return
    for kept in found:
        console.print(
            f"{kept.dataset}: {counted(kept.predictions, 'prediction')} of {kept.version}, {kept.first} to {kept.last}",
            markup=False,
            soft_wrap=True,
        )
    if not found:
        console.print("No predictions are kept yet: `simulator.py serve --log` keeps them.")


@app.command()
def delete(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Prediction ids, as the API returned them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete the whole log instead.")] = False,
    dataset: DatasetOption = None,
    home: HomeOption = None,
) -> None:
    """Delete predictions with their images: from the log, from the audits, and from the review queue."""
    from pipeline.growing import served_deletion
    from pipeline.store import served_log

    place = Home.find(home)
    if bool(ids) == everything:
        raise SettingsError("Give the ids of predictions, or --all.")
    names = [dataset] if dataset else served_log.datasets(place)
    if everything:
        count = sum(served_deletion.delete_all(place, name) for name in names)
        console.print(f"Deleted: {count:,} of {count:,} predictions.")
        return
    found = {one for name in names for one in served_deletion.delete(place, name, ids or ())}
    if missing := [one for one in ids or () if one not in found]:
        raise StoreError(
            f"Deleted: {len(found):,} of {len(ids or ()):,} predictions. {shown(missing[0])} is not in the log; a new "
            "one is written within a second."
        )
    console.print(f"Deleted: {len(found):,} of {len(found):,} predictions.")
