"""Whole manifests and scores for tests that make a version by hand: every field there, any of them changed."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.store import manifest

DIGESTS = {f"{role}_sha256": role[0] * 64 for role in ("train", "validation", "benchmark")}
MANIFEST: dict[str, Any] = {
    "format": 2,
    "id": "20261121-134502-cnn-12000-00ab",
    "created_at": "2026-11-21T13:45:02Z",
    "cell": "e" * 64,
    "recipe": "cnn",
    "family": "keras",
    "native_format": "keras",
    "native_file": "native/model.keras",
    "parameters": {},
    "seed": 0,
    "weights": 67_000,
    "best_step": 4,
    "dataset": {"name": "mnist", "source": "test", "sha256": "d" * 64, "images": 70_000}
    | {"classes": list("0123456789"), "shape": [28, 28, 1]},
    "rows": {"train": 10_800, "validation": 1_200, "train_size": 12_000, "benchmark": 10_000} | DIGESTS,
    "validation": {"accuracy": 0.98, "log_loss": 0.06},
    "parity": {"images": 1_000, "labels_changed": 0, "max_difference": 1e-6},
    "timings": {"fit_seconds": 9.1, "export_seconds": 1.2},
    "libraries": {"python": "3.11"},
    "machine": {"cores": 2, "threads": 2, "platform": "linux"},
    "digest": "",
    "files": {},
}
AVERAGE = {"macro": 0.98, "weighted": 0.98}
SCORES: dict[str, Any] = {
    "images": 10_000,
    "errors": 200,
    "accuracy": {"value": 0.98, "low": 0.977, "high": 0.983},
    "precision": AVERAGE,
    "recall": AVERAGE,
    "f1": AVERAGE,
    "matthews": 0.97,
    "log_loss": 0.06,
    "brier": 0.03,
    "calibration_error": 0.01,
    "roc_auc": 0.999,
    "per_class": [],
    "confusion": [],
    "top_confusions": [],
    "calibration": [],
    "benchmark_sha256": "b" * 64,
    "robustness": None,
    "latency_ms": {"single_p50": 0.07, "single_p95": 0.1, "per_image_in_batch": 0.03},
    "model_bytes": 270_000,
}


def merged(known: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The known facts with changes; a mapping changes only the fields it names, except parameters."""
    nested = ("dataset", "rows", "accuracy")
    return known | {
        name: known[name] | value if name in nested and isinstance(value, dict) else value
        for name, value in changes.items()
    }


def manifest_of(**changes: Any) -> Manifest:
    return TypeAdapter(Manifest).validate_json(json.dumps(merged(MANIFEST, changes)))


def scores_of(**changes: Any) -> Scores:
    return TypeAdapter(Scores).validate_json(json.dumps(merged(SCORES, changes)))


def changed(facts: Any, **changes: Any) -> Any:
    """Facts with changed fields, given as JSON values."""
    return TypeAdapter(type(facts)).validate_json(json.dumps(merged(facts.as_json(), changes)))


def create_manifest(folder: Path, **changes: Any) -> Manifest:
    """Write the manifest of a folder whose files are all there, with its digest and seal."""
    return manifest.create(folder, manifest_of(**{"id": folder.name, **changes}))
