"""Reports of a run: a page for each version, and everything in ``metric_results/`` that can be rebuilt."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.contracts import Candidate, Images, LabelledImages, Split, Verdict
from pipeline.inference.predictor import OnnxPredictor
from pipeline.store import atomic, manifest, production, repeats, submissions, versions
from pipeline.store.home import Home

if TYPE_CHECKING:
    import pandas as pd


def add_report(folder: Path, verdict: Verdict, benchmark_images: Images) -> None:
    """Write ``report.html`` and ``plots/`` into a candidate's folder, before it is published."""
    from pipeline.reports import version_report

    with np.load(folder / "predictions.npz", allow_pickle=False) as arrays:
        predictions = {name: arrays[name] for name in arrays.files if name != "digests"}
    facts = manifest.read(folder)
    inputs = version_report.ReportInputs(
        manifest=facts,
        scores=atomic.read_json(folder / "scores.json"),
        verdict=verdict,
        history=_read_history(folder / "history.csv"),
        probabilities=predictions["probabilities"],
        labels=predictions["labels"],
        champion_probabilities=predictions.get("champion_probabilities"),
        images=benchmark_images,
        best_step=facts["best_step"],
        champion_corrupted=_champion_corrupted(folder, verdict),
    )
    drawn = version_report.plots(inputs)
    for name, picture in drawn.items():
        atomic.write_bytes(folder / "plots" / f"{name}.png", picture)
    atomic.write_text(folder / "report.html", version_report.render(inputs, drawn))


def _champion_corrupted(folder: Path, verdict: Verdict) -> dict[str, float] | None:
    """The champion's accuracy by corruption on the same images; ``None`` where it was never measured on them."""
    if verdict.champion_id is None:
        return None
    # A candidate waits in versions/.staging of the home that holds the champion.
    home = Home(folder.parents[2])
    found = (version for version in versions.list_versions(home) if version.id == verdict.champion_id)
    scores = next((version.scores for version in found), {})
    if scores.get("benchmark_sha256") != verdict.benchmark_sha256:
        return None
    return (scores.get("robustness") or {}).get("by_corruption")


def measure(candidate: Candidate, data: LabelledImages, split: Split, repeat: int) -> dict[str, str | int | float]:
    """The row of ``repeats.csv`` of a candidate that is only measured, on the benchmark rows."""
    from pipeline.judging import metrics
    from pipeline.reports import tables

    labels = data.labels[split.benchmark]
    probabilities = OnnxPredictor(candidate.folder / "model.onnx").predict(data.images[split.benchmark])
    errors = int((probabilities.argmax(axis=1) != labels).sum())
    return {
        "cell": candidate.cell,
        "dataset": candidate.dataset,
        "recipe": candidate.recipe,
        "parameters": tables.parameters_text(candidate.parameters),
        "train_size": candidate.train_size,
        "repeat": repeat,
        "seed": candidate.seed,
        "fit_seconds": candidate.fit_seconds,
        "benchmark_images": len(labels),
        "accuracy": 1 - errors / len(labels),
        "errors": errors,
        "log_loss": metrics.log_loss(probabilities, labels),
        "benchmark_sha256": split.benchmark_sha256,
    }


def results_table(home: Home) -> "pd.DataFrame":
    """One row per judged version: what ``results.csv`` holds."""
    from pipeline.reports import tables

    return tables.results_table(versions.list_versions(home))


def refresh_results(home: Home) -> "pd.DataFrame":
    """Rebuild ``results.csv`` from the version folders."""
    results = results_table(home)
    atomic.write_text(home.metric_results / "results.csv", results.to_csv(index=False, lineterminator="\n"))
    return results


def publish(home: Home) -> Mapping[str, Path]:
    """Rebuild everything in ``metric_results/`` from the versions; returns the files worth opening, by title."""
    import pandas as pd

    from pipeline.reports import excel, index_page, learning_curves

    folder = home.metric_results
    listed = versions.list_versions(home)
    results = refresh_results(home)
    curve = learning_curve(home, results)
    sent = submissions.read(home)
    atomic.write_text(folder / "learning_curve.csv", curve.to_csv(index=False, lineterminator="\n"))
    atomic.write_bytes(folder / "learning_curve.png", learning_curves.learning_curve(curve))
    atomic.write_bytes(folder / "learning_curve_seconds.png", learning_curves.learning_curve_seconds(curve))
    served = production.history(home)
    book = excel.workbook(listed, results, curve, pd.DataFrame(map(asdict, sent)), served)
    atomic.write_bytes(folder / "metric_results.xlsx", book)
    page = index_page.render(listed, index_page.read_curves(folder), served, sent)
    atomic.write_text(folder / "index.html", page)
    return {
        "overview": folder / "index.html",
        "learning curve": folder / "learning_curve.png",
        "seconds": folder / "learning_curve_seconds.png",
        "workbook": folder / "metric_results.xlsx",
        "all figures": folder / "results.csv",
    }


def learning_curve(home: Home, results: "pd.DataFrame") -> "pd.DataFrame":
    """The learning curve of every recipe, over judged versions and measured repeats."""
    import pandas as pd

    from pipeline.reports import tables

    measured = pd.read_csv(repeats.file(home)) if repeats.file(home).exists() else None
    return tables.learning_curve_table(results, measured)


def _read_history(path: Path) -> list[dict[str, float]]:
    rows = csv.DictReader(io.StringIO(path.read_text()))
    return [{key: float(value) for key, value in row.items() if value} for row in rows]
