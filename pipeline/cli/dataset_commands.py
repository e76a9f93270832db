"""``dataset``: list, show, export, compare and prune the datasets that grow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import HomeOption, JsonOption, console, notice, print_json
from pipeline.judging.words import counted
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.data.snapshots import Snapshot

app = typer.Typer(help="Manage growing datasets and their snapshots.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="NAME, or NAME@SNAPSHOT for an older snapshot.")]


def register(parent: typer.Typer) -> None:
    """Add the group to the command line."""
    parent.add_typer(app, name="dataset", rich_help_panel="Data")


@app.command("list")
def list_(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List every dataset with its newest snapshot."""
    from pipeline.data import snapshots

    folder = Home.find(home).datasets
    found = [snapshots.find(folder, name) for name in snapshots.names(folder)]
    if as_json:
        print_json([snapshots.facts_of(snapshot) for snapshot in found])
        return
    for snapshot in found:
        console.print(
            f"{snapshot.id}: {counted(snapshot.images, 'image')} of {len(snapshot.classes)} classes", markup=False
        )
    if not found:
        console.print("There is no dataset yet: `simulator.py ingest FOLDER --dataset NAME` starts one.")


@app.command()
def show(name: Name, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show the classes, preparation, snapshots and quarantine of a dataset."""
    from pipeline.data import snapshots
    from pipeline.growing import quarantine

    datasets = Home.find(home).datasets
    snapshot = snapshots.find(datasets, name)
    folder = datasets / snapshot.name
    waiting = len(quarantine.digests_of(folder))
    history = [snapshots.read(folder, number) for number in snapshots.numbers(folder)]
    if as_json:
        past = [snapshots.facts_of(one) for one in history]
        print_json({**snapshots.facts_of(snapshot), "in_quarantine": waiting, "snapshots": past})
        return
    _print(snapshot, waiting, history)


@app.command()
def export(
    name: Name,
    to: Annotated[str, typer.Option(help="csv, npz or folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File or folder to write.")],
    home: HomeOption = None,
) -> None:
    """Write a snapshot in another format."""
    from pipeline.data import snapshots
    from pipeline.growing import exporting

    datasets = Home.find(home).datasets
    snapshot = snapshots.find(datasets, name)
    count = exporting.export(datasets / snapshot.name, snapshot, to, output)
    console.print(f"{counted(count, 'image')} of {snapshot.id}: {output}", markup=False, soft_wrap=True)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="NAME@SNAPSHOT.")],
    second: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="NAME@SNAPSHOT.")],
    home: HomeOption = None,
) -> None:
    """Show what was added, removed and relabelled between two snapshots."""
    from pipeline.data import snapshots
    from pipeline.growing import exporting

    datasets = Home.find(home).datasets
    before, after = snapshots.find(datasets, first), snapshots.find(datasets, second)
    for sentence in exporting.difference(datasets, before, after).in_words(before.id, after.id):
        console.print(sentence, markup=False)


@app.command()
def remove(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE…", help="Digests, recorded sources, or picture files.")],
    dataset: Annotated[str, typer.Option(help="Dataset that contains them.")],
    erase: Annotated[
        bool,
        typer.Option(
            "--erase",
            help="Also delete their bytes and digests from every snapshot and record. Nothing of them is kept, so they "
            "would be stored again if they arrived again.",
        ),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Take images out of a dataset, and name the versions that were trained on them."""
    from pipeline.growing import removal

    done = removal.remove(Home.find(home), dataset, images, erase=erase, notify=notice)
    for sentence in done.in_words():
        console.print(sentence, markup=False)


def _print(snapshot: "Snapshot", waiting: int, history: "list[Snapshot]") -> None:
    from pipeline.data.preparation import in_words

    console.print(f"{snapshot.id}: {counted(snapshot.images, 'image')}, made {snapshot.created_at}", markup=False)
    console.print(f"Prepared as {in_words(snapshot.preparation)}.", markup=False)
    for name, count in snapshot.class_counts.items():
        console.print(f"  {name:<24} {count:>9,}", markup=False)
    console.print(
        f"In quarantine: {counted(waiting, 'image')}; removed or discarded by a person: {len(snapshot.removed):,}."
    )
    for one in history:
        erased = f", {one.erased:,} erased" if one.erased else ""
        console.print(
            f"  {one.id}  {one.created_at}  {counted(one.images, 'image')}{erased}  {one.made_by}", markup=False
        )
