"""``manifest.json``: read, verify and write what a version is, with the digest of each of its files."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from pipeline.errors import StoreError, UnreadableError
from pipeline.facts.manifest_facts import FileFacts, Manifest
from pipeline.store import atomic, typed_files

NAME = "manifest.json"
MODEL = "model.onnx"
FORMAT: Literal[2] = 2
_ADAPTER = TypeAdapter(Manifest)


def identity_digest(facts: Manifest, model_sha256: str) -> str:
    """Return the digest that identifies a model and its training.

    It covers recipe, parameters, seed, rows and the exported model; since format 2 also the dataset's name, its
    classes, the shape of an image and the preparation, without which the model's answers mean something else.
    """
    known = facts.as_json()
    identity: dict[str, Any] = {name: known[name] for name in ("recipe", "parameters", "seed", "rows")}
    if facts.format >= 2:
        dataset = facts.dataset
        identity["dataset"] = {"name": dataset.name, "classes": dataset.classes, "shape": dataset.shape}
        if dataset.preparation is not None:
            identity["preparation"] = dataset.preparation.as_json()
    return canonical_digest(identity | {"model": model_sha256})


def canonical_digest(value: Any) -> str:
    """Return the sha256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def read(folder: Path) -> Manifest:
    """Return the manifest of a folder, its digest and seal verified; the files it lists are not looked at.

    Raises:
        StoreError: It is missing, damaged, changed, or was written by a newer version of this program.
    """
    path = folder / NAME
    return parse(atomic.read_bytes(path), path)


def parse(content: bytes, path: Path) -> Manifest:
    """Return the verified manifest in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: As for ``read``.
    """
    try:
        facts = typed_files.parse(_ADAPTER, content, path)
    except StoreError:
        _refuse_newer(content, path)
        raise
    if facts.format >= 2 and facts.seal != _seal(facts):
        raise StoreError(f"{path} was changed after it was written: its seal no longer matches.")
    if facts.digest != identity_digest(facts, _model_sha256(facts)):
        raise StoreError(f"{path} was changed after it was written: its digest no longer matches.")
    return facts


def create(folder: Path, facts: Manifest) -> Manifest:
    """Write the manifest of a finished training: lists the files there, and adds digest and seal.

    Raises:
        StoreError: The disk fails.
    """
    described = facts.model_copy(update={"files": describe_files(folder)})
    return write(folder, described.model_copy(update={"digest": identity_digest(described, _model_sha256(described))}))


def complete(folder: Path) -> Manifest:
    """Bring the manifest's list of files up to date with the folder."""
    return write(folder, read(folder).model_copy(update={"files": describe_files(folder)}))


def write(folder: Path, facts: Manifest) -> Manifest:
    """Write a manifest, sealed unless it is of format 1, if it can be read again.

    Raises:
        StoreError: It could not be read again, or the disk fails.
    """
    sealed = facts.model_copy(update={"seal": _seal(facts)}) if facts.format >= 2 else facts
    parse(json.dumps(sealed.as_json()).encode(), folder / NAME)
    atomic.write_json(folder / NAME, sealed.as_json())
    return sealed


def describe_files(folder: Path) -> dict[str, FileFacts]:
    """Return digest and size of every file in a folder but the manifest, by its path inside."""
    return {
        path.relative_to(folder).as_posix(): FileFacts(sha256=atomic.sha256_file(path), bytes=path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / NAME
    }


def damage(folder: Path, *, content: bool) -> str | None:
    """Return what is wrong with a folder's files, in a sentence; ``None`` if all is well.

    Args:
        folder: A version or a bundle.
        content: Hash every file; otherwise only presence and size are checked.

    Raises:
        UnreadableError: The disk fails to read a file, which may be whole.
    """
    try:
        facts = read(folder)
    except StoreError as error:
        return str(error)
    return file_damage(folder, facts, content=content)


def file_damage(folder: Path, facts: Manifest, *, content: bool) -> str | None:
    """Return what is wrong with the files that a manifest lists; see ``damage``."""
    for name, expected in facts.files.items():
        try:
            found = (folder / name).lstat()
        except FileNotFoundError:
            return f"{name} is missing."
        except OSError as error:
            return f"{name} cannot be read: {error.strerror or error}."
        if not stat.S_ISREG(found.st_mode):
            return f"{name} is not a plain file."
        if found.st_size != expected.bytes:
            return f"{name} has {found.st_size:,} bytes instead of {expected.bytes:,}."
        if content and (changed := _content_damage(folder, facts, name)) is not None:
            return changed
    return None


def read_checked(folder: Path, name: str) -> bytes:
    """Return the content of a file, read once and checked against the manifest.

    Raises:
        StoreError: The file is not listed, missing, leads out of the folder, or differs.
    """
    return check_content(folder, read(folder), name)


def check_content(folder: Path, facts: Manifest, name: str) -> bytes:
    """Return the content of a file that a verified manifest lists; see ``read_checked``."""
    expected = facts.files.get(name)
    if expected is None:
        raise StoreError(f"{folder / NAME} lists no file {name}: it is not loaded.")
    path = folder / name
    if path.resolve() != folder.resolve() / name:
        raise StoreError(f"{path} points outside its folder: it is not loaded.")
    content = atomic.read_bytes(path)
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise StoreError(f"{path} was changed since the version was made: it is not loaded. Train it again.")
    return content


def _content_damage(folder: Path, facts: Manifest, name: str) -> str | None:
    try:
        check_content(folder, facts, name)
    except UnreadableError:
        raise
    except StoreError as error:
        return str(error)
    return None


def _seal(facts: Manifest) -> str:
    return canonical_digest({name: value for name, value in facts.as_json().items() if name != "seal"})


def _model_sha256(facts: Manifest) -> str:
    model = facts.files.get(MODEL)
    return model.sha256 if model else ""


def _refuse_newer(content: bytes, path: Path) -> None:
    value = typed_files.parse_json(content, path)
    number = value.get("format") if isinstance(value, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise StoreError(
            f"{path} has format {number}, and this program reads formats up to {FORMAT}: update the program."
        )
