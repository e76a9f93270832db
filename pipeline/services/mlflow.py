"""MLflow, off unless asked for: each judged version as a run, the champion as a registered model."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.contracts import Version
from pipeline.services import mlflow_run
from pipeline.services.calls import Deadline, NoAnswerError, Patience, bounded
from pipeline.services.redaction import clean, redact

ALIAS = "champion"
OVERRIDE_TAG = "pipeline.override"
LIMIT_SECONDS = 300.0
"""For everything that one run records."""
_SURROUNDINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""Unless set otherwise: no telemetry, and no minutes of waiting for a server that is down."""

Figures = Mapping[str, Mapping[str, float]]
"""Further metrics by version id: what Kaggle made of it."""


@dataclass(frozen=True)
class _Job:
    """Where to record what, until when, and the ids of what is done."""

    uri: str
    folder: Path
    figures: Figures
    deadline: Deadline
    recorded: list[str] = field(default_factory=list)


def uri_of(track: str, folder: Path) -> str:
    """Return the tracking URI behind ``--track mlflow[:URI]``; a SQLite file in ``folder`` if none is given."""
    given = track.partition(":")[2]
    return given or f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def stale_alias(folder: Path, dataset: str) -> str | None:
    """Return that the alias does not follow a champion changed by hand; ``None`` if nothing was tracked locally.

    Args:
        folder: Where artifacts went, unless a server keeps them.
        dataset: Whose champion changed.
    """
    if not _artifacts(folder, dataset).is_dir():
        return None
    return f"models:/{dataset}@{ALIAS} in MLflow stays the earlier champion until the next `simulator.py run --track`."


def track(
    versions: Sequence[Version], uri: str, folder: Path, figures: Figures, *, limit_seconds: float = LIMIT_SECONDS
) -> tuple[str, ...]:
    """Record versions, and give the champion its alias; what is recorded already is only completed.

    Args:
        versions: Judged versions; ``in_production`` says which is the champion.
        uri: Where MLflow keeps its records.
        folder: Where artifacts go, unless a server keeps them.
        figures: Further metrics by version id, logged also for a version that is recorded already.
        limit_seconds: For all of it; what is not recorded by then is recorded by the next call.

    Returns:
        Sentences for a person: where it is recorded, and what went wrong. Tracking never stops the pipeline.
    """
    for name, value in _SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    job = _Job(uri, folder, figures, Patience(limit_seconds=limit_seconds).start())
    problem = None
    try:
        bounded(partial(_track_all, versions, job), job.deadline)
    except ImportError:
        return ("Not tracked: MLflow is not installed; `pip install 'digit-pipeline[mlflow]'` adds it.",)
    except NoAnswerError:
        problem = f"it took longer than {limit_seconds:.0f} s"
    except Exception as error:  # MLflow's own, its database's, its server's: none may stop the pipeline
        problem = clean(error, _secrets(), 200) or type(error).__name__
    return _sentences([version.id for version in versions], job.recorded, uri, problem)


def _sentences(ids: Sequence[str], recorded: Sequence[str], uri: str, problem: str | None) -> tuple[str, ...]:
    where = redact(uri, _secrets())
    if problem is None:
        look = f": `mlflow ui --backend-store-uri {where}` shows it" if uri.startswith("sqlite:") else ""
        count = "1 version" if len(ids) == 1 else f"{len(ids)} versions"
        return (f"Recorded {count} with MLflow at {where}{look}.",)
    missing = next((name for name in ids if name not in recorded), "The champion")
    return (f"{missing} is not tracked, since MLflow failed: {problem}. Recorded: {len(recorded)} of {len(ids)}.",)


def _track_all(versions: Sequence[Version], job: _Job) -> None:
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=job.uri, registry_uri=job.uri)
    for version in versions:
        if job.deadline.left() == 0:  # nobody waits for this thread any more
            return
        dataset = version.manifest.dataset.name
        run = mlflow_run.ensure(client, _experiment(client, dataset, job), version)
        mlflow_run.add_figures(client, run, job.figures.get(version.id, {}))
        if version.in_production:
            _name_champion(client, dataset, run, version)
        job.recorded.append(version.id)


def _artifacts(folder: Path, dataset: str) -> Path:
    return folder / "mlflow" / dataset


def _secrets() -> list[str]:
    names = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    found = [os.environ[name] for name in names if os.environ.get(name)]
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
    return [*found, f"{user}:{password}"] if user and password else found


def _experiment(client: Any, dataset: str, job: _Job) -> str:
    found = client.get_experiment_by_name(dataset)
    if found is not None:
        return str(found.experiment_id)
    local = None if job.uri.startswith("http") else _artifacts(job.folder, dataset).resolve().as_uri()
    return str(client.create_experiment(dataset, artifact_location=local))


def _name_champion(client: Any, dataset: str, run: Any, version: Version) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(dataset)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = mlflow_run.ensure_model(client, run, version)
    known = client.search_model_versions(f"name = '{dataset}' and run_id = '{run.info.run_id}'")
    number = next((found.version for found in known if found.source == source), None)
    if number is None:
        tags = {mlflow_run.TAG: version.id}
        number = client.create_model_version(dataset, source, run.info.run_id, tags=tags).version
    if version.override:
        client.set_model_version_tag(dataset, number, OVERRIDE_TAG, version.override)
    client.set_registered_model_alias(dataset, ALIAS, number)
