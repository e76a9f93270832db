"""Realistic versions for the tests of reports: figures that agree with each other, drawn from a seed.

``make_version`` returns a ``Version`` in memory; ``write_version`` puts one on disk with its ``history.csv``,
``predictions.npz`` and JSON files, for what reads the folder.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_facts import manifest_of, scores_of
from scipy.stats import beta

from pipeline.contracts import Charge, Check, Outcome, PairedResult, Verdict, Version
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.store import manifest, verdicts
from pipeline.store import scores as score_files

FAMILIES = {"xgboost": "xgboost", "xgboost_2018": "xgboost", "logistic": "sklearn", "dummy": "sklearn"}


def _make_version(
    recipe: str = "cnn",
    *,
    id: str | None = None,
    train_size: int = 33_600,
    accuracy: float = 0.97,
    outcome: Outcome = "pass",
    classes: tuple[str, ...] = tuple("0123456789"),
    images: int = 1_000,
    seed: int = 0,
    fit_seconds: float = 9.1,
    champion: str | None = None,
    robustness: bool = True,
    in_production: bool = False,
    override: str | None = None,
    damage: str | None = None,
    dataset: str = "mnist",
    home: Path = Path("home"),
) -> Version:
    id = id or f"20261121-13{seed % 60:02d}02-{recipe}-{train_size}-{seed:04x}"
    labels, probabilities = predictions(classes, images, accuracy, seed)
    return Version(
        id=id,
        folder=home / "versions" / ("" if outcome == "pass" else "failed") / id,
        known_manifest=_manifest(id, recipe, train_size, classes, images, seed, fit_seconds, dataset),
        known_scores=_scores(labels, probabilities, classes, robustness),
        verdict=_verdict(id, outcome, champion, images, dataset, seed),
        in_production=in_production,
        override=override,
        damage=damage,
    )


def predictions(classes: tuple[str, ...], images: int, accuracy: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels ``[N]`` and probabilities ``[N, K]``, right on about ``accuracy`` of the images."""
    rng = np.random.default_rng(seed)
    count = len(classes)
    labels = np.arange(images) % count
    wrong = rng.random(images) >= accuracy
    predicted = np.where(wrong, (labels + rng.integers(1, min(4, count), images)) % count, labels)
    logits = rng.normal(0.0, 1.0, (images, count))
    logits[np.arange(images), predicted] += np.where(wrong, 4.0, 8.0)
    logits[np.arange(images), predicted] = np.maximum(logits[np.arange(images), predicted], logits.max(1) + 0.1)
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return labels, (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32)


