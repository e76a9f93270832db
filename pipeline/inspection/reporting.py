"""Reports of a run: a page for each version, and everything in ``metric_results/`` that can be rebuilt."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.contracts import Candidate, Disclosure, LabelledImages, Rows, Split, Verdict, Version
from pipeline.data import snapshots
from pipeline.errors import DataError, StoreError
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.inference import near_copy_record, out_of_fold
from pipeline.inference.occlusion import occlusion
from pipeline.inference.predictor import OnnxPredictor
from pipeline.inspection import test_sets
from pipeline.judging import disclosure
from pipeline.reports import navigation
from pipeline.reports.navigation import Navigation
from pipeline.store import (
    atomic,
    manifest,
    production,
    repeats,
    scores,
    submissions,
    training_history,
    version_arrays,
    versions,
    watch_records,
)
from pipeline.store.home import Home

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.reports.galleries import Explain

RESULTS = "results.csv"


@dataclass(frozen=True, eq=False)
class NearPairs:
    """Benchmark images that nearly equal an image that a model was fitted on, nearest first; row numbers, ``[n]``."""

    benchmark: Rows
    training: Rows


def near_pairs(home: Home, folder: Path, verdict: Verdict, data: LabelledImages, split: Split) -> NearPairs:
    """Return the near copies behind a verdict; none where its gate does not look for them.

    Args:
        home: The home folder.
        folder: The candidate's.
        verdict: What the gate decided.
        data: The dataset.
        split: The rows it was judged on.
    """
    from pipeline.data.near_copies import near_copies

    if not any(check.name == "near_copies" for check in verdict.checks):
        return NearPairs(split.benchmark[:0], split.train[:0])
    path = folder / version_arrays.TRAINING_IMAGES
    seen = version_arrays.parse_training_images(atomic.read_bytes(path), path)
    benchmark, training = near_copy_record.pairs(home, data, split, seen.train)
    found = near_copies(data.at(training), data.at(benchmark))
    nearest = np.argsort(-found.correlation, kind="stable")
    return NearPairs(benchmark[found.benchmark[nearest]], training[found.training[nearest]])


def add_report(home: Home, folder: Path, verdict: Verdict, data: LabelledImages, split: Split) -> NearPairs:
    """Write ``report.html`` and ``plots/`` into a candidate's folder, before it is published.

    Returns:
        The near copies that it shows.

    Raises:
        StoreError: What the watcher wrote is missing or damaged, or the disk fails.
    """
    from pipeline.reports import galleries, version_report

    path = folder / version_arrays.PREDICTIONS
    predictions = version_arrays.parse_predictions(atomic.read_bytes(path), path)
    facts = manifest.read(folder)
    measured, withheld = scores.read(folder), disclosure.withholds(verdict)
    near = near_pairs(home, folder, verdict, data, split)
    inputs = version_report.ReportInputs(
        manifest=facts,
        scores=disclosure.shown_scores(measured) if withheld else measured,
        verdict=disclosure.shown_verdict(verdict),
        history=() if withheld and facts.rows.benchmark_in_folds else training_history.read(folder),
        probabilities=None if withheld else predictions.probabilities,
        labels=predictions.labels,
        champion_probabilities=predictions.champion_probabilities,
        images=None if withheld else data.at(split.benchmark),
        best_step=facts.best_step,
        champion_corrupted=_champion_corrupted(home, verdict),
        near_copies=galleries.near_copies(
            data.at(near.benchmark),
            data.at(near.training),
            (data.labels[near.benchmark], data.labels[near.training]),
            data.classes,
        ),
        near_copies_found=len(near.benchmark),
        explain=None if withheld or facts.rows.benchmark_in_folds else _explainer(folder),
    )
    drawn = version_report.plots(inputs)
    for name, picture in drawn.items():
        atomic.write_bytes(folder / "plots" / f"{name}.png", picture)
    atomic.write_text(folder / "report.html", version_report.render(inputs, drawn, navigation=_way_back(home, verdict)))
    return near


def _explainer(folder: Path) -> "Explain":
    """Tell on which parts of an image an answer of the candidate's served model hangs."""
    return partial(occlusion, OnnxPredictor(folder / manifest.MODEL).predict)


def _way_back(home: Home, verdict: Verdict) -> Navigation:
    """Where the header of a report leads from the folder in which the version is going to be."""
    parent = home.versions if verdict.outcome == "pass" else home.failed
    return navigation.on_disk(parent / verdict.candidate_id / "report.html", home.metric_results, verdict.dataset)


def _champion_corrupted(home: Home, verdict: Verdict) -> dict[str, float] | None:
    """Return the champion's accuracy by corruption on the same images; ``None`` where it was never measured on them."""
    if verdict.champion_id is None:
        return None
    try:
        measured = scores.read_verified(versions.find(home, verdict.champion_id))
    except StoreError:
        return None
    if measured.benchmark_sha256 != verdict.benchmark_sha256 or measured.robustness is None:
        return None
    return measured.robustness.by_corruption


