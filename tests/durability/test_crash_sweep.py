"""A crash, a torn write, a full disk or a read error at every call to the disk, and then every command.

``PIPELINE_SWEEP`` chooses how much: ``sample`` (the default, seconds), ``ci`` (minutes) or ``full`` (every call of
every command, every fault, every next command). ``PIPELINE_SWEEP_SEED`` chooses another sample.
"""

import contextlib
import os
import random
import shutil
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from crash_commands import Bench, assert_kept, ended, predicts, state_of, story
from faulty_disk import KINDS, Crash, FaultyDisk, Kind, copy_home

from pipeline.inspection import doctor
from pipeline.store import repeats
from pipeline.store.home import Home

SCENARIOS = ("run", "promote", "override", "rollback", "report", "judge")
SIZE = os.environ.get("PIPELINE_SWEEP", "sample")
SEED = int(os.environ.get("PIPELINE_SWEEP_SEED", "0"))
POINTS = {"sample": 1, "ci": 25, "full": 1_000_000}[SIZE]
"""How many calls of each scenario fail in each way."""
NEXT = {"sample": 1, "ci": 3, "full": 6}[SIZE]
"""How many of the commands are given next."""
SLICES = {"sample": 1, "ci": 2, "full": 16}[SIZE]
"""Parts of each sweep, for as many processes."""
pytestmark = [pytest.mark.slow] if SIZE != "sample" else []


@dataclass(frozen=True)
class Case:
    """One fault: which call of which command, and how it fails."""

    scenario: str
    kind: Kind
    at: int

    def __str__(self) -> str:
        return f"{self.scenario}, {self.kind} at call {self.at}"


def cells() -> list[tuple[str, Kind]]:
    """Every command with every kind of fault; in the smallest sample each command with one."""
    if SIZE == "sample":
        return [(scenario, random.Random(f"{SEED} {scenario}").choice(KINDS)) for scenario in SCENARIOS]
    return [(scenario, kind) for scenario in SCENARIOS for kind in KINDS]


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize(("scenario", "kind"), cells())
def test_whatever_fails_nothing_is_lost_and_the_next_command_puts_it_right(
    bench: Bench, tmp_path: Path, scenario: str, kind: Kind, part: int
) -> None:
    start = bench.rolled_back if scenario == "promote" else bench.serving
    chance = random.Random(f"{SEED} {scenario} {kind}")
    calls = count(bench, start, tmp_path / "whole", scenario, kind)
    points = sorted(chance.sample(range(1, calls + 1), min(POINTS, calls)))
    expected = story(Home(tmp_path / "whole"))
    broken = []
    for at in points[part::SLICES]:
        case = Case(scenario, kind, at)
        try:
            follow(bench, start, case, tmp_path / str(at), expected)
        except Exception:
            broken.append(f"{case}:\n{traceback.format_exc(limit=-4)}")
        shutil.rmtree(tmp_path / str(at))
    assert not broken, "\n".join(broken)


def count(bench: Bench, start: Home, folder: Path, scenario: str, kind: Kind) -> int:
    """How many calls of this kind a command makes that nothing disturbs; its home stays in ``folder``."""
    home = Home(copy_home(start.root, folder))
    with pytest.MonkeyPatch.context() as patch:
        disk = FaultyDisk(patch, kind)
        bench.commands[scenario](home)
    return len(disk.calls)


def follow(bench: Bench, start: Home, case: Case, folder: Path, expected: dict[str, object]) -> None:
    """Break one command, then give others on copies of what is left."""
    chance = random.Random(f"{SEED} {case}")
    before = state_of(start)
    broken = Home(copy_home(start.root, folder / "broken"))
    give(bench, broken, case.scenario, case.kind, case.at)
    left = state_of(broken)
    assert_kept(before, left)
    assert predicts(broken, bench.images)
    others = [name for name in bench.commands if name != case.scenario]
    for name in [case.scenario, *chance.sample(others, NEXT - 1)]:
        home = Home(copy_home(broken.root, folder / name))
        said = ended(bench.commands[name], home)
        assert_healthy(bench, home, left, name, said)
        if name == case.scenario:
            assert_same_end(case, before.champion != left.champion, story(home), expected)
            measured = set(repeats.by_cell(home))
            assert {name for name, cell in left.staged.items() if cell not in measured} <= state_of(home).digests.keys()
    twice_killed(bench, broken, folder / "twice", chance)


def twice_killed(bench: Bench, broken: Home, folder: Path, chance: random.Random) -> None:
    """Kill the next command as well, then give a third."""
    home = Home(copy_home(broken.root, folder))
    left = state_of(home)
    second, third = chance.choices(list(bench.commands), k=2)
    give(bench, home, second, chance.choice(KINDS), chance.randint(1, 60))
    assert_kept(left, state_of(home))
    left = state_of(home)
    said = ended(bench.commands[third], home)
    assert_healthy(bench, home, left, third, said)


def give(bench: Bench, home: Home, name: str, kind: Kind, at: int) -> None:
    """Give a command on a disk that fails; it ends with success, with a sentence, or dead."""
    with pytest.MonkeyPatch.context() as patch:
        FaultyDisk(patch, kind, at)
        with contextlib.suppress(Crash):
            ended(bench.commands[name], home)


def assert_healthy(bench: Bench, home: Home, left: object, name: str, said: str) -> None:
    """After one undisturbed command the home is in order; what it may say is that there is nothing to do."""
    refusals = ("is in production already", "is the first champion", "judges it against that")
    assert said == "" or any(words in said for words in refusals), f"then {name}: {said}"
    assert_kept(left, state_of(home))  # type: ignore[arg-type]
    faults = doctor.examine(home)
    assert faults == [], f"then {name}: {[fault.sentence for fault in faults]}"
    assert list(leftovers(home)) == [], f"then {name}"
    assert predicts(home, bench.images)


def assert_same_end(case: Case, committed: bool, end: dict[str, object], expected: dict[str, object]) -> None:
    """The same command again ends where the undisturbed one does; only a rollback that was done goes on."""
    if case.scenario == "rollback" and committed:
        assert len(end["promotions"]) == len(expected["promotions"]) + 1  # type: ignore[arg-type]
        return
    assert end == expected, f"{end} instead of {expected}"


def leftovers(home: Home) -> Iterator[Path]:
    return home.root.rglob("*.tmp")
