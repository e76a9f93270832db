"""The writing commands, as functions of a home, and what a home must be like after any of them, or a half of one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from short_runs import AS_GOOD, Silent

from pipeline import simulator
from pipeline.application import Application
from pipeline.cli import doctor_command, inspect_commands, production_commands
from pipeline.config import Settings
from pipeline.contracts import UnlabelledImages
from pipeline.errors import PipelineError
from pipeline.inspection import doctor
from pipeline.judging.ledger import DebitEntry
from pipeline.orchestration import judge_stored
from pipeline.store import ledger_files, production, recovery, repeats, submissions, versions
from pipeline.store.home import Home

DATASET = "stripes"
GENEROUS = {
    "mode": "non-inferior", "margin_pp": 95.0, "budget": "each", "accuracy_floor": 0.01, "recall_floor": "off",
    "class_alpha": "off", "calibration_limit": "off", "calibration_margin": "off", "robustness_margin_pp": "off",
    "screen_alpha": "off",
}  # fmt: skip
Command = Callable[[Home], None]


@dataclass(frozen=True)
class Bench:
    """What the sweep starts from.

    Attributes:
        serving: A home with three champions, the last of which serves.
        rolled_back: The same after a rollback, so that there is something to promote.
        commands: Every writing command, by name.
        images: Something to predict.
    """

    serving: Home
    rolled_back: Home
    commands: dict[str, Command]
    images: UnlabelledImages


def simulate(data: Path, home: Home, strength: float, **settings: Any) -> None:
    """One run of one cell, told from others by the strength of its regularisation."""
    given = {"models": ("logistic",), "train_sizes": ("all",), "overrides": {"logistic": {"C": strength}}} | settings
    simulator.run(Settings(dataset=str(data), gate=AS_GOOD, **given), home, Silent())


def writing_commands(data: Path) -> dict[str, Command]:
    """Every command that writes, by name."""
    return {
        "run": lambda home: simulate(data, home, 0.5, repeats=2),
        "promote": lambda home: production_commands.promote(
            version=id_of(home, 2.0), override=False, reason="", home=home.root
        ),
        "override": lambda home: production_commands.promote(
            version=id_of(home, None), override=True, reason="a drill", home=home.root
        ),
        "rollback": lambda home: production_commands.rollback(dataset=DATASET, reason="", home=home.root),
        "report": lambda home: inspect_commands.report(home=home.root),
        "judge": lambda home: _judge(data, home),
        "doctor": lambda home: doctor_command.doctor(repair=True, as_json=False, home=home.root),
    }


def _judge(data: Path, home: Home) -> None:
    """Judge the dummy, which failed, by a gate that lets it through."""
    wanted = judge_stored.Wanted((id_of(home, None),), str(data))
    judge_stored.judge(Settings(gate=GENEROUS), home, wanted, Silent().notice)


def id_of(home: Home, strength: float | None) -> str:
    """The version of a strength; of none, the dummy."""
    found = (v for v in versions.list_versions(home) if v.manifest.parameters.get("C") == strength)
    return next(found).id


def ended(command: Command, home: Home) -> str:
    """Give a command; the sentence of its refusal, empty if it succeeded. Anything but a sentence is a failure."""
    try:
        command(home)
    except PipelineError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class State:
    """What a home promises never to lose.

    Attributes:
        history: The lines of ``history.jsonl``.
        ledger: The lines of each ledger.
        paid: Every comparison that was paid for, by the digests of its two versions.
        digests: Of every version, by id.
        champion: Who serves.
        staged: The cells of whole candidates, by id.
    """

    history: tuple[str, ...]
    ledger: dict[str, tuple[str, ...]]
    paid: tuple[str, ...]
    digests: dict[str, str]
    champion: str
    staged: dict[str, str]


def state_of(home: Home) -> State:
    """Read a home as any reader may at any moment; asserts that all that is there is whole."""
    assert production.problems(home) == []
    champion = production.current(home, DATASET)
    assert champion is not None
    assert production.bundle_damage(home, production.current_record(home, DATASET), content=True) is None
    listed = versions.list_versions(home)
    assert [versions.verify(version).damage for version in listed] == [None] * len(listed)
    book = ledger_files.read(home, DATASET, listed)
    submissions.read(home)
    assert len(repeats.by_cell(home)) <= 1
    assert [fault for fault in doctor.examine(home) if fault.remedy is None] == []
    return State(
        history=whole_lines(production.history_file(home)),
        ledger={path.name: whole_lines(path) for path in (home.versions / ".ledger").glob("*.jsonl")},
        paid=tuple(str(entry.pair) for entry in book.entries if isinstance(entry, DebitEntry)),
        digests={version.id: version.manifest.digest for version in listed},
        champion=champion.id,
        staged={candidate.id: cell for cell, candidate in recovery.staged(home).items()},
    )


def predicts(home: Home, images: UnlabelledImages) -> bool:
    """Whether production answers."""
    champion = production.current(home, DATASET)
    return champion is not None and Application(champion).predict(images).shape == (len(images.ids), 3)


def whole_lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text().split("\n")[:-1])


def assert_kept(before: State, after: State) -> None:
    """Nothing that was promised is gone, nothing was paid for twice, and who serves is the old or the new champion."""
    assert after.history[: len(before.history)] == before.history
    for name, lines in before.ledger.items():
        assert after.ledger[name][: len(lines)] == lines
    assert before.digests.items() <= after.digests.items()
    assert before.paid == after.paid[: len(before.paid)]
    assert len(set(after.paid)) == len(after.paid)
    # The last line of before may have been recorded but not yet named.
    recorded = {json.loads(line)["id"] for line in after.history[len(before.history) - 1 :]}
    assert after.champion in {before.champion, *recorded}


def story(home: Home) -> dict[str, Any]:
    """What a home holds, but for times and names that carry the time."""
    listed = versions.list_versions(home)
    cells = {version.id: version.manifest.cell for version in listed}
    return {
        "versions": sorted((cells[v.id], v.manifest.digest, *(str(one.outcome) for one in v.verdicts)) for v in listed),
        "promotions": [(record.action, cells[record.id]) for record in production.records(home)],
        "repeats": sorted(repeats.by_cell(home)),
        "figures": sorted(path.name for path in home.metric_results.iterdir()),
        "results": len((home.metric_results / "results.csv").read_text().splitlines()),
    }
