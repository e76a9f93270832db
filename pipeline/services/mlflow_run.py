"""What one MLflow run holds of a version: parameters, figures, series, data and a model that MLflow loads."""

import csv
import importlib.metadata
import json
import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.contracts import Version
from pipeline.facts.manifest_facts import Manifest
from pipeline.judging import disclosure

TAG = "pipeline.version"
MODEL = "model"
"""Folder of the run's artifacts that holds the model, with its ``MLmodel`` file."""
_FILES = ("manifest.json", "scores.json", "verdict.json", "history.csv", "report.html")
_BATCH = 1000
"""Most metrics that MLflow takes in one request."""
_LONGEST_TAG, _LONGEST_PARAMETER = 5000, 6000
_REQUIREMENTS = ("numpy", "onnx", "onnxruntime")


def ensure(client: Any, experiment: str, version: Version) -> Any:
    """Return the finished run of a version, made unless it is there; a run that was cut off is replaced."""
    from mlflow.entities import ViewType

    for known in client.search_runs([experiment], f"tags.`{TAG}` = '{version.id}'", ViewType.ACTIVE_ONLY):
        if known.info.status == "FINISHED":
            return known
        client.delete_run(known.info.run_id)
    run = client.create_run(experiment, run_name=version.id, tags=_tags(version))
    _log(client, run.info.run_id, version)
    client.set_terminated(run.info.run_id)
    return run


def add_figures(client: Any, run: Any, figures: Mapping[str, float]) -> None:
    """Log metrics that the run does not have yet, or has with another value."""
    from mlflow.entities import Metric

    new = {name: value for name, value in figures.items() if run.data.metrics.get(name) != value}
    if new:
        client.log_batch(run.info.run_id, metrics=[Metric(name, value, _now(), 0) for name, value in new.items()])


def ensure_model(client: Any, run: Any, version: Version) -> str:
    """Return the address of the run's model, uploaded if an earlier release left it out."""
    address = f"{run.info.artifact_uri}/{MODEL}"
    if not any(file.path == f"{MODEL}/MLmodel" for file in client.list_artifacts(run.info.run_id, MODEL)):
        with tempfile.TemporaryDirectory() as folder:
            save_model(version, Path(folder) / MODEL)
            client.log_artifacts(run.info.run_id, folder)
    return address


def save_model(version: Version, folder: Path) -> None:
    """Write a version's ONNX model as an MLflow model, with signature and input example.

    Both are written from the manifest: MLflow would otherwise run the model, and TensorFlow, to infer them.
    """
    import mlflow.onnx
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shape, classes = version.manifest.dataset.shape, len(version.manifest.dataset.classes)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *shape), "images")]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, classes), "probabilities")]),
    )
    mlflow.onnx.save_model(
        onnx.load(version.folder / "model.onnx"),
        folder,
        signature=signature,
        input_example={"images": np.zeros((1, *shape), np.uint8)},
        pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def _log(client: Any, run_id: str, version: Version) -> None:
    from mlflow.entities import Metric, Param

    now = _now()
    parameters = [Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in _parameters(version.manifest).items()]
    figures = [*_figures(version.scores.as_json()), ("fit_seconds", version.manifest.timings.fit_seconds)]
    metrics = [Metric(name, value, now, 0) for name, value in figures]
    if not disclosure.withholds_training(version):
        metrics += [Metric(name, value, now, step) for name, value, step in _series(version.folder / "history.csv")]
    client.log_batch(run_id, metrics=metrics[:_BATCH], params=parameters)
    for start in range(_BATCH, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
    client.log_inputs(run_id, datasets=_datasets(version.manifest))
    with tempfile.TemporaryDirectory() as folder:
        save_model(version, Path(folder) / MODEL)
        for name in _files(version):
            if (version.folder / name).exists():
                shutil.copyfile(version.folder / name, Path(folder) / name)
        client.log_artifacts(run_id, folder)


def _files(version: Version) -> Iterator[str]:
    """The files to keep with a run; without those of a refused version whose policy discloses verdicts only."""
    hidden = {"scores.json", "verdict.json"} if disclosure.withholds(version.verdict) else set()
    hidden |= {"history.csv"} if disclosure.withholds_training(version) else set()
    yield from (name for name in _FILES if name not in hidden)


def _tags(version: Version) -> dict[str, str]:
    reasons = "\n".join(f"{check.outcome}: {check.sentence}" for check in version.verdict.checks)
    return {
        TAG: version.id,
        "pipeline.digest": version.manifest.digest,
        "pipeline.verdict": version.verdict.outcome,
        "pipeline.reasons": reasons[:_LONGEST_TAG],
    }


def _parameters(manifest: Manifest) -> dict[str, Any]:
    own = {"recipe": manifest.recipe, "family": manifest.family, "seed": manifest.seed}
    return own | {"train_size": manifest.rows.train_size} | manifest.parameters | manifest.became


def _figures(scores: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)


def _series(path: Path) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of every figure that training measured."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=1):
            step = round(float(row.get("step") or number))
            for name, text in row.items():
                if name != "step" and text and math.isfinite(float(text)):
                    yield f"training.{name}", float(text), step


def _datasets(manifest: Manifest) -> list[Any]:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset, rows = manifest.dataset, manifest.rows
    source = json.dumps({"source": dataset.source, "sha256": dataset.sha256})
    roles = (
        ("train", "training", rows.train, rows.train_sha256),
        ("validation", "validation", rows.validation, rows.validation_sha256),
        ("benchmark", "evaluation", rows.benchmark, rows.benchmark_sha256),
    )
    return [
        DatasetInput(
            Dataset(
                name=f"{dataset.name} ({role})",
                digest=digest[:16],
                source_type="local",
                source=source,
                profile=json.dumps({"num_rows": count}),
            ),
            [InputTag("mlflow.data.context", context)],
        )
        for role, context, count, digest in roles
        if digest
    ]


def _now() -> int:
    return int(1000 * time.time())
