"""The doctor: check a whole home, name each fault, and repair those whose correct state is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.contracts import Version
from pipeline.errors import PipelineError, StoreError
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.store import (
    atomic,
    drift_files,
    ledger_files,
    lock,
    production,
    recovery,
    repeats,
    role_records,
    submissions,
    version_index,
    versions,
)
from pipeline.store.home import Home


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        kind: Stable, for programs: ``history``, ``current``, ``bundle``, ``version``, ``ledger``, ``roles``,
            ``submissions``, ``repeats``, ``drift``, ``index``, ``staging`` or ``leftover``.
        path: The file or folder.
        sentence: What is wrong, for a person.
        remedy: What ``repair`` does about it; ``None`` if the correct state is not known.
    """

    kind: str
    path: Path
    sentence: str
    remedy: str | None = None


def examine(home: Home) -> list[Fault]:
    """Verify every digest, chain and record of a home; changes nothing.

    While a run is writing, what it is about to change is left out.
    """
    busy = lock.is_held(home)
    checks = STEADY if busy else (*STEADY, *MOVING)
    found = (fault for check in checks for fault in check(home))
    # What stops several checks is named once.
    return list({fault.sentence: fault for fault in reversed(list(found))}.values())[::-1]


def repair(home: Home, notify: Callable[[str], None]) -> list[str]:
    """Repair every fault whose correct state is known, under the lock; return a sentence for each repair.

    A step that fails stops no other; its faults are found again by ``examine``.

    Raises:
        StoreError: The home cannot be locked.
    """
    done: list[str] = []
    with lock.exclusive(home, wait=True, notify=notify):
        for step in REPAIRS:
            try:
                done += step(home)
            except StoreError:
                continue
    return done


def _history(home: Home) -> Iterator[Fault]:
    path = production.history_file(home)
    try:
        recorded = {record.dataset for record in production.records(home)}
    except StoreError as error:
        yield Fault("history", path, str(error))
        return
    for dataset in production.datasets(home):
        if dataset not in recorded:
            current = home.production / dataset / production.CURRENT
            yield Fault("history", path, f"{current} names a champion, but {path} has no promotion for it.")


def _current(home: Home) -> Iterator[Fault]:
    remedy = "Restore it from the history."
    last = {record.dataset: record for record in _records(home)}
    for dataset, record in last.items():
        path = home.production_of(dataset) / production.CURRENT
        try:
            serving = production.current_record(home, dataset)
        except StoreError as error:
            yield Fault("current", path, str(error), remedy)
            continue
        if serving is None:
            yield Fault("current", path, f"{path} is missing; the history names {record.id}.", remedy)
        elif serving != record:
            yield Fault("current", path, f"{path} names {serving.id}, but the history ends with {record.id}.", remedy)


def _bundles(home: Home) -> Iterator[Fault]:
    for record in _deployed(home):
        bundle = production.bundle_of(home, record)
        damage = _found(production.bundle_damage, home, record, content=True)
        if damage is not None:
            source = recovery.version_folder(home, record.id, record.digest)
            remedy = None if source is None else f"Rebuild it from {source}."
            yield Fault("bundle", bundle, f"The bundle {bundle} is damaged: {damage}", remedy)


def _versions(home: Home) -> Iterator[Fault]:
    for version in versions.stored(home):
        if (damage := _found(_damage, version)) is not None:
            yield Fault("version", version.folder, f"Version {version.id} is damaged: {damage}")


def _ledgers(home: Home) -> Iterator[Fault]:
    for name in ledger_files.names(home):
        if (problem := _problem(ledger_files.verify, home, name, versions.stored(home))) is not None:
            lost = ledger_files.lost_head(home, name, _witnessed(home, name)) is not None
            path = ledger_files.file(home, name)
            yield Fault("ledger", path, problem, "Rewrite its .head file from the chain." if lost else None)


