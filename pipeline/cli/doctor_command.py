"""``doctor``: check a home for faults, and repair what can be repaired."""

import dataclasses
from typing import Annotated

import typer

from pipeline.cli.common import HomeOption, JsonOption, console, notice, print_json
from pipeline.store.home import Home


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("doctor", rich_help_panel="Inspect")(doctor)


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Repair every fault whose correct state is known.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Check the whole home: every digest, the histories, the ledgers, and what a killed command left behind.

    Changes nothing without --repair. The exit status is 0 if all is well and 1 if a fault is found or remains.
    """
    from pipeline.inspection import doctor

    place = Home.find(home)
    done = doctor.repair(place, notice) if repair else []
    faults = doctor.examine(place)
    if as_json:
        described = [{**dataclasses.asdict(fault), "path": str(fault.path)} for fault in faults]
        print_json({"healthy": not faults, "repaired": done, "faults": described})
    else:
        for sentence in done:
            console.print(f"✔ {sentence}", markup=False, soft_wrap=True)
        for fault in faults:
            remedy = f" With --repair: {fault.remedy}" if fault.remedy else ""
            console.print(f"✘ {fault.sentence}{remedy}", markup=False, soft_wrap=True)
        if not faults:
            console.print("Healthy: every version, bundle, ledger and record verifies.")
    if faults:
        raise typer.Exit(1)
