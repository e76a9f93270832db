"""Remove old versions that failed, by a rule, and never one that something else needs."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline import moments
from pipeline.contracts import Version
from pipeline.data.notices import Notify
from pipeline.inspection import reporting
from pipeline.judging.ledger import DebitEntry, VerdictEntry
from pipeline.store import atomic, disk, judgements, ledger_files, lock, production, submissions, versions
from pipeline.store.home import Home

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Rule:
    """Which failed versions are old.

    Attributes:
        older_than: Days since their latest verdict.
        keep: As many newest failed versions of each dataset and recipe stay, whatever their age.
        dataset: Only those of this one; ``None`` for all.
    """

    older_than: float = 30.0
    keep: int = 3
    dataset: str | None = None


@dataclass(frozen=True)
class Pruning:
    """What a rule removes.

    Attributes:
        removed: Versions that are removed, oldest first.
        kept: Why others stay although the rule covers them, by id.
        young: How many failed versions were judged too recently for the rule.
        newest: How many older ones are among the newest of their dataset and recipe.
    """

    removed: tuple[Version, ...]
    kept: Mapping[str, str]
    young: int
    newest: int

    @property
    def bytes(self) -> int:
        """What the removed ones take on disk."""
        return sum(file.bytes for version in self.removed for file in version.manifest.files.values())


def plan(home: Home, rule: Rule) -> Pruning:
    """Return what a rule removes now; changes nothing.

    Raises:
        StoreError: The history, a ledger or the list of submissions is damaged, so that it is unknown what they need.
    """
    listed = versions.list_versions(home)
    needed = _needed(home, listed)
    failed = _failed(listed, rule)
    old = [version for version in _beyond(failed, rule) if _is_old(version, rule)]
    removed = tuple(version for version in old if version.id not in needed)
    kept = {version.id: needed[version.id] for version in old if version.id in needed}
    young = sum(not _is_old(version, rule) for version in failed)
    return Pruning(removed, kept, young, len(failed) - len(old) - young)


def prune(home: Home, rule: Rule, notify: Notify) -> Pruning:
    """Remove what a rule covers and nothing needs; the reports follow.

    A version goes in one step, and its later verdicts after it; what a kill leaves between the two, the next call
    removes.

    Raises:
        StoreError: As ``plan``, or the disk refuses.
    """
    with lock.writing(home, wait=True, notify=notify):
        found = plan(home, rule)
        for version in found.removed:
            atomic.remove_tree(version.folder)
        _remove_orphaned_verdicts(home)
        if found.removed:
            reporting.publish(home)
    return found


def _failed(listed: Iterable[Version], rule: Rule) -> list[Version]:
    """Failed versions of the rule's datasets; damaged ones are left."""
    return [
        version
        for version in listed
        if version.damage is None
        and version.folder.parent.name == judgements.FAILED
        and rule.dataset in (None, version.manifest.dataset.name)
    ]


def _beyond(failed: Iterable[Version], rule: Rule) -> list[Version]:
    """Failed versions without the newest of each dataset and recipe."""
    groups: dict[tuple[str, str], list[Version]] = {}
    for version in failed:
        groups.setdefault((version.manifest.dataset.name, version.manifest.recipe), []).append(version)
    beyond = [version for group in groups.values() for version in group[: max(0, len(group) - rule.keep)]]
    return sorted(beyond, key=lambda version: version.id)


def _is_old(version: Version, rule: Rule) -> bool:
    judged = version.verdict.judged_at or version.manifest.created_at
    return moments.seconds_of(judged) <= time.time() - rule.older_than * SECONDS_A_DAY


def _needed(home: Home, listed: Sequence[Version]) -> dict[str, str]:
    """Return why versions are needed, by id; the strongest reason counts."""
    whole = [version for version in listed if version.damage is None]
    unproven = [version.id for version in whole if version.verdict.lack is not None]
    needed = dict.fromkeys(unproven, "it was refused only for lack of proof, and may pass when judged again")
    blends = [facts.blend for version in whole if (facts := version.manifest).blend is not None]
    needed |= {member.id: "it is part of a blend" for blend in blends if blend for member in blend.members}
    needed |= dict.fromkeys(_of_ledgers(home, whole), "the gate's ledger depends on it")
    needed |= {record.version: "it was submitted" for record in submissions.read(home)}
    for record in production.records(home):
        served = {record.id, record.previous_id} - {None}
        needed |= {str(version_id): "it is or was in production" for version_id in served}
    return needed


def _of_ledgers(home: Home, whole: Sequence[Version]) -> set[str]:
    """Versions with a debit that has no verdict yet, and of each ledger the witness of its last line."""
    found: set[str] = set()
    for name in ledger_files.lineages(home):
        entries = ledger_files.read(home, name, whole).entries
        closed = {entry.debit for entry in entries if isinstance(entry, VerdictEntry)}
        open_debits = [one for one in entries if isinstance(one, DebitEntry) and one.entry not in closed]
        waiting = {entry.pair.candidate for entry in open_debits}
        found |= {version.id for version in whole if version.manifest.digest in waiting}
    for name in ledger_files.names(home):
        # Without the verdict that names the last line, nobody would see that lines were cut off.
        last = ledger_files.witnessed(whole, name)
        found |= {version.id for version in whole if last and ledger_files.witnessed([version], name) == last}
    return found


def _remove_orphaned_verdicts(home: Home) -> None:
    """Delete later verdicts on versions that are gone."""
    there = {folder.name for folder in versions.folders(home)}
    gone = [path for path in judgements.files(home) if path.stem not in there]
    for path in gone:
        with atomic.disk_errors(path):
            disk.unlink(path)
    if gone:
        with atomic.disk_errors(gone[0].parent):
            atomic.sync_folder(gone[0].parent)
