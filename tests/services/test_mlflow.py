"""Tracking in a real local store."""

import dataclasses
from pathlib import Path

import pytest
from small_version import publish

from pipeline.services import mlflow as tracking
from pipeline.store import versions
from pipeline.store.home import Home

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all: making its tables takes seconds."""
    return tmp_path_factory.mktemp("tracked")


@pytest.fixture(scope="module")
def client(folder: Path) -> "mlflow.MlflowClient":
    uri = tracking.uri_of("mlflow", folder)
    assert uri == f"sqlite:///{folder}/mlflow.db"
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_versions_are_recorded_once_and_the_champion_has_the_alias(
    home: Home, folder: Path, client: "mlflow.MlflowClient"
) -> None:
    uri = tracking.uri_of("mlflow", folder)
    publish(home, number=1)
    newer = publish(home, number=2, strength=0.1)
    for _ in range(2):
        assert [tracking.track(version, uri, folder) for version in versions.list_versions(home)] == [None, None]

    experiment = client.get_experiment_by_name("digits")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {version.id for version in versions.list_versions(home)}
    run = runs[newer.id]
    assert run.data.metrics["accuracy.value"] == newer.scores.accuracy.value
    assert run.data.params["recipe"] == "logistic"
    assert run.data.params["C"] == "1.0"
    assert run.data.tags["pipeline.verdict"] == "pass"
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"manifest.json", "scores.json", "verdict.json", "model.onnx"} <= artifacts

    champion = client.get_model_version_by_alias("digits", "champion")
    assert champion.run_id == run.info.run_id
    assert len(client.search_model_versions("name = 'digits'")) == 1


FAILURES = {
    "a database that cannot be": "sqlite:////dev/null/mlflow.db",
    "a server that is not there": "http://somebody:a-secret@127.0.0.1:9",
    "a scheme that does not exist": "nonsense://host",
}


@pytest.mark.parametrize("uri", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_a_sentence_and_stops_nothing(home: Home, folder: Path, uri: str) -> None:
    sentence = tracking.track(publish(home), uri, folder)
    assert sentence is not None
    assert "since MLflow failed" in sentence
    assert "a-secret" not in sentence


def test_a_version_that_lacks_something_stops_nothing(home: Home, folder: Path) -> None:
    version = dataclasses.replace(publish(home), known_scores=None, known_manifest=None, damage="All is lost.")
    assert "is not tracked" in str(tracking.track(version, tracking.uri_of("mlflow", folder), folder))


def test_a_uri_may_be_given(tmp_path: Path) -> None:
    assert tracking.uri_of("mlflow:http://127.0.0.1:5000", tmp_path) == "http://127.0.0.1:5000"
