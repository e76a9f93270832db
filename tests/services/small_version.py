"""A real, tiny champion: logistic regression on scikit-learn's digits, as a published version in production."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from known_facts import create_manifest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from pipeline.contracts import Candidate, Check, Verdict, Version
from pipeline.data.digests import image_digests
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.facts.score_facts import Latency, Scores
from pipeline.inference.predictor import OnnxPredictor
from pipeline.judging import metrics
from pipeline.store import production, verdicts, versions
from pipeline.store import scores as score_files
from pipeline.store.home import Home

CLASSES = tuple("0123456789")
SLUG = "digit-recognizer"
TRAIN, BENCHMARK = 700, 400
"""Rows fitted, and rows judged on; the remaining 697 serve as a test set."""


MANIFEST: dict[str, Any] = {
    "recipe": "logistic", "family": "sklearn", "native_format": "joblib", "native_file": "native/model.joblib",
    "parameters": {"C": 1.0}, "weights": 650,
    "dataset": {"name": "digits", "source": "scikit-learn's digits", "images": 1797, "classes": list(CLASSES),
                "shape": [8, 8, 1]},
    "rows": {"train": 630, "validation": 70, "train_size": TRAIN, "benchmark": BENCHMARK},
}  # fmt: skip


@functools.cache
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """scikit-learn's digits, uint8 ``[1797, 8, 8, 1]``, in a fixed random order."""
    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    images = (bundle.images[order] * 255 / 16).astype(np.uint8)[..., None]
    return images, bundle.target[order].astype(np.int64)


def unseen_images() -> NDArray[np.uint8]:
    return digits()[0][TRAIN + BENCHMARK :]


def unseen_labels() -> NDArray[np.int64]:
    return digits()[1][TRAIN + BENCHMARK :]


def csv_of(images: NDArray[np.uint8], labels: NDArray[np.int64] | None = None) -> bytes:
    """Images in Kaggle's form, with labels as train.csv or without as test.csv."""
    flat = images.reshape(len(images), -1)
    header = [f"pixel{n}" for n in range(flat.shape[1])]
    table = flat if labels is None else np.column_stack([labels, flat])
    lines = [",".join(header if labels is None else ["label", *header]), *(",".join(map(str, row)) for row in table)]
    return ("\n".join(lines) + "\n").encode()


@functools.cache
def _classifier(strength: float) -> LogisticRegression:
    images, labels = digits()
    flat = images[:TRAIN].reshape(TRAIN, -1) / 255.0
    return LogisticRegression(C=strength, max_iter=500).fit(flat, labels[:TRAIN])


def write_model(path: Path, strength: float) -> None:
    """uint8 images in, probabilities out, as every ``model.onnx`` of the pipeline."""
    fitted = _classifier(strength)
    weights = (fitted.coef_.T / 255.0).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "logistic",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 8, 8, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel().tolist()),
            helper.make_tensor("bias", TensorProto.FLOAT, [10], fitted.intercept_.astype(float).tolist()),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def publish(
    home: Home, number: int = 1, strength: float = 1.0, *, serve: bool = True, passes: bool = True, size: int = TRAIN
) -> Version:
    """A judged version with every file that submitting and publishing read, in production unless ``serve`` is false."""
    version_id = f"20261121-13{number:02d}02-logistic-{TRAIN}-{number:04x}"
    folder = home.staging / version_id
    (folder / "native").mkdir(parents=True)
    write_model(folder / "model.onnx", strength)
    (folder / "native" / "model.joblib").write_bytes(b"a native model, which nothing here loads")
    scores = _write_measurements(folder)
    create_manifest(folder, **{**MANIFEST, "rows": {**MANIFEST["rows"], "train_size": size}})
    candidate = versions.candidate_of(folder)
    verdict = _verdict(candidate, scores.accuracy.value, passes=passes)
    score_files.write(folder / "scores.json", scores)
    verdicts.write(folder, verdict)
    (folder / "history.csv").write_text("step,loss\n1,0.5\n")
    version = versions.publish(home, candidate, verdict)
    if serve:
        facts = {"dataset": "digits", "id": version.id, "digest": version.manifest.digest, "previous_id": None}
        facts |= {"action": "promote", "reason": "", "promoted_at": "2026-11-21T13:50:00Z"}
        production.install(home, version.folder, DeploymentRecord(**facts))
    return version


def _write_measurements(folder: Path) -> Scores:
    images, labels = (part[TRAIN : TRAIN + BENCHMARK] for part in digits())
    probabilities = OnnxPredictor(folder / "model.onnx").predict(images)
    np.savez(folder / "predictions.npz", probabilities=probabilities, labels=labels, digests=image_digests(images))
    seen = image_digests(digits()[0][:TRAIN])
    np.savez(folder / "training_images.npz", train=seen[:630], validation=seen[630:])
    latency = Latency(single_p50=0.05, single_p95=0.1, per_image_in_batch=0.01)
    figures = dict(metrics.score(probabilities, labels, CLASSES))
    return Scores(**figures, benchmark_sha256="b" * 64, robustness=None, latency_ms=latency, model_bytes=4000)


def _verdict(candidate: Candidate, accuracy: float, *, passes: bool) -> Verdict:
    outcome = "pass" if passes else "fail"
    check = Check(
        "accuracy_floor", "accuracy at least 90 %", outcome, accuracy - 0.02, 0.9, "The lower bound is above 90 %."
    )
    return Verdict(
        outcome, candidate.id, candidate.digest, None, None, "digits", "b" * 64, BENCHMARK, "guarded", "f" * 64,
        (check,), ("It is the first champion.",), "2026-11-21T13:46:00Z",
    )  # fmt: skip
