"""``doctor`` names what is wrong with a home and repairs what can be proven; the other commands point to it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest
from crash_commands import DATASET, Bench

from pipeline.store import production, version_index, versions
from pipeline.store.home import Home

Damage = Callable[[Home], None]


@pytest.fixture
def broken(bench: Bench, tmp_path: Path) -> Home:
    """A copy of a home with three champions, to be broken."""
    return Home(shutil.copytree(bench.serving.root, tmp_path / "home"))


@pytest.fixture
def command(command: Any, broken: Home) -> Any:
    """Give a command on the broken home; returns exit status, standard output and standard error."""
    return lambda *words: command(*words, "--home", broken.root)


def contents(home: Home) -> dict[str, bytes]:
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for path in sorted(home.root.rglob("*"))
        if path.is_file() and path.name not in (".lock", version_index.FILE)
    }


def champion(home: Home) -> Path:
    found = production.current(home, DATASET)
    assert found is not None
    return found.folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def ledger(home: Home) -> Path:
    (found,) = (home.versions / ".ledger").glob("*.jsonl")
    return found


def lag(home: Home) -> None:
    first = json.loads(ledger(home).read_text().split("\n")[0])
    head = {"entry": 1, "digest": first["digest"]}
    ledger(home).with_suffix(".head").write_text(json.dumps(head))


def add(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


def spoil_index(home: Home) -> None:
    version_index.summaries(home)
    path = version_index.file(home)
    path.write_bytes(path.read_bytes()[:100] + bytes(len(path.read_bytes()) - 100))


def current(home: Home) -> Path:
    return home.production / DATASET / "current.json"


REPAIRED: dict[str, tuple[str, Damage]] = {
    "current.json deleted": ("current", lambda home: current(home).unlink()),
    "current.json damaged": ("current", lambda home: current(home).write_text("{}") and None),
    "current.json not UTF-8": ("current", lambda home: current(home).write_bytes(b"\xff") and None),
    "the bundle deleted": ("bundle", lambda home: shutil.rmtree(champion(home))),
    "a byte of the bundle": ("bundle", lambda home: flip(champion(home) / "model.onnx")),
    "an old champion's bundle": (
        "bundle",
        lambda home: flip(home.production / DATASET / production.records(home)[0].id / "model.onnx"),
    ),
    "a lagging head": ("ledger", lag),
    "a lost head": ("ledger", lambda home: ledger(home).with_suffix(".head").unlink()),
    "half a line of the ledger": ("leftover", lambda home: add(ledger(home), '{"entry"')),
    "half a line of the history": ("leftover", lambda home: add(production.history_file(home), '{"data')),
    "a half-written file": ("leftover", lambda home: add(home.metric_results / ".results.csv.12ab.tmp", "half")),
    "a half-written bundle": ("leftover", lambda home: add(home.production / DATASET / ".x.12ab.tmp" / "model", "h")),
    "the index": ("index", spoil_index),
    "a half-trained candidate": ("staging", lambda home: add(home.staging / "half" / "model.onnx", "half")),
}
KEPT: dict[str, tuple[str, Damage]] = {
    "a line of the history": ("history", lambda home: add(production.history_file(home), "{}\n")),
    "the history deleted": ("history", lambda home: production.history_file(home).unlink()),
    "the history not UTF-8": ("history", lambda home: production.history_file(home).write_bytes(b"\xff\n") and None),
    "a version": ("version", lambda home: flip(versions.list_versions(home)[0].folder / "model.onnx")),
    "a line of the ledger": ("ledger", lambda home: add(ledger(home), "[]\n")),
    "the ledger not UTF-8": ("ledger", lambda home: ledger(home).write_bytes(b"\xff\n") and None),
    "the roles": ("roles", lambda home: flip(home.versions / ".roles" / f"{DATASET}.npz")),
    "the submissions": ("submissions", lambda home: add(home.metric_results / "submissions.csv", "a,b\n1,2\n")),
}


def test_a_healthy_home_is_called_so_and_left_alone(command: Any, broken: Home) -> None:
    before = contents(broken)
    status, out, _ = command("doctor")
    assert status == 0
    assert out.startswith("Healthy")
    assert json.loads(command("doctor", "--json")[1]) == {"healthy": True, "repaired": [], "faults": []}
    assert contents(broken) == before


@pytest.mark.parametrize("name", REPAIRED)
def test_what_can_be_proven_is_named_and_then_repaired(command: Any, broken: Home, name: str) -> None:
    kind, damage = REPAIRED[name]
    whole = contents(broken)
    damage(broken)
    damaged = contents(broken)
    status, out, _ = command("doctor", "--json")
    faults = json.loads(out)["faults"]
    assert status == 1
    assert [fault["kind"] for fault in faults] == [kind]
    assert faults[0]["remedy"]
    assert contents(broken) == damaged, "nothing is repaired without --repair"
    status, out, _ = command("doctor", "--repair", "--json")
    assert (status, json.loads(out)["faults"]) == (0, [])
    assert len(json.loads(out)["repaired"]) == 1
    assert contents(broken) == whole


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_proven_is_named_and_left_alone(command: Any, broken: Home, name: str) -> None:
    kind, damage = KEPT[name]
    damage(broken)
    damaged = contents(broken)
    status, out, _ = command("doctor", "--repair", "--json")
    faults = json.loads(out)["faults"]
    assert status == 1
    assert (kind, None) in {(fault["kind"], fault["remedy"]) for fault in faults}
    assert all(Path(fault["path"]).is_relative_to(broken.root) for fault in faults)
    assert contents(broken) == damaged


def test_while_a_run_is_writing_its_unfinished_work_is_no_fault(command: Any, broken: Home) -> None:
    add(broken.staging / "half" / "model.onnx", "half")
    with filelock.FileLock(broken.versions / ".lock"):
        assert command("doctor")[0] == 0
    assert command("doctor")[0] == 1


@pytest.mark.parametrize("name", ["current.json deleted", "current.json damaged", "the bundle deleted"])
def test_production_says_what_is_damaged_and_its_advice_works(command: Any, broken: Home, name: str) -> None:
    REPAIRED[name][1](broken)
    status, out, err = command("production")
    assert status == 1
    assert "Nothing is in production" not in out
    assert "simulator.py doctor --repair" in " ".join(err.split())
    assert "Traceback" not in err
    assert command("doctor", "--repair")[0] == 0
    assert command("production")[0] == 0
    assert "Nothing is in production" not in command("predict", "missing.csv")[2]


@pytest.mark.parametrize("words", [("rollback",), ("report",)], ids=lambda words: words[0])
def test_other_commands_restore_a_lost_current_json_first(command: Any, broken: Home, words: tuple[str, ...]) -> None:
    current(broken).unlink()
    status, _, err = command(*words)
    assert status == 0
    assert f"Restored production/{DATASET}/current.json from the history." in err
    assert command("doctor")[0] == 0


def test_reports_that_fail_after_a_rollback_undo_neither_it_nor_its_message(command: Any, broken: Home) -> None:
    before = production.records(broken)
    (broken.metric_results / "repeats.csv").write_bytes(b"cell\n\xff\n")
    status, out, err = command("rollback")
    assert status == 0
    assert f"{before[-2].id} serves {DATASET} again; {before[-1].id} was rolled back." in out
    assert "could not be updated" in " ".join(err.split())
    assert "Traceback" not in err
    assert [record.action for record in production.records(broken)[len(before) :]] == ["rollback"]


def test_a_reason_of_control_characters_is_one_sentence(command: Any, broken: Home) -> None:
    status, _, err = command("rollback", "--reason", "a\u2028b")
    assert status == 1
    assert "The reason contains the character U+2028" in err
    assert command("doctor")[0] == 0
