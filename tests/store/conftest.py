"""A judged candidate made by hand: small, real files, nothing trained."""

from collections.abc import Callable

import numpy as np
import pytest
from known_facts import create_manifest, scores_of
from store_builders import MakeVersion, verdict_on, write_model

from pipeline.contracts import Candidate, Version
from pipeline.store import scores, verdicts, versions
from pipeline.store.home import Home


@pytest.fixture
def make_candidate(home: Home) -> Callable[[str], Candidate]:
    """Stage a candidate of two classes of 2 x 2 images."""

    def make(name: str, dataset: str = "tiny") -> Candidate:
        folder = home.staging / name
        (folder / "native" / "checkpoints").mkdir(parents=True)
        (folder / "native" / "model.joblib").write_bytes(name.encode())
        (folder / "native" / "checkpoints" / "epoch-001.weights.h5").write_bytes(b"weights")
        (folder / "history.csv").write_text("step\n1\n")
        np.savez(folder / "training_images.npz", train=np.zeros(1, "V16"), validation=np.zeros(0, "V16"))
        write_model(folder / "model.onnx", bias=len(name))
        create_manifest(
            folder,
            cell=f"cell of {name}",
            recipe="dummy",
            native_format="joblib",
            native_file="native/model.joblib",
            dataset={"name": dataset, "classes": ["a", "b"], "shape": [2, 2, 1]},
        )
        return versions.candidate_of(folder)

    return make


@pytest.fixture
def make_version(home: Home, make_candidate: Callable[..., Candidate]) -> MakeVersion:
    """Publish a version with an outcome, judged against a champion."""

    def make(name: str, outcome: str = "pass", champion: Version | None = None, dataset: str = "tiny") -> Version:
        candidate = make_candidate(name, dataset)
        verdict = verdict_on(candidate, outcome, champion)
        scores.write(candidate.folder / "scores.json", scores_of(accuracy={"value": 0.5, "low": 0.1, "high": 0.9}))
        np.savez(candidate.folder / "predictions.npz", probabilities=np.ones((1, 2)))
        verdicts.write(candidate.folder, verdict)
        return versions.publish(home, candidate, verdict)

    return make
