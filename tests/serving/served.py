"""What the tests of serving share: models that need no training, versions in a home, a server in its own process."""

import hashlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.contracts import Deployment
from pipeline.store import atomic, manifest, production
from pipeline.store.home import Home

DIGITS = tuple("0123456789")
Promote = Callable[..., Deployment]


def constant_onnx(shape: tuple[int, int, int], winner: int, classes: int = 10) -> bytes:
    """A model that always gives one class 90 %: two of them are told apart by any image."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    row = np.full((1, classes), 0.1 / (classes - 1), np.float32)
    row[0, winner] = 0.9
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Unsqueeze", ["nothing", "one"], ["column"]),
        helper.make_node("Add", ["column", "row"], ["probabilities"]),
    ]
    constants = {
        "axes": np.array([1, 2, 3]),
        "zero": np.zeros(1, np.float32),
        "one": np.array([1]),
        "row": row,
    }
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [None, *shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def write_version(home: Home, version_id: str, model: bytes, dataset: str, shape: tuple[int, int, int]) -> Path:
    """A published version around a model, with the files that serving and the dashboard read."""
    folder = home.versions / version_id
    atomic.write_bytes(folder / "model.onnx", model)
    check = {"name": "accuracy_floor", "title": "accuracy at least 90 %", "outcome": "pass"}
    check |= {"value": 0.98, "limit": 0.9, "sentence": "Accuracy is 98 %."}
    verdict: dict[str, Any] = {"outcome": "pass", "candidate_id": version_id, "candidate_digest": "c" * 64}
    verdict |= {"champion_id": None, "champion_digest": None, "dataset": dataset, "benchmark_sha256": "b" * 64}
    verdict |= {"benchmark_images": 10_000, "policy": "guarded", "policy_sha256": "p" * 64, "checks": [check]}
    verdict |= {"explanation": [], "judged_at": "2026-11-21T13:46:00Z", "ledger": {}}
    atomic.write_json(folder / "verdict.json", verdict)
    accuracy = {"value": 0.98, "low": 0.977, "high": 0.983}
    average = {"macro": 0.98, "weighted": 0.98}
    scores: dict[str, Any] = {"images": 10_000, "benchmark_sha256": "b" * 64, "errors": 200, "accuracy": accuracy}
    scores |= {"precision": average, "recall": average, "f1": average, "matthews": 0.97, "log_loss": 0.06}
    scores |= {"brier": 0.03, "calibration_error": 0.01, "roc_auc": 0.999, "per_class": [], "confusion": []}
    scores |= {"top_confusions": [], "calibration": [], "robustness": None, "model_bytes": len(model)}
    scores |= {"latency_ms": {"single_p50": 0.07, "single_p95": 0.1, "per_image_in_batch": 0.03}}
    atomic.write_json(folder / "scores.json", scores)
    atomic.write_bytes(folder / "predictions.npz", b"not read here")
    atomic.write_text(folder / "report.html", f"<!doctype html><title>{version_id}</title><h1>Report</h1>")
    facts = _facts(version_id, dataset, shape)
    facts["digest"] = manifest.identity_digest(facts, hashlib.sha256(model).hexdigest())
    atomic.write_json(folder / "manifest.json", facts | {"files": {}})
    manifest.complete(folder)
    return folder


def _facts(version_id: str, dataset: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    digest = {f"{role}_sha256": role[0] * 64 for role in ("train", "validation", "benchmark")}
    return {
        "format": 1,
        "id": version_id,
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
        "dataset": {"name": dataset, "source": "test", "sha256": "d" * 64, "images": 70_000, "classes": list(DIGITS)}
        | {"shape": list(shape)},
        "rows": {"train": 10_800, "validation": 1_200, "train_size": 12_000, "benchmark": 10_000} | digest,
        "validation": {"accuracy": 0.98, "log_loss": 0.06},
        "parity": {"images": 1_000, "labels_changed": 0, "max_difference": 1e-6},
        "timings": {"fit_seconds": 9.1, "export_seconds": 1.2},
        "libraries": {"python": "3.11"},
        "machine": {"cores": 2, "platform": "linux"},
    }


def install_version(
    home: Home, model: bytes, version_id: str, dataset: str = "mnist", shape: tuple[int, int, int] = (28, 28, 1)
) -> Deployment:
    """Write a version, if it is not there, and make it the champion."""
    folder = home.versions / version_id
    if not folder.exists():
        write_version(home, version_id, model, dataset, shape)
    before = production.current(home, dataset)
    facts: dict[str, Any] = {"dataset": dataset, "id": version_id, "digest": manifest.read(folder)["digest"]}
    facts |= {"previous_id": before.id if before else None, "action": "promote", "reason": ""}
    return production.install(home, folder, facts | {"promoted_at": "2026-11-21T13:47:00Z"})


class running:  # noqa: N801 - reads as a verb: with running(home) as address
    """``simulator.py serve`` in a process of its own, on a free port, until the block ends."""

    def __init__(self, home: Home, *options: str) -> None:
        code = (
            "import typer; from pipeline.cli import serve_command as it; app = typer.Typer(); it.register(app); app()"
        )
        self._command = [sys.executable, "-c", code, "--home", str(home.root), "--port", "0", *options]

    def __enter__(self) -> str:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, f"the server did not start: {line}"
        address = next(word for word in line.split() if word.startswith("http://"))
        wait_until(lambda: get_json(f"{address}/healthz") is not None, "the server answers")
        return address

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def get_json(address: str) -> Any:
    """The JSON that an address answers, ``None`` where nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.loads(answer.read())
    except OSError:
        return None


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens soon; fail only when it clearly does not."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")