def _heads(home: Home) -> Iterator[Fault]:
    for name in ledger_files.names(home):
        path = ledger_files.file(home, name).with_suffix(".head")
        if _problem(ledger_files.lines_and_head, home, name) is None and ledger_files.lagging(home, name):
            yield Fault("ledger", path, f"{path} is behind its ledger, whose chain is intact.", "Update it.")


def _roles(home: Home) -> Iterator[Fault]:
    for path in sorted((home.versions / ".roles").glob("[!.]*.npz")):
        if (problem := _problem(role_records.load, home, path.stem)) is not None:
            yield Fault("roles", path, problem)


def _tables(home: Home) -> Iterator[Fault]:
    if (problem := _problem(submissions.read, home)) is not None:
        yield Fault("submissions", home.metric_results / submissions.NAME, problem)
    if (problem := _problem(repeats.by_cell, home)) is not None:
        yield Fault("repeats", repeats.file(home), problem)


def _drift(home: Home) -> Iterator[Fault]:
    for dataset in drift_files.watched(home):
        if (problem := _problem(drift_files.read_state, home, dataset)) is not None:
            yield Fault("drift", drift_files.state_file(home, dataset), problem)


def _index(home: Home) -> Iterator[Fault]:
    if not version_index.is_whole(home):
        path = version_index.file(home)
        yield Fault("index", path, f"{path} is damaged; it is never trusted over the files.", "Delete it.")


def _torn(home: Home) -> Iterator[Fault]:
    for path in recovery.line_files(home):
        if _problem(atomic.read_lines, path) is None and atomic.is_torn(path):
            yield Fault("leftover", path, f"{path} ends with half a line, which never counted.", "Cut it off.")


def _leftovers(home: Home) -> Iterator[Fault]:
    found = {path for folder, deep in recovery.written_folders(home) for path in atomic.temporaries(folder, deep=deep)}
    for path in sorted(found):
        yield Fault("leftover", path, f"{path} was left half-written by a killed command.", "Delete it.")


def _staging(home: Home) -> Iterator[Fault]:
    try:
        half = recovery.half_trained(home)
    except StoreError as error:
        yield Fault("staging", home.staging, str(error))
        return
    for folder in half:
        yield Fault("staging", folder, f"The training in {folder} was cut off.", "Delete it.")


STEADY = (_history, _bundles, _versions, _ledgers, _roles, _tables, _drift, _index)
"""Checks of what a run in progress does not change half-way."""
MOVING = (_current, _heads, _torn, _leftovers, _staging)


def _remake_heads(home: Home) -> list[str]:
    remade = [name for name in ledger_files.names(home) if ledger_files.remake_head(home, name, _witnessed(home, name))]
    return [f"Rewrote the .head file of the gate's ledger {name[:12]}." for name in remade]


REPAIRS: tuple[Callable[[Home], list[str]], ...] = (
    recovery.cut_torn_lines,
    lambda home: list(recovery.complete_deployments(home).notices),
    *recovery.STEPS,
    partial(recovery.restore_bundles, content=True),
    _remake_heads,
    version_index.remove_damaged,
)


def _witnessed(home: Home, name: str) -> int:
    return ledger_files.witnessed(versions.stored(home), name)


def _records(home: Home) -> tuple[DeploymentRecord, ...]:
    """The history; empty where it is damaged, which ``_history`` names."""
    try:
        return production.records(home)
    except StoreError:
        return ()


def _deployed(home: Home) -> list[DeploymentRecord]:
    try:
        return production.deployed(home)
    except StoreError:
        return []


def _damage(version: Version) -> str | None:
    return versions.verify(version).damage


def _found(look: Callable[..., str | None], *args: object, **options: object) -> str | None:
    """What a check found, or why it could not look."""
    try:
        return look(*args, **options)
    except PipelineError as error:
        return str(error)


def _problem(read: Callable[..., object], *args: object) -> str | None:
    """Why something cannot be read; ``None`` where it can."""
    try:
        read(*args)
    except PipelineError as error:
        return str(error)
    return None
