"""Tracking in a real local store, and in a real server on loopback."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from request_counter import CountingProxy
from small_version import publish, unseen_images

from pipeline.inference.predictor import OnnxPredictor
from pipeline.services import mlflow as tracking
from pipeline.store import versions
from pipeline.store.home import Home

mlflow = pytest.importorskip("mlflow")
NOTHING: tracking.Figures = {}


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
        [said] = tracking.track(versions.list_versions(home), uri, folder, NOTHING)
        assert said == f"Recorded 2 versions with MLflow at {uri}: `mlflow ui --backend-store-uri {uri}` shows it."

    experiment = client.get_experiment_by_name("digits")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {version.id for version in versions.list_versions(home)}
    run = runs[newer.id]
    assert run.data.metrics["accuracy.value"] == newer.scores.accuracy.value
    assert run.data.params["recipe"] == "logistic"
    assert run.data.params["C"] == "1.0"
    assert run.data.tags["pipeline.verdict"] == "pass"
    [step] = client.get_metric_history(run.info.run_id, "training.loss")
    assert (step.step, step.value) == (1, 0.5)
    inputs = {tag.value: given.dataset for given in run.inputs.dataset_inputs for tag in given.tags}
    assert {context: json.loads(data.profile)["num_rows"] for context, data in inputs.items()} == {
        "training": 630,
        "validation": 70,
        "evaluation": 400,
    }
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"manifest.json", "scores.json", "verdict.json", "model"} <= artifacts

    champion = client.get_model_version_by_alias("digits", "champion")
    assert champion.run_id == run.info.run_id
    assert len(client.search_model_versions("name = 'digits'")) == 1


@pytest.fixture
def at_the_store(folder: Path) -> Iterator[str]:
    uri = tracking.uri_of("mlflow", folder)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    yield uri
    mlflow.set_tracking_uri(before)
    mlflow.set_registry_uri(before)


def test_the_champion_loads_by_its_alias_and_predicts_what_the_version_does(
    home: Home, folder: Path, at_the_store: str
) -> None:
    import mlflow.onnx

    champion = publish(home, number=3, strength=0.5)
    tracking.track(versions.list_versions(home), at_the_store, folder, NOTHING)
    images = unseen_images()[:20]
    expected = OnnxPredictor(champion.folder / "model.onnx").predict(images)

    loaded = mlflow.pyfunc.load_model("models:/digits@champion")
    np.testing.assert_array_equal(loaded.predict(images)["probabilities"], expected)
    [taken] = loaded.metadata.signature.inputs.inputs
    assert (taken.type, taken.shape) == (np.dtype("uint8"), (-1, 8, 8, 1))
    assert loaded.metadata.saved_input_example_info["type"] == "ndarray"

    onnx_file = mlflow.onnx.load_model("models:/digits@champion").SerializeToString()
    np.testing.assert_array_equal(OnnxPredictor(onnx_file).predict(images), expected)


@pytest.mark.slow
def test_recording_loads_no_tensorflow(home: Home, tmp_path: Path) -> None:
    publish(home)
    program = (
        "import sys; from pathlib import Path; from pipeline.services import mlflow;"
        "from pipeline.store import versions;"
        "from pipeline.store.home import Home; home = Home(Path(sys.argv[1]));"
        "print(mlflow.track(versions.list_versions(home), mlflow.uri_of('mlflow', home.root), home.root, {}));"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program, home.root], capture_output=True, text=True, check=True, cwd=root
    )
    assert run.stdout.startswith("('Recorded 1 version")
    assert run.stdout.endswith("\n[]\n")


@pytest.mark.slow
def test_mlflow_serves_the_champion(home: Home, folder: Path, at_the_store: str, tmp_path: Path) -> None:
    champion = publish(home, number=4, strength=0.3)
    tracking.track(versions.list_versions(home), at_the_store, folder, NOTHING)
    images = unseen_images()[:3]
    with serving("models", "serve", "-m", "models:/digits@champion", "--env-manager", "local", uri=at_the_store) as url:
        request = urllib.request.Request(
            f"{url}/invocations",
            json.dumps({"inputs": images.tolist()}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            predictions = json.load(answer)["predictions"]
    expected = OnnxPredictor(champion.folder / "model.onnx").predict(images)
    np.testing.assert_allclose(predictions["probabilities"], expected, rtol=1e-6)


def test_the_public_score_is_added_to_a_run_that_is_recorded_already(
    home: Home, folder: Path, client: "mlflow.MlflowClient"
) -> None:
    uri = tracking.uri_of("mlflow", folder)
    version = publish(home, number=5, strength=0.7)
    for figures in ({}, {"kaggle.public_score": 0.97}, {"kaggle.public_score": 0.97}):
        tracking.track([version], uri, folder, {version.id: figures})
    experiment = client.get_experiment_by_name("digits")
    [run] = client.search_runs([experiment.experiment_id], f"tags.`pipeline.version` = '{version.id}'")
    assert run.data.metrics["kaggle.public_score"] == 0.97
    assert len(client.get_metric_history(run.info.run_id, "kaggle.public_score")) == 1


def test_a_run_that_was_cut_off_is_recorded_anew(
    home: Home, folder: Path, client: "mlflow.MlflowClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = tracking.uri_of("mlflow", folder)
    version = publish(home, number=6, strength=0.8)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.services.mlflow_run.save_model", lambda *_: 1 / 0)
        assert "is not tracked" in tracking.track([version], uri, folder, NOTHING)[0]
    tracking.track([version], uri, folder, NOTHING)
    experiment = client.get_experiment_by_name("digits")
    [run] = client.search_runs([experiment.experiment_id], f"tags.`pipeline.version` = '{version.id}'")
    assert run.info.status == "FINISHED"


@pytest.mark.slow
def test_a_version_takes_few_requests_and_a_slow_server_has_a_time_limit(home: Home, tmp_path: Path) -> None:
    publish(home, number=1)
    newer = publish(home, number=2, strength=0.1)
    with (
        serving("server", "--backend-store-uri", f"sqlite:///{tmp_path}/s.db", cwd=tmp_path) as url,
        CountingProxy(url) as proxy,
    ):
        [said] = tracking.track(versions.list_versions(home), proxy.url, tmp_path, NOTHING)
        assert said == f"Recorded 2 versions with MLflow at {proxy.url}."
        assert proxy.requests <= 2 * 25, proxy.requests
        proxy.requests = 0
        tracking.track([versions.find(home, newer.id)], proxy.url, tmp_path, NOTHING)
        assert proxy.requests <= 10

        proxy.pause_seconds = 5
        [said] = tracking.track([newer], proxy.url, tmp_path, NOTHING, limit_seconds=1)
        assert said == (f"{newer.id} is not tracked, since MLflow failed: it took longer than 1 s. Recorded: 0 of 1.")


FAILURES = {
    "a database that cannot be": "sqlite:////dev/null/mlflow.db",
    "a server that is not there": "http://somebody:a-secret@127.0.0.1:9",
    "a scheme that does not exist": "nonsense://host",
}


@pytest.mark.parametrize("uri", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_a_sentence_and_stops_nothing(home: Home, folder: Path, uri: str) -> None:
    [sentence] = tracking.track([publish(home)], uri, folder, NOTHING)
    assert "since MLflow failed" in sentence
    assert "a-secret" not in sentence


def test_what_mlflow_says_is_plain_text_without_credentials(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a-password")
    words = "[/3] \x1b[2J Basic c29tZWJvZHk6YS1wYXNzd29yZA== a-password\n<html>"

    def fail(*_: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr("pipeline.services.mlflow_run.ensure", fail)
    [sentence] = tracking.track([publish(home)], tracking.uri_of("mlflow", folder), folder, NOTHING)
    assert "[/3] \\x1b[2J Basic *** *** <html>" in sentence


def test_a_version_that_lacks_something_stops_nothing(home: Home, folder: Path) -> None:
    version = dataclasses.replace(publish(home), known_scores=None, known_manifest=None, damage="All is lost.")
    [sentence] = tracking.track([version], tracking.uri_of("mlflow", folder), folder, NOTHING)
    assert "is not tracked" in sentence


def test_a_uri_may_be_given(tmp_path: Path) -> None:
    assert tracking.uri_of("mlflow:http://127.0.0.1:5000", tmp_path) == "http://127.0.0.1:5000"


class serving:  # noqa: N801 (reads as a statement)
    """A command of MLflow that serves on loopback, until the block ends; gives its address."""

    def __init__(self, *words: str, uri: str | None = None, cwd: Path | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        surroundings = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
        if uri:
            surroundings |= {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri}
        command = [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1", "--port", str(port)]
        self._process = subprocess.Popen(
            command, env=surroundings, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> str:
        while True:
            try:
                with urllib.request.urlopen(f"{self._url}/health", timeout=2):
                    return self._url
            except OSError:
                assert self._process.poll() is None, "the server ended"
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        import psutil

        for child in psutil.Process(self._process.pid).children(recursive=True):
            child.kill()
        self._process.kill()
        self._process.wait()
