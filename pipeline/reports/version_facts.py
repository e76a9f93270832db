"""What a version's report says in words and figures, from its manifest, scores and verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.contracts import Verdict
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Latency, Scores
from pipeline.judging import disclosure, standings
from pipeline.judging.scalar_figures import FIGURES, Form
from pipeline.judging.words import not_passed
from pipeline.reports.formats import DASH, count, decimal, interval, percent, seconds, size

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One figure: its name, its value as text, and a few words on it."""

    name: str
    value: str
    meaning: str


def headline(verdict: Verdict) -> str:
    """Return the verdict as one sentence."""
    total, bad = len(verdict.checks), [check for check in verdict.checks if check.outcome != "pass"]
    if not total:
        return "Undecided: no rule was applied."
    if verdict.outcome == "pass":
        return "Passed its one check." if total == 1 else f"Passed all {total} checks."
    standing = standings.of_verdict(verdict)
    if standing == "unproven":
        return f"Not promoted: not shown to be good enough to replace the champion ({'; '.join(map(not_passed, bad))})."
    titles = "; ".join(check.title for check in bad) or "see below"
    word = "Failed" if standing == "fail" else "Undecided"
    return f"{word}: {len(bad)} of {total} checks did not pass ({titles})."


def opponent(verdict: Verdict) -> str:
    """Return what it was compared with, and on which images."""
    kind = "images" if verdict.out_of_fold else "benchmark images"
    images = f"{count(verdict.benchmark_images)} {kind} of {verdict.dataset}"
    if verdict.out_of_fold:
        images += ", each answered by the member that was not trained on it"
    if verdict.champion_id is None:
        return f"There was no champion to compare with: judged alone on {images}."
    withheld = any(check.name == disclosure.WITHHELD for check in verdict.checks)
    if verdict.comparison is None and verdict.ledger is None and not withheld:
        return f"A rule failed before it was compared with champion {verdict.champion_id} on the {images}."
    return f"Compared with champion {verdict.champion_id} on the same {images}."


def tiles(manifest: Manifest, scores: Scores) -> list[Figure]:
    """Return the four figures that everybody looks at first."""
    rows, accuracy = manifest.rows, scores.accuracy
    return [
        Figure("Accuracy", percent(accuracy.value), f"95 %: {interval(accuracy.low, accuracy.high)}"),
        Figure("Errors", count(scores.errors), f"of {count(scores.images)} benchmark images"),
        Figure("Time to fit", seconds(manifest.timings.fit_seconds), _weights(manifest)),
        Figure("Fitted on", count(rows.train), f"images, and {count(rows.validation)} to validate"),
    ]


def figures(scores: Scores) -> list[Figure]:
    """Return every overall figure with its meaning."""
    return [
        Figure(
            "Accuracy",
            f"{percent(scores.accuracy.value)} ({interval(scores.accuracy.low, scores.accuracy.high)})",
            "Share of images it gets right.",
        ),
        Figure(
            "Precision",
            percent(scores.precision.macro),
            "Share of the images predicted as a class that belong to it. Mean over classes.",
        ),
        Figure("Recall", percent(scores.recall.macro), "Share of a class's images that it finds. Mean over classes."),
        Figure("F1", percent(scores.f1.macro), "Harmonic mean of precision and recall. Mean over classes."),
        *(Figure(one.title, _written(scores.figure(name), one.form), one.meaning) for name, one in FIGURES.items()),
        *_serving(scores),
    ]


def _written(value: float | None, form: Form) -> str:
    return percent(value) if form == "percent" else decimal(value)


