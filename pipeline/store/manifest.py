"""``manifest.json``: what a version is, and the digest of each of its files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError
from pipeline.store import atomic

NAME = "manifest.json"
FORMAT = 1
IDENTITY = ("recipe", "parameters", "seed", "rows")
"""What identifies a training, beside the model that came out."""


def identity_digest(facts: Mapping[str, Any], model_sha256: str) -> str:
    """Sha256 over recipe, parameters, seed, rows and the exported model."""
    identity = {key: facts[key] for key in IDENTITY} | {"model": model_sha256}
    return canonical_digest(identity)


def canonical_digest(value: Any) -> str:
    """Sha256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a folder.

    Raises:
        StoreError: It is missing, damaged, or of an unknown format.
    """
    facts = atomic.read_json(folder / NAME)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or not isinstance(facts.get("files"), dict):
        raise StoreError(f"{folder / NAME} is not a manifest of format {FORMAT}.")
    return facts


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Sha256 and size of every file in a folder but the manifest, by relative path."""
    return {
        path.relative_to(folder).as_posix(): {"sha256": atomic.sha256_file(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / NAME
    }


def complete(folder: Path) -> None:
    """Bring the manifest's list of files up to date with the folder."""
    atomic.write_json(folder / NAME, read(folder) | {"files": describe_files(folder)})


def damage(folder: Path, *, content: bool) -> str | None:
    """What is wrong with a folder's files, in a sentence; ``None`` where all is well.

    Args:
        folder: A version or a bundle.
        content: Hash every file; otherwise only presence and size are checked.
    """
    try:
        facts = read(folder)
    except StoreError as error:
        return str(error)
    for name, expected in facts["files"].items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing."
        if path.stat().st_size != expected["bytes"]:
            return f"{name} has {path.stat().st_size:,} bytes instead of {expected['bytes']:,}."
        if content and atomic.sha256_file(path) != expected["sha256"]:
            return f"the content of {name} is not what the manifest says."
    model = facts["files"].get("model.onnx", {}).get("sha256", "")
    if identity_digest(facts, model) != facts.get("digest"):
        return "the manifest itself was changed: its digest no longer fits."
    return None


def read_checked(folder: Path, name: str) -> bytes:
    """The content of a file, read once and checked against the manifest.

    Raises:
        StoreError: The file is unknown, missing, or differs.
    """
    expected = read(folder)["files"].get(name)
    if expected is None:
        raise StoreError(f"{folder.name} has no file {name}.")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise StoreError(f"{folder / name} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise StoreError(f"{folder / name} was changed since the version was made: it is not loaded. Train it again.")
    return content
