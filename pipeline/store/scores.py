"""``scores.json``: read and write what was measured of a version."""

from pathlib import Path

from pydantic import TypeAdapter

from pipeline.contracts import Deployment, Version
from pipeline.errors import StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.store import atomic, manifest, typed_files

NAME = "scores.json"
_ADAPTER = TypeAdapter(Scores)


def parse(content: bytes, path: Path) -> Scores:
    """Return the scores in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: It is damaged; names the field.
    """
    return typed_files.parse(_ADAPTER, content, path, closed=False)


def read(folder: Path) -> Scores:
    """Return the scores in a folder, not checked against a manifest: of a candidate that is being judged.

    Raises:
        StoreError: They are missing or damaged.
    """
    return parse(atomic.read_bytes(folder / NAME), folder / NAME)


def read_verified(version: Version | Deployment) -> Scores:
    """Return the scores of a version or bundle, checked against its manifest.

    Raises:
        StoreError: They are missing, damaged or changed.
    """
    return parse(manifest.read_checked(version.folder, NAME), version.folder / NAME)


def require_same_classes(folder: Path, facts: Manifest) -> Scores:
    """Return the verified scores, which name the same classes as the manifest.

    In format 1, whose digest does not cover the classes, this is what proves them.

    Raises:
        StoreError: The scores are missing, damaged or changed, or name other classes.
    """
    measured = parse(manifest.check_content(folder, facts, NAME), folder / NAME)
    named = tuple(row.name for row in measured.per_class)
    if named and named != facts.dataset.classes:
        raise StoreError(f"{folder}: {NAME} and {manifest.NAME} name different classes.")
    return measured


def write(path: Path, scores: Scores) -> None:
    """Write scores in one step."""
    atomic.write_json(path, scores.as_json())
