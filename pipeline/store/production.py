"""Which version serves a dataset, and how it came to."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.contracts import Deployment
from pipeline.errors import StoreError
from pipeline.store import atomic, manifest
from pipeline.store.home import Home

CURRENT = "current.json"
LEFT_BEHIND = ("native/checkpoints/", "report.html", "plots/", "predictions.npz", "history.csv")
"""What a bundle does not need of its version."""


def current(home: Home, dataset: str) -> Deployment | None:
    """The champion of a dataset, ``None`` where there is none yet.

    Raises:
        StoreError: ``current.json`` is damaged.
    """
    path = home.production_of(dataset) / CURRENT
    return _deployment(home, atomic.read_json(path)) if path.exists() else None


def datasets(home: Home) -> list[str]:
    """The datasets that have a champion, by name."""
    return sorted(path.parent.name for path in home.production.glob(f"*/{CURRENT}"))


def all_current(home: Home) -> list[Deployment]:
    """Every dataset's champion; one that cannot be read is left out."""
    found = []
    for dataset in datasets(home):
        try:
            deployment = current(home, dataset)
        except StoreError:
            continue
        if deployment:
            found.append(deployment)
    return found


def history(home: Home, dataset: str | None = None) -> list[dict[str, Any]]:
    """Every promotion, rollback and override, oldest first: ``history.jsonl``, line by line."""
    try:
        lines = [json.loads(line) for line in atomic.read_lines(_history_file(home))]
    except ValueError as error:
        raise StoreError(f"{_history_file(home)} is damaged: {error}. Restore it from a copy.") from error
    return [line for line in lines if dataset in (None, line["dataset"])]


def install(home: Home, version_folder: Path, deployment: Mapping[str, Any]) -> Deployment:
    """Bring a version's bundle into place, record the deployment, and name it champion, in this order.

    The history is the write-ahead log: ``recover`` completes what was recorded but not yet named.

    Args:
        home: The home folder.
        version_folder: The version to serve; its bundle is copied if it is not there.
        deployment: The fields of a ``Deployment`` but ``folder``.

    Raises:
        StoreError: The disk refuses or the copy is damaged; the old champion still serves.
    """
    dataset, version_id = deployment["dataset"], deployment["id"]
    bundle = home.production_of(dataset) / version_id
    if manifest.damage(bundle, content=True) is not None:
        atomic.remove_tree(bundle)
        _copy_bundle(version_folder, bundle)
    atomic.append_line(_history_file(home), json.dumps(dict(deployment), ensure_ascii=False))
    _name_champion(home, deployment)
    return _deployment(home, deployment)


def recover(home: Home) -> list[str]:
    """Finish or clean up what a killed process left in production; returns what was done, in sentences."""
    done = []
    for folder in [path for path in home.production.glob("*") if path.is_dir()]:
        if atomic.remove_temporaries(folder):
            done.append(f"Removed a half-written bundle in {folder}.")
        lines = history(home, folder.name)
        serving = current(home, folder.name)
        if lines and (serving is None or _facts(serving) != lines[-1]):
            _name_champion(home, lines[-1])
            done.append(f"Completed the promotion of {lines[-1]['id']}, which a killed run had recorded.")
    atomic.remove_temporaries(home.production)
    return done


def _copy_bundle(version_folder: Path, bundle: Path) -> None:
    staging = bundle.with_name(f".{bundle.name}{atomic.TEMPORARY_SUFFIX}")
    with atomic.disk_errors(bundle):
        shutil.rmtree(staging, ignore_errors=True)
        facts = manifest.read(version_folder)
        kept = {name: facts["files"][name] for name in facts["files"] if not name.startswith(LEFT_BEHIND)}
        for name in kept:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(version_folder / name, staging / name)
        atomic.write_json(staging / manifest.NAME, facts | {"files": kept})
    damage = manifest.damage(staging, content=True)
    if damage:
        shutil.rmtree(staging)
        raise StoreError(f"The bundle of {bundle.name} came out damaged: {damage} The champion was not changed.")
    atomic.publish_folder(staging, bundle)


def _name_champion(home: Home, deployment: Mapping[str, Any]) -> None:
    atomic.write_json(home.production_of(deployment["dataset"]) / CURRENT, dict(deployment))


def _history_file(home: Home) -> Path:
    return home.production / "history.jsonl"


def _facts(deployment: Deployment) -> dict[str, Any]:
    return {key: value for key, value in vars(deployment).items() if key != "folder"}


def _deployment(home: Home, facts: Mapping[str, Any]) -> Deployment:
    try:
        return Deployment(**facts, folder=home.production_of(facts["dataset"]) / facts["id"])
    except (TypeError, KeyError) as error:
        raise StoreError("current.json is damaged: run `simulator.py rollback` or promote a version.") from error
