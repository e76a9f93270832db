"""Read, verify and publish versions."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.contracts import Candidate, Deployment, Verdict, Version
from pipeline.errors import StoreError, UnreadableError
from pipeline.store import aliases, atomic, judgements, manifest, production, version_folder
from pipeline.store.home import Home


def list_versions(home: Home) -> list[Version]:
    """Return every version, oldest first; a damaged one is listed with its damage and stops no other.

    Manifest, scores and verdict are verified by their digests, the other files by presence and size; ``verify``
    hashes them all.
    """
    return _marked(home, stored(home))


def stored(home: Home) -> list[Version]:
    """Return every version as its folder describes it, without what production says about it, oldest first.

    What seems damaged is read again, so that a passing read error leaves no version out of a report.
    """
    listed = map(version_folder.read, folders(home))
    return [
        version if version.damage is None else version_folder.read(found_again(version.folder)) for version in listed
    ]


def found_again(folder: Path) -> Path:
    """Return where a version is that was listed: another process may have moved it out of ``failed/`` since."""
    moved = folder.parent.parent / folder.name
    return moved if folder.parent.name == judgements.FAILED and not folder.exists() and moved.is_dir() else folder


@dataclass(frozen=True)
class Standing:
    """What production says about versions: the ids that serve or ever did, and the reasons for overrides by id."""

    champions: frozenset[str]
    deployed: frozenset[str]
    overrides: Mapping[str, str]

    def of(self, version_id: str) -> dict[str, Any]:
        """Return the fields of a version that say this."""
        serves = version_id in self.champions
        was = version_id in self.deployed and not serves
        return {"in_production": serves, "was_in_production": was, "override": self.overrides.get(version_id)}


def standing(home: Home) -> Standing:
    """Return what production says about versions.

    Raises:
        StoreError: A line of the history is damaged.
    """
    records = production.records(home)
    return Standing(
        frozenset(deployment.id for deployment in production.all_current(home)),
        frozenset(record.id for record in records),
        {record.id: record.reason for record in records if record.action == "override"},
    )


def folders(home: Home) -> list[Path]:
    """Return the folder of every version, those that failed included, in the order of their ids.

    Raises:
        UnreadableError: The disk fails to list them.
    """
    found: dict[str, Path] = {}
    # In this order, a version that leaves ``failed/`` meanwhile is seen twice rather than never.
    for parent in (home.failed, home.versions):
        try:
            with os.scandir(parent) as entries:
                found |= {
                    entry.name: parent / entry.name for entry in entries if _is_name(entry.name) and entry.is_dir()
                }
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnreadableError(
                f"{parent} cannot be listed: {error.strerror or error}. Check the disk and the permissions."
            ) from error
    return [path for _, path in sorted(found.items())]


def find(home: Home, text: str, dataset: str | None = None) -> Version:
    """Return the one version that a user means: by an alias, by its id, or by a part of that.

    Args:
        home: The home folder.
        text: ``champion``, ``previous`` or ``latest``, alone or as ``mnist@champion``; or an id or a part of it.
        dataset: Whose champion or newest version an alias without a dataset means.

    Raises:
        StoreError: None or several match.
        DeployError: Nothing has the alias.
    """
    alias = aliases.parse(text, dataset)
    if alias is not None:
        text = aliases.version_id(home, folders(home), *alias)
    found = _folders_named(home, text) or _folders_with(home, text)
    if not found:
        raise StoreError(f"There is no version '{text}' in {home.versions}: `simulator.py versions` lists them.")
    if len(found) > 1:
        names = sorted(path.name for path in found)
        shown = [*names[:5], "…"] if len(names) > 5 else names
        raise StoreError(f"'{text}' matches {len(found)} versions ({', '.join(shown)}): give more of the id.")
    return _marked(home, [version_folder.read(found[0])])[0]


def _folders_with(home: Home, text: str) -> list[Path]:
    """The folders whose names hold a text: as whole parts between hyphens if any do, so that 1200 is not 12000."""
    found = [path for path in folders(home) if text in path.name]
    return [path for path in found if f"-{text}-" in f"-{path.name}-"] or found


def verify(version: Version) -> Version:
    """Return the version with its damage found, every file hashed."""
    return replace(version, damage=version.damage or manifest.damage(version.folder, content=True))


def require_whole(version: Version) -> Version:
    """Return the version, verified.

    Raises:
        StoreError: It is damaged.
    """
    verified = verify(version)
    if verified.damage:
        raise StoreError(f"Version {version.id} is damaged: {verified.damage} It is not loaded.")
    return verified


def read_verified(version: Version | Deployment, name: str) -> bytes:
    """Return the content of one file of a version or bundle, checked against its manifest.

    Raises:
        StoreError: The file is missing or differs from what the manifest says.
    """
    return manifest.read_checked(version.folder, name)


def publish(home: Home, candidate: Candidate, verdict: Verdict) -> Version:
    """Complete the candidate's manifest and move its folder to where its verdict says.

    Raises:
        StoreError: The disk fails, or the name is taken.
    """
    manifest.complete(candidate.folder)
    parent = home.versions if verdict.outcome == "pass" else home.failed
    final = parent / candidate.id
    atomic.publish_folder(candidate.folder, final)
    return version_folder.read(final)


def judge_again(home: Home, verdict: Verdict) -> Version:
    """Add a verdict to those of a published version; one that passes moves the version out of ``failed/``.

    The line is the decision: a move that is cut off is completed by ``recovery``.

    Raises:
        StoreError: The disk fails.
    """
    judgements.append(home, verdict)
    admit(home, verdict.candidate_id)
    (folder,) = _folders_named(home, verdict.candidate_id)
    return version_folder.read(folder)


def admit(home: Home, version_id: str) -> bool:
    """Move a version out of ``failed/`` if a later verdict lets it through; return whether it was moved.

    Raises:
        StoreError: The disk fails, or its later verdicts are damaged.
    """
    folder = home.failed / version_id
    if not folder.is_dir() or not judgements.passed(judgements.read(judgements.file(home, version_id))):
        return False
    atomic.publish_folder(folder, home.versions / version_id)
    return True


def by_cell(versions: Iterable[Version]) -> dict[str, Version]:
    """Return the newest undamaged version of each cell.

    Raises:
        UnreadableError: The disk fails to read a version; its cell is unknown and might be trained twice.
    """
    looked_at = map(_readable, versions)
    return {version.manifest.cell: version for version in looked_at if version.damage is None}


def ids(home: Home) -> frozenset[str]:
    """Return every id in use, those of candidates included; no new version may have one of them."""
    folders = [folder for folder in (home.versions, home.failed, home.staging) if folder.is_dir()]
    return frozenset(path.name for folder in folders for path in folder.iterdir())


def _readable(version: Version) -> Version:
    """Return a version that seems damaged, read again: a read error must not train its cell a second time."""
    if version.damage is None:
        return version
    for name in version_folder.LISTED:
        if (version.folder / name).exists():
            atomic.read_bytes(version.folder / name)
    return version_folder.read(version.folder)


def candidate_of(folder: Path) -> Candidate:
    """Return the candidate that is whole in a folder: in staging, or to judge a version again.

    Raises:
        StoreError: Its manifest is missing, damaged or changed.
    """
    facts = manifest.read(folder)
    return Candidate(
        id=facts.id,
        folder=folder,
        digest=facts.digest,
        cell=facts.cell,
        dataset=facts.dataset.name,
        recipe=facts.recipe,
        parameters=facts.parameters,
        train_size=facts.rows.train_size,
        seed=facts.seed,
        validation=facts.validation,
        fit_seconds=facts.timings.fit_seconds,
        parity=facts.parity,
    )


def _folders_named(home: Home, version_id: str) -> list[Path]:
    """Return the folder of exactly this version, without looking at any other."""
    if not _is_name(version_id):
        return []
    return [path for path in (home.versions / version_id, home.failed / version_id) if path.is_dir()]


def _is_name(text: str) -> bool:
    """Whether a text can be the name of a version's folder: no path, no hidden folder, not ``failed``."""
    return "/" not in text and "\0" not in text and not text.startswith(".") and text not in ("", judgements.FAILED)


def _marked(home: Home, versions: Iterable[Version]) -> list[Version]:
    """Return the versions with what production says about them."""
    now = standing(home)
    return [replace(version, **now.of(version.id)) for version in versions]
