"""Read one version's folder: each of manifest, scores and verdict is taken only if it verifies."""

from pathlib import Path

from pipeline.contracts import Verdict, Version
from pipeline.errors import StoreError
from pipeline.facts.manifest import Manifest
from pipeline.facts.scores import Scores
from pipeline.store import manifest, scores, verdicts, version_arrays

LISTED = (manifest.NAME, scores.NAME, verdicts.NAME)
"""What a listing reads of a version."""
REQUIRED = (manifest.MODEL, scores.NAME, version_arrays.PREDICTIONS, verdicts.NAME)


def read(folder: Path) -> Version:
    """Return the version in a folder; what is wrong with it becomes its damage, never an error."""
    try:
        facts = manifest.read(folder)
        _require_named(facts, folder)
    except StoreError as error:
        return Version(folder.name, folder, None, None, _no_verdict(folder.name), damage=str(error))
    measured, verdict, damage = None, _no_verdict(folder.name), None
    try:
        measured = require_same_classes(folder, facts)
        stored = verdicts.parse(manifest.check_content(folder, facts, verdicts.NAME), folder / verdicts.NAME)
        _require_its_own(facts, stored, folder)
        verdict = stored
        damage = manifest.file_damage(folder, facts, content=False)
    except StoreError as error:
        damage = str(error)
    return Version(folder.name, folder, facts, measured, verdict, damage=damage)


def _require_named(facts: Manifest, folder: Path) -> None:
    if facts.id != folder.name:
        raise StoreError(f"its manifest belongs to {facts.id}.")
    unlisted = [name for name in REQUIRED if name not in facts.files]
    if unlisted:
        raise StoreError(f"{', '.join(unlisted)} missing.")


def require_same_classes(folder: Path, facts: Manifest) -> Scores:
    """Return the verified scores, which name the same classes as the manifest.

    In format 1, whose digest does not cover the classes, this is what proves them.

    Raises:
        StoreError: The scores are missing, damaged or changed, or name other classes.
    """
    measured = scores.parse(manifest.check_content(folder, facts, scores.NAME), folder / scores.NAME)
    named = tuple(row.name for row in measured.per_class)
    if named and named != facts.dataset.classes:
        raise StoreError(f"{folder}: {scores.NAME} and {manifest.NAME} name different classes.")
    return measured


def _require_its_own(facts: Manifest, verdict: Verdict, folder: Path) -> None:
    if (verdict.candidate_id, verdict.candidate_digest) != (facts.id, facts.digest):
        raise StoreError(f"{verdicts.NAME} was given on another model.")
    if (verdict.outcome == "pass") != (folder.parent.name != "failed"):
        raise StoreError(f"{verdicts.NAME} says {verdict.outcome}, but the folder is in {folder.parent}.")


def _no_verdict(version_id: str) -> Verdict:
    return Verdict("error", version_id, "", None, None, "", "", 0, "", "", ())