def history(steps: int = 12, seed: int = 0, fields: tuple[str, ...] = ()) -> list[dict[str, float]]:
    """A row an epoch: falling losses, rising accuracies, validation turning a little worse at the end."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(1, steps + 1):
        fall = math.exp(-step / 3)
        loss = 0.03 + 1.2 * fall
        validation = 0.06 + 1.0 * fall + 0.002 * max(0, step - 8) + float(rng.normal(0, 0.004))
        row = {"step": step, "loss": loss, "accuracy": 1 - loss / 4}
        row |= {"validation_loss": validation, "validation_accuracy": 1 - validation / 4}
        rows.append({name: row[name] for name in ("step", *fields)} if fields else row)
    return rows


def _interval(right: int, images: int) -> tuple[float, float]:
    low = float(beta.ppf(0.025, right, images - right + 1)) if right else 0.0
    high = float(beta.ppf(0.975, right + 1, images - right)) if right < images else 1.0
    return low, high


def _manifest(id, recipe, train_size, classes, images, seed, fit_seconds, dataset) -> Manifest:
    family = FAMILIES.get(recipe, "keras")
    validation = train_size // 10
    rows = {"train": train_size - validation, "validation": validation, "train_size": train_size, "benchmark": images}
    return manifest_of(
        id=id,
        created_at=f"2026-11-21T13:{seed % 60:02d}:02Z",
        digest=f"{seed:02x}" * 32,
        cell=f"{seed + 7:02x}" * 32,
        recipe=recipe,
        family=family,
        native_format="joblib" if family == "sklearn" else family,
        parameters={"epochs": 5, "batch_size": 128, "learning_rate": 0.01},
        seed=seed,
        weights=67_000 if family == "keras" else None,
        dataset={"name": dataset, "source": "IDX files", "classes": list(classes)},
        rows=rows,
        best_step=9,
        timings={"fit_seconds": fit_seconds, "export_seconds": 1.2},
        libraries={"python": "3.11.7", "tensorflow": "2.21.0"},
        files={"model.onnx": {"sha256": "e" * 64, "bytes": 270_000}},
    )


def _scores(labels, probabilities, classes, robustness) -> Scores:
    images, count = probabilities.shape
    predicted = probabilities.argmax(1)
    confusion = np.zeros((count, count), int)
    np.add.at(confusion, (labels, predicted), 1)
    right = int(np.trace(confusion))
    low, high = _interval(right, images)
    per_class = [_per_class(name, confusion, index) for index, name in enumerate(classes)]
    macro = {name: float(np.mean([row[name] for row in per_class])) for name in ("precision", "recall", "f1")}
    chosen = probabilities[np.arange(images), labels]
    accuracy = right / images
    corruptions = {"shot_noise": 0.01, "gaussian_blur": 0.03, "rotate": 0.02, "translate": 0.06, "inverted": 0.5}
    by_corruption = {name: max(0.0, accuracy - loss) for name, loss in corruptions.items()}
    mean = float(np.mean(list(by_corruption.values())))
    return scores_of(
        images=images,
        errors=images - right,
        accuracy={"value": accuracy, "low": low, "high": high},
        **{name: {"macro": value, "weighted": value} for name, value in macro.items()},
        matthews=macro["f1"],
        log_loss=float(-np.log(np.clip(chosen, 1e-12, 1)).mean()),
        brier=float(((probabilities - np.eye(count)[labels]) ** 2).sum(1).mean()),
        calibration_error=0.008,
        per_class=per_class,
        confusion=confusion.tolist(),
        top_confusions=_top_confusions(confusion, classes),
        calibration=_calibration(labels, probabilities),
        robustness={"mean_accuracy": mean, "by_corruption": by_corruption} if robustness else None,
    )


def _per_class(name: str, confusion: np.ndarray, index: int) -> dict[str, Any]:
    right, truth, said = int(confusion[index, index]), int(confusion[index].sum()), int(confusion[:, index].sum())
    low, high = _interval(right, truth)
    precision, recall = (right / said if said else 0.0), (right / truth if truth else 0.0)
    f1 = 2 * right / (truth + said) if truth + said else 0.0
    intervals = {"recall_low": low, "recall_high": high}
    return {"class": name, "images": truth, "precision": precision, "recall": recall, **intervals, "f1": f1}


def _top_confusions(confusion: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    pairs = [(int(n), i, j) for (i, j), n in np.ndenumerate(confusion) if i != j and n]
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [{"truth": classes[i], "predicted": classes[j], "images": n} for n, i, j in pairs[:10]]


def _calibration(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = []
    for low in np.arange(10) / 10:
        within = (confidence > low) & (confidence <= low + 0.1)
        if within.any():
            means = {"confidence": float(confidence[within].mean()), "accuracy": float(right[within].mean())}
            bins.append({"low": float(low), "high": float(low) + 0.1, "images": int(within.sum()), **means})
    return bins


def _verdict(id, outcome, champion, images, dataset, seed) -> Verdict:
    floor = "Accuracy is 97.0 %, and its lower 95 % bound is above 90 %."
    checks = [Check("accuracy_floor", "accuracy at least 90 %", "pass", 0.97, 0.9, floor)]
    comparison = None
    if champion is not None:
        fixed, made, p_value = (60, 12, 1e-8) if outcome == "pass" else (21, 18, 0.37)
        sentence = f"Fixes {fixed} of the champion's errors and makes {made} new ones: p = {p_value:g}."
        checks.append(Check("proven_better", "proven better than the champion", outcome, p_value, 0.00025, sentence))
        gain = 100 * (fixed - made) / images
        comparison = PairedResult(fixed, made, gain, gain - 1.2, gain + 1.2, p_value)
    return Verdict(
        outcome=outcome,
        candidate_id=id,
        candidate_digest=f"{seed:02x}" * 32,
        champion_id=champion,
        champion_digest="c" * 64 if champion else None,
        dataset=dataset,
        benchmark_sha256="b" * 64,
        benchmark_images=images,
        policy="guarded",
        policy_sha256="9" * 64,
        checks=tuple(checks),
        explanation=("It was judged on images that neither it nor the champion ever saw.",),
        judged_at="2026-11-21T13:50:00Z",
        ledger=Charge(level=0.00025, entry=1, lineage=dataset, alpha=0.05, spent=0.00025, judged=1),
        comparison=comparison,
    )


def _write_version(version: Version, accuracy: float = 0.97) -> Version:
    version.folder.mkdir(parents=True, exist_ok=True)
    classes = version.manifest.dataset.classes
    labels, probabilities = predictions(classes, version.scores.images, accuracy, version.manifest.seed)
    arrays = {
        "labels": labels,
        "probabilities": probabilities,
        "digests": np.arange(2 * len(labels), dtype=np.uint64).view("V16"),
    }
    if version.verdict.champion_id:
        arrays["champion_probabilities"] = predictions(classes, len(labels), accuracy - 0.02, 99)[1]
    np.savez(version.folder / "predictions.npz", **arrays)
    rows = history(seed=version.manifest.seed)
    lines = [",".join(rows[0]), *(",".join(f"{value:g}" for value in row.values()) for row in rows)]
    (version.folder / "history.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (version.folder / "model.onnx").touch()
    (version.folder / "report.html").touch()
    score_files.write(version.folder / "scores.json", version.scores)
    facts = manifest.create(version.folder, version.manifest)
    verdict = replace(version.verdict, candidate_digest=facts.digest)
    verdicts.write(version.folder, verdict)
    return replace(version, known_manifest=manifest.complete(version.folder), verdict=verdict)


@pytest.fixture(scope="session")
def make_version() -> Callable[..., Version]:
    return _make_version


@pytest.fixture(scope="session")
def write_version() -> Callable[..., Version]:
    return _write_version


@pytest.fixture(scope="session")
def make_history() -> Callable[..., list[dict[str, float]]]:
    return history
