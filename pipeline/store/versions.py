"""Read, verify and publish versions."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline.contracts import Candidate, Check, Deployment, Parity, Verdict, Version
from pipeline.errors import StoreError
from pipeline.store import atomic, manifest, production
from pipeline.store.home import Home

LISTED = ("manifest.json", "scores.json", "verdict.json")
"""What a listing reads of a version."""
REQUIRED = ("manifest.json", "model.onnx", "scores.json", "predictions.npz", "verdict.json")


def list_versions(home: Home) -> list[Version]:
    """Every version, oldest first; a damaged one is listed with its damage and stops no other.

    Looks at presence and size of files; ``verify`` looks at their content.
    """
    champions = {deployment.id for deployment in production.all_current(home)}
    overrides = {line["id"]: line["reason"] for line in production.history(home) if line["action"] == "override"}
    folders = [
        path
        for parent in (home.versions, home.failed)
        if parent.is_dir()
        for path in parent.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path != home.failed
    ]
    return [
        replace(_read(folder), in_production=folder.name in champions, override=overrides.get(folder.name))
        for folder in sorted(folders, key=lambda path: path.name)
    ]


def find(home: Home, text: str) -> Version:
    """The one version whose id is, or contains, the text.

    Raises:
        StoreError: None or several match.
    """
    versions = list_versions(home)
    found = [version for version in versions if version.id == text] or [v for v in versions if text in v.id]
    if not found:
        raise StoreError(f"There is no version '{text}' in {home.versions}: `simulator.py versions` lists them.")
    if len(found) > 1:
        names = ", ".join(version.id for version in found[:5])
        raise StoreError(f"'{text}' fits {len(found)} versions ({names} …): give more of the id.")
    return found[0]


def verify(version: Version) -> Version:
    """The version with its damage found, every file hashed."""
    return replace(version, damage=version.damage or manifest.damage(version.folder, content=True))


def require_whole(version: Version) -> Version:
    """The version, verified.

    Raises:
        StoreError: It is damaged.
    """
    verified = verify(version)
    if verified.damage:
        raise StoreError(f"Version {version.id} is damaged: {verified.damage} It is not loaded.")
    return verified


def read_verified(version: Version | Deployment, name: str) -> bytes:
    """The content of one file of a version or bundle, checked against its manifest.

    Raises:
        StoreError: The file is missing or differs from what the manifest says.
    """
    return manifest.read_checked(version.folder, name)


def publish(home: Home, candidate: Candidate, verdict: Verdict) -> Version:
    """Complete the candidate's manifest and move its folder to where its verdict says.

    Raises:
        StoreError: The disk refuses, or the name is taken.
    """
    manifest.complete(candidate.folder)
    parent = home.versions if verdict.outcome == "pass" else home.failed
    final = parent / candidate.id
    atomic.publish_folder(candidate.folder, final)
    return _read(final)


def by_cell(home: Home) -> dict[str, Version]:
    """Return the newest undamaged version of each cell.

    Raises:
        UnreadableError: The disk refuses to read a version; its cell is unknown and might be trained twice.
    """
    looked_at = map(_second_look, list_versions(home))
    return {v.manifest["cell"]: v for v in looked_at if v.damage is None}


def ids(home: Home) -> frozenset[str]:
    """Return every id in use, those of candidates included; no new version may have one of them."""
    folders = [folder for folder in (home.versions, home.failed, home.staging) if folder.is_dir()]
    return frozenset(path.name for folder in folders for path in folder.iterdir())


def _second_look(version: Version) -> Version:
    """A version that seems damaged, read again: one read error must not train its cell a second time."""
    if version.damage is None:
        return version
    for name in LISTED:
        if (version.folder / name).exists():
            atomic.read_bytes(version.folder / name)
    return _read(version.folder)


def candidate_of(folder: Path) -> Candidate:
    """The candidate that stands, whole, in a folder: in staging, or to judge a version again."""
    facts = manifest.read(folder)
    return Candidate(
        id=facts["id"],
        folder=folder,
        digest=facts["digest"],
        cell=facts["cell"],
        dataset=facts["dataset"]["name"],
        recipe=facts["recipe"],
        parameters=facts["parameters"],
        train_size=facts["rows"]["train_size"],
        seed=facts["seed"],
        validation=facts["validation"],
        fit_seconds=facts["timings"]["fit_seconds"],
        parity=Parity(**facts["parity"]),
    )


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as ``verdict.json`` holds it."""
    return asdict(verdict)


def verdict_from_json(value: Mapping[str, Any]) -> Verdict:
    """The verdict that ``verdict_to_json`` wrote."""
    checks = tuple(Check(**check) for check in value["checks"])
    return Verdict(**{**value, "checks": checks, "explanation": tuple(value["explanation"])})


def _read(folder: Path) -> Version:
    try:
        missing = [name for name in REQUIRED if not (folder / name).is_file()]
        if missing:
            raise StoreError(f"{', '.join(missing)} missing.")
        facts = manifest.read(folder)
        damage = manifest.damage(folder, content=False)
        scores = atomic.read_json(folder / "scores.json")
        verdict = verdict_from_json(atomic.read_json(folder / "verdict.json"))
    except (StoreError, KeyError, TypeError) as error:
        return Version(folder.name, folder, {}, {}, _no_verdict(folder.name), damage=f"{error}")
    return Version(folder.name, folder, facts, scores, verdict, damage=damage)


def _no_verdict(version_id: str) -> Verdict:
    return Verdict("error", version_id, "", None, None, "", "", 0, "", "", ())