def per_class(scores: Scores) -> tuple[float, list[dict[str, Any]]]:
    """Return the rows of the table of classes, and the recall at which its bars start.

    A bar is placed in per cent of the rail: ``start`` and ``width`` of the interval, ``mark`` of the value.
    """
    rows = scores.per_class
    lowest = min((_or(row.recall_low, 0.0) for row in rows), default=0.0)
    rail_start = min(int(lowest * 20) / 20, 0.95)

    def place(recall: float) -> float:
        return 100 * (recall - rail_start) / (1 - rail_start)

    placed = []
    for row in rows:
        low, high = place(_or(row.recall_low, rail_start)), place(_or(row.recall_high, 1.0))
        mark = min(max(place(_or(row.recall, rail_start)) - 0.8, 0.0), 98.4)
        placed.append({**dict(row), "start": f"{low:.1f}", "width": f"{high - low:.1f}", "mark": f"{mark:.1f}"})
    return rail_start, placed


def training_sentence(manifest: Manifest) -> str:
    """Return how it was trained, in a sentence or two."""
    rows, parity, dataset = manifest.rows, manifest.parity, manifest.dataset
    judged = f"judged on {count(rows.benchmark)} others"
    if rows.benchmark_in_folds:
        benchmark = f"the {count(rows.benchmark)} benchmark images"
        judged = f"in {manifest.folds} folds with {benchmark} among them, and judged out of fold"
    return (
        f"Recipe “{manifest.recipe}” ({manifest.family}) with seed {manifest.seed}, on {dataset.name} "
        f"({dataset.source}): fitted on {count(rows.train)} images, {count(rows.validation)} to "
        f"validate, {judged}. The served file, model.onnx, was compared "
        f"with the model it comes from on {count(parity.images)} images: "
        f"{count(parity.labels_changed)} predictions differ, and probabilities by at most "
        f"{decimal(parity.max_difference)}."
    )


def training_tables(manifest: Manifest) -> dict[str, list[tuple[str, str]]]:
    """Return parameters, data, times, software and digests as rows of name and value."""
    rows, dataset = manifest.rows, manifest.dataset
    digests = {"version": manifest.digest, "requested training": manifest.cell, "dataset": dataset.sha256}
    digests |= {"train images": rows.train_sha256, "validation images": rows.validation_sha256}
    digests |= {"benchmark images": rows.benchmark_sha256}
    digests |= {name: file.sha256 for name, file in manifest.files.items()}
    return {
        "parameters": [("seed", str(manifest.seed)), *_rows(manifest.parameters_used)],
        "rows": [
            ("dataset", f"{dataset.name}, {count(dataset.images)} images"),
            ("one image", " × ".join(str(side) for side in dataset.shape)),
            ("classes", ", ".join(dataset.classes)),
            ("handed to the trainer", count(rows.train_size)),
            ("fitted", count(rows.train)),
            ("validation", count(rows.validation)),
            ("benchmark", count(rows.benchmark)),
            *((f"{_spaced(name)} on validation", decimal(value)) for name, value in manifest.validation),
        ],
        "timings": [(_spaced(name.removesuffix("_seconds")), seconds(value)) for name, value in manifest.timings],
        "libraries": _rows({**manifest.libraries, **dict(manifest.machine)}),
        "digests": [(name, digest) for name, digest in digests.items() if digest],
    }


def _serving(scores: Scores) -> Iterable[Figure]:
    latency = scores.latency_ms or Latency()
    single, slow = latency.single_p50, latency.single_p95
    if single is not None:
        tail = f"; 95 % within {seconds(slow / 1000)}" if slow is not None else ""
        yield Figure("Time for one image", seconds(single / 1000), f"As it is served, median of many{tail}.")
    if scores.model_bytes is not None:
        yield Figure("Size of the model", size(scores.model_bytes), "model.onnx, preprocessing included.")
    if scores.robustness and scores.robustness.mean_accuracy is not None:
        yield Figure(
            "Accuracy on corrupted images", percent(scores.robustness.mean_accuracy), "Mean over all corruptions."
        )


def _weights(manifest: Manifest) -> str:
    return f"{count(manifest.weights)} weights" if manifest.weights is not None else manifest.family


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _rows(mapping: Parameters) -> list[tuple[str, str]]:
    return [(str(name), DASH if value is None else str(value)) for name, value in mapping.items()]


def _spaced(name: str) -> str:
    return name.replace("_", " ")
