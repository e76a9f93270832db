"""MLflow, off unless asked for: each judged version as a run, the champion as a registered model."""

import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.contracts import Version
from pipeline.facts.manifest import Manifest
from pipeline.services.calls import redact

ALIAS = "champion"
TAG = "pipeline.version"
OVERRIDE_TAG = "pipeline.override"
_SURROUNDINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""Unless set otherwise: no word to anybody else, and no minutes of waiting for a server that is down."""
_ARTIFACTS = ("manifest.json", "scores.json", "verdict.json", "history.csv", "report.html", "model.onnx")


def uri_of(track: str, folder: Path) -> str:
    """The tracking URI behind ``--track mlflow[:URI]``; a SQLite file in ``folder`` where none is given."""
    given = track.partition(":")[2]
    return given or f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def track(version: Version, uri: str, folder: Path) -> str | None:
    """Record a version, and give the champion its alias; a version recorded before is not recorded again.

    Args:
        version: A judged version; ``in_production`` says whether it is the champion.
        uri: Where MLflow keeps its records.
        folder: Where artifacts go, unless a server keeps them.

    Returns:
        ``None``, or a sentence on what went wrong: tracking never stops the pipeline.
    """
    for name, value in _SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        dataset = version.manifest.dataset.name
        run_id = _run_of(client, _experiment(client, dataset, uri, folder), version)
        if version.in_production:
            _name_champion(client, dataset, run_id, version)
    except ImportError:
        return "Not tracked: MLflow is not installed; `pip install 'digit-pipeline[mlflow]'` adds it."
    except Exception as error:  # MLflow's own, its database's, its server's: none may stop the pipeline
        reason = redact(" ".join(str(error).split()), _secrets())[:200] or type(error).__name__
        return f"{version.id} is not tracked, since MLflow failed: {reason}."
    return None


def _secrets() -> list[str]:
    return [os.environ[name] for name in ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN") if name in os.environ]


def _experiment(client: Any, dataset: str, uri: str, folder: Path) -> str:
    found = client.get_experiment_by_name(dataset)
    if found is not None:
        return str(found.experiment_id)
    local = None if uri.startswith("http") else (folder / "mlflow" / dataset).resolve().as_uri()
    return str(client.create_experiment(dataset, artifact_location=local))


def _run_of(client: Any, experiment: str, version: Version) -> str:
    known = client.search_runs([experiment], f"tags.`{TAG}` = '{version.id}' and attributes.status = 'FINISHED'")
    if known:
        return str(known[0].info.run_id)
    run_id = str(client.create_run(experiment, run_name=version.id, tags=_tags(version)).info.run_id)
    for name, value in _parameters(version.manifest).items():
        client.log_param(run_id, name, value)
    for name, value in _metrics(version.scores.as_json()):
        client.log_metric(run_id, name, value)
    client.log_metric(run_id, "fit_seconds", version.manifest.timings.fit_seconds)
    for name in _ARTIFACTS:
        if (version.folder / name).exists():
            client.log_artifact(run_id, str(version.folder / name))
    client.set_terminated(run_id)
    return run_id


def _tags(version: Version) -> dict[str, str]:
    return {
        TAG: version.id,
        "pipeline.digest": version.manifest.digest,
        "pipeline.verdict": version.verdict.outcome,
        "pipeline.reasons": "\n".join(f"{check.outcome}: {check.sentence}" for check in version.verdict.checks)[:5000],
    }


def _parameters(manifest: Manifest) -> dict[str, Any]:
    own = {"recipe": manifest.recipe, "family": manifest.family, "seed": manifest.seed}
    return own | {"train_size": manifest.rows.train_size} | manifest.parameters


def _metrics(scores: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from _metrics(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)


def _name_champion(client: Any, dataset: str, run_id: str, version: Version) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(dataset)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = [found for found in client.search_model_versions(f"name = '{dataset}'") if found.run_id == run_id]
    if known:
        number = known[0].version
    else:
        source = f"{client.get_run(run_id).info.artifact_uri}/model.onnx"
        number = client.create_model_version(dataset, source, run_id, tags={TAG: version.id}).version
    if version.override:
        client.set_model_version_tag(dataset, number, OVERRIDE_TAG, version.override)
    client.set_registered_model_alias(dataset, ALIAS, number)
