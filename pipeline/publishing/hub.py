"""Publishing: the champion as a folder that the Hugging Face Hub understands, kept locally and, if asked, uploaded."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.contracts import Deployment
from pipeline.errors import DeployError, StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.judging import disclosure
from pipeline.publishing import model_card
from pipeline.publishing.hub_metadata import metadata, public_source
from pipeline.services import huggingface
from pipeline.services.calls import Patience
from pipeline.store import atomic, lock, manifest, production, verdicts, version_folder
from pipeline.store.home import Home

MIRROR = "huggingface"
OVERRIDDEN = "Promoted by hand against the gate, whose promise does not cover it: "
_REPOSITORY = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
ATTRIBUTES = "".join(
    f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in ("onnx", "keras", "ubj", "joblib", "png")
)


def publish(
    home: Home,
    dataset: str,
    repo_id: str,
    patience: Patience,
    notify: Callable[[str], None],
    *,
    private: bool = False,
    make_private: bool = False,
) -> huggingface.Published:
    """Bring the mirror up to date and make a repository on the Hub hold exactly its files.

    Args:
        home: The home folder.
        dataset: Whose champion.
        repo_id: ``your-name/your-model``.
        patience: How long to wait for the Hub.
        notify: Receives what a person should know.
        private: Create a private repository, and refuse an existing public one.
        make_private: Make an existing public repository private.

    Raises:
        DeployError: This dataset has no champion.
        StoreError: The bundle is damaged, or the disk fails.
        ServiceError: The Hub did not accept it; the mirror is kept, and the same call completes it.
    """
    with lock.writing(home, wait=True, notify=notify):
        folder = mirror(home, dataset, repo_id)
    notify(f"Publishing {folder} to {repo_id} …")
    champion = _champion(home, dataset)
    return huggingface.upload(folder, repo_id, champion.id, patience, private=private, make_private=make_private)


def mirror(home: Home, dataset: str, repo_id: str | None = None) -> Path:
    """Build ``production/<dataset>/huggingface/`` from the champion's bundle; the same champion gives the same bytes.

    Args:
        home: The home folder.
        dataset: Whose champion.
        repo_id: Where it is published, for the card; the repository of the last ``publish`` if not given.

    Raises:
        DeployError: This dataset has no champion.
        StoreError: The bundle is damaged, or the disk fails.
    """
    champion = _champion(home, dataset)
    final = home.production_of(dataset) / MIRROR
    content = _content(home, champion, repo_id or _repository_of(final))
    if _digests(content) == _digests_of(final):
        return final
    staging = atomic.temporary_name(final)
    try:
        for name, bytes_ in content.items():
            atomic.write_bytes(staging / name, bytes_)
        atomic.remove_tree(final)
        atomic.publish_folder(staging, final)
    finally:
        atomic.remove_tree(staging)
    return final


def keep_mirror(home: Home, dataset: str) -> None:
    """Build the mirror if it is not the champion's; one that is stays as it is, byte for byte.

    Raises:
        StoreError: The bundle is damaged, or the disk fails.
    """
    if _config_of(home.production_of(dataset) / MIRROR).get("version") != _champion(home, dataset).id:
        mirror(home, dataset)


def _repository_of(folder: Path) -> str | None:
    known = _config_of(folder).get("repository")
    return known if isinstance(known, str) and _REPOSITORY.fullmatch(known) else None


def _config_of(folder: Path) -> dict[str, Any]:
    """The mirror's own facts; nothing if it is missing or damaged, since it can be rebuilt."""
    try:
        config = atomic.read_json(folder / "config.json")
    except StoreError:
        return {}
    return config if isinstance(config, dict) else {}


def _champion(home: Home, dataset: str) -> Deployment:
    champion = production.current(home, dataset)
    if champion is None:
        raise DeployError(f"'{dataset}' has no champion yet, so there is nothing to publish: `simulator.py run` first.")
    return champion


def _native(champion: Deployment, facts: Manifest) -> dict[str, bytes]:
    """Return the native file and, of a cross-fitted version, those of its members."""
    inside = f"{Path(facts.native_file).parent.as_posix()}/"
    members = [name for name in facts.files if facts.folds and name.startswith(inside)]
    names = dict.fromkeys([facts.native_file, *members])
    return {name.removeprefix(inside): manifest.read_checked(champion.folder, name) for name in names}


def _content(home: Home, champion: Deployment, repo_id: str | None) -> dict[str, bytes]:
    facts = manifest.read(champion.folder)
    source = public_source(facts.dataset.source)
    facts = facts.model_copy(update={"dataset": facts.dataset.model_copy(update={"source": source})})
    measured = version_folder.champion_scores(home, champion)
    verdict = disclosure.shown_verdict(version_folder.champion_verdict(home, champion))
    override = _override(home, champion)
    native = Path(facts.native_file).name
    files = {
        ".gitattributes": ATTRIBUTES.encode(),
        "model.onnx": manifest.read_checked(champion.folder, "model.onnx"),
        **_native(champion, facts),
        "config.json": _json(_config(facts) | {"override": override, "repository": repo_id}),
        "metrics.json": _json(measured.as_json()),
        "verdict.json": _json(verdicts.to_json(verdict)),
    }
    curve = home.metric_results / "learning_curve.png"
    if curve.exists():
        files["learning_curve.png"] = curve.read_bytes()
    card = model_card.render(
        facts,
        measured,
        verdict if override is None else replace(verdict, explanation=(*verdict.explanation, OVERRIDDEN + override)),
        metadata=metadata(facts, measured),
        native=native,
        repo_id=repo_id,
        learning_curve=curve.exists(),
    )
    return files | {"README.md": card.encode()}


def _override(home: Home, champion: Deployment) -> str | None:
    """Why a person promoted it against the gate, even if it is back in production after a rollback."""
    records = production.records(home, champion.dataset)
    reasons = [record.reason for record in records if (record.id, record.action) == (champion.id, "override")]
    return reasons[-1] if reasons else None


def _config(facts: Manifest) -> dict[str, Any]:
    return {
        "version": facts.id,
        "digest": facts.digest,
        "recipe": facts.recipe,
        "parameters": facts.parameters | facts.became,
        "automatic": sorted(facts.became),
        "classes": list(facts.dataset.classes),
        "input": {
            "name": "images",
            "type": "uint8",
            "shape": list(facts.dataset.shape),
            "layout": "height, width, channels, after the number of images",
            "range": [0, 255],
        },
        "output": {"name": "probabilities", "type": "float32"},
        "preprocessing": "inside model.onnx: give raw pixels",
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _digests(content: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(value).hexdigest() for name, value in content.items()}


def _digests_of(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {path.relative_to(folder).as_posix(): atomic.sha256_file(path) for path in paths}