def measure(
    candidate: Candidate, data: LabelledImages, split: Split, repeat: int, disclose: Disclosure = "full"
) -> repeats.Repeat:
    """Return the row of ``repeats.csv`` of a candidate that is only measured, on the benchmark rows.

    Where verdicts alone are disclosed it has no figure: a repeat is the recipe of a challenger that may be refused.
    """
    from pipeline.judging import scalar_figures
    from pipeline.reports import tables

    labels, shown = data.labels[split.benchmark], disclose == "full"
    answers = OnnxPredictor(candidate.folder / "model.onnx").predict(data.at(split.benchmark))
    probabilities = out_of_fold.replaced(answers, data.digests[split.benchmark], candidate.folder)
    errors = int((probabilities.argmax(axis=1) != labels).sum())
    return repeats.Repeat(
        cell=candidate.cell,
        dataset=candidate.dataset,
        recipe=candidate.recipe,
        parameters=tables.parameters_text(candidate.parameters),
        train_size=candidate.train_size,
        repeat=repeat,
        seed=candidate.seed,
        fit_seconds=candidate.fit_seconds,
        benchmark_images=len(labels),
        accuracy=1 - errors / len(labels) if shown else None,
        errors=errors if shown else None,
        log_loss=scalar_figures.log_loss(probabilities, labels) if shown else None,
        benchmark_sha256=split.benchmark_sha256,
    )


def results_table(home: Home) -> "pd.DataFrame":
    """Return one row per judged version: what ``results.csv`` holds."""
    from pipeline.reports import tables

    return tables.results_table(versions.list_versions(home))


def refresh_results(home: Home, listed: Iterable[Version]) -> "pd.DataFrame":
    """Rebuild ``results.csv`` from the versions; returns its table."""
    from pipeline.reports import tables

    results = tables.results_table(listed)
    atomic.write_text(home.metric_results / RESULTS, results.to_csv(index=False, lineterminator="\n"))
    return results


def add_result(home: Home, version: Version) -> None:
    """Append one version to ``results.csv``, at a cost that does not grow with the number of versions."""
    from pipeline.reports import tables

    row = tables.results_table([version]).to_csv(index=False, header=False, lineterminator="\n")
    atomic.append_line(home.metric_results / RESULTS, row.removesuffix("\n"))


def publish(home: Home) -> Mapping[str, Path]:
    """Rebuild everything in ``metric_results/`` from the versions; returns the files worth opening, by title."""
    from pipeline.reports import excel, learning_curves, submission_comparison

    folder = home.metric_results
    listed = versions.list_versions(home)
    results = refresh_results(home, listed)
    curve = learning_curve(home, results)
    sent, served = submissions.read(home), production.records(home)
    growth = dataset_growth(home, results, served)
    evaluated = test_sets.write(home)
    atomic.write_text(folder / "learning_curve.csv", curve.to_csv(index=False, lineterminator="\n"))
    if len(growth):
        atomic.write_text(folder / "dataset_growth.csv", growth.to_csv(index=False, lineterminator="\n"))
    atomic.write_bytes(folder / "learning_curve.png", learning_curves.learning_curve(curve, growth))
    atomic.write_bytes(folder / "learning_curve_seconds.png", learning_curves.learning_curve_seconds(curve))
    book = excel.workbook(
        listed, results, curve, submission_comparison.table(sent), served, growth=growth, evaluated=evaluated
    )
    atomic.write_bytes(folder / "metric_results.xlsx", book)
    _write_overview(home, listed)
    return {
        "overview": folder / "index.html",
        "learning curve": folder / "learning_curve.png",
        "seconds": folder / "learning_curve_seconds.png",
        "workbook": folder / "metric_results.xlsx",
        "all figures": folder / RESULTS,
    }


def write_overview(home: Home) -> None:
    """Write ``index.html`` alone: the page to which all others lead back."""
    _write_overview(home, versions.list_versions(home))


def _write_overview(home: Home, listed: Sequence[Version]) -> None:
    from pipeline.reports import index_page, watching

    page = home.metric_results / "index.html"
    content = index_page.render(
        listed,
        index_page.read_pictures(home.metric_results),
        production.records(home),
        submissions.read(home),
        watched=[watching.view(one) for one in watch_records.watched(home)],
        navigation=navigation.on_disk(page, home.metric_results, current=navigation.OVERVIEW),
        batches=navigation.batches(home.metric_results),
        explorations=navigation.explorations(home.metric_results),
    )
    atomic.write_text(page, content)


def learning_curve(home: Home, results: "pd.DataFrame") -> "pd.DataFrame":
    """Return the learning curve of every recipe, over judged versions and measured repeats."""
    import pandas as pd

    from pipeline.reports import tables

    measured = pd.DataFrame([repeat.model_dump() for repeat in repeats.read(home)])
    return tables.learning_curve_table(results, measured)


def dataset_growth(home: Home, results: "pd.DataFrame", served: Sequence[DeploymentRecord]) -> "pd.DataFrame":
    """Return a row for each snapshot of the datasets that versions were trained on; one that is damaged is left out."""
    from pipeline.reports import dataset_growth

    grown = sorted({snapshot.partition("@")[0] for snapshot in results["snapshot"] if snapshot})
    found = []
    for name in grown:
        for number in snapshots.numbers(home.datasets / name):
            with contextlib.suppress(DataError):
                one = snapshots.read(home.datasets / name, number)
                found.append((name, one.id, one.created_at, one.images))
    return dataset_growth.table(found, results, served)
