"""``publish``: the champion on the Hugging Face Hub."""

from typing import Annotated

import typer

from pipeline.cli.common import ChampionOption, HomeOption, console, notice
from pipeline.store.home import Home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("publish", rich_help_panel="Services")(publish)


def publish(
    repo_id: Annotated[str, typer.Argument(help="Repository on the Hugging Face Hub: your-name/your-model.")],
    private: Annotated[
        bool, typer.Option("--private", help="Create a private repository; an existing public one is refused.")
    ] = False,
    make_private: Annotated[
        bool, typer.Option("--make-private", help="Make the repository private even if it exists and is public.")
    ] = False,
    dataset: ChampionOption = None,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds to wait for the Hub.")] = 600,
    home: HomeOption = None,
) -> None:
    """Upload the champion with its model card; files that the Hub already has are skipped."""
    from pipeline.cli.production_commands import champion_of
    from pipeline.publishing import hub
    from pipeline.services.calls import Patience

    place = Home.find(home)
    name = champion_of(place, dataset).dataset
    patience = Patience(limit_seconds=time_limit)
    with console.status("Publishing …"):
        published = hub.publish(place, name, repo_id, patience, notice, private=private, make_private=make_private)
    words = "is up to date" if published.changed else "had every file already: nothing was uploaded"
    console.print(f"{published.address} {words}.", markup=False)
