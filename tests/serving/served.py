"""What the tests of serving share: models that need no training, versions in a home, a server in its own process."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from known_facts import create_manifest, scores_of
from small_models import constant_onnx

from pipeline.contracts import Check, Deployment, Verdict
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.store import atomic, manifest, production, scores, verdicts
from pipeline.store.home import Home

__all__ = ["Promote", "constant_onnx", "get_json", "install_version", "running", "wait_until", "write_version"]
COMMAND = (
    "import typer; from pipeline.cli import serve_command; app = typer.Typer(); serve_command.register(app); app()"
)
Promote = Callable[..., Deployment]


def write_version(
    home: Home,
    version_id: str,
    model: bytes,
    dataset: str,
    shape: tuple[int, int, int],
    origin: str = "",
    predictions: bytes = b"not read here",
) -> Path:
    """A published version around a model, with the files that serving and the dashboard read."""
    folder = home.versions / version_id
    atomic.write_bytes(folder / "model.onnx", model)
    scores.write(folder / "scores.json", scores_of(model_bytes=len(model)))
    atomic.write_bytes(folder / "predictions.npz", predictions)
    atomic.write_text(folder / "report.html", f"<!doctype html><title>{version_id}</title><h1>Report</h1>")
    facts = create_manifest(folder, dataset={"name": dataset, "shape": shape, "origin": origin})
    check = Check("accuracy_floor", "accuracy at least 90 %", "pass", 0.98, 0.9, "Accuracy is 98 %.")
    verdicts.write(
        folder,
        Verdict(
            "pass", version_id, facts.digest, None, None, dataset, "b" * 64, 10_000, "guarded", "p" * 64, (check,),
            judged_at="2026-11-21T13:46:00Z",
        ),
    )  # fmt: skip
    manifest.complete(folder)
    return folder


def install_version(
    home: Home,
    model: bytes,
    version_id: str,
    dataset: str = "mnist",
    shape: tuple[int, int, int] = (28, 28, 1),
    origin: str = "",
    predictions: bytes = b"not read here",
) -> Deployment:
    """Write a version, if it is not there, and make it the champion."""
    folder = home.versions / version_id
    if not folder.exists():
        write_version(home, version_id, model, dataset, shape, origin, predictions)
    before = production.current(home, dataset)
    facts: dict[str, Any] = {"dataset": dataset, "id": version_id, "digest": manifest.read(folder).digest}
    facts |= {"previous_id": before.id if before else None, "action": "promote", "reason": ""}
    return production.install(home, folder, DeploymentRecord(**facts, promoted_at="2026-11-21T13:47:00Z"))


class running:  # noqa: N801 - reads as a verb: with running(home) as address
    """``simulator.py serve`` in a process of its own, on a free port, until the block ends.

    ``before`` is Python that runs in it first, to shorten a time limit; ``rest`` is what it printed after
    its first line.
    """

    def __init__(self, home: Home, *options: str, before: str = "") -> None:
        code = f"{before}\n{COMMAND}"
        self._command = [sys.executable, "-c", code, "--home", str(home.root), "--port", "0", *options]

    def __enter__(self) -> str:
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, f"the server did not start: {line} {self.logged()}"
        address = next(word for word in line.split() if word.startswith("http://"))
        wait_until(lambda: get_json(f"{address}/healthz") is not None, "the server answers")
        return address

    def review_link(self) -> str:
        """Read the link that signs a reviewer in, which it prints on its second line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()[-1]

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.rest = self.process.stdout.read()
        self.process.stdout.close()
        self.log.close()

    def logged(self) -> str:
        """Return what the server wrote to standard error so far."""
        self.log.seek(0)
        return self.log.read()


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
