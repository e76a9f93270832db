"""What a version's report says in words and figures, from its manifest, scores and verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.contracts import Verdict
from pipeline.reports.formats import DASH, as_number, count, decimal, interval, percent, seconds, size

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One figure: its name, its value as text, and a few words on it."""

    name: str
    value: str
    meaning: str


def headline(verdict: Verdict) -> str:
    """The verdict as one sentence."""
    total, bad = len(verdict.checks), [check for check in verdict.checks if check.outcome != "pass"]
    if not total:
        return "Undecided: no rule was applied."
    if verdict.outcome == "pass":
        return "Passed its one check." if total == 1 else f"Passed all {total} checks."
    titles = "; ".join(check.title for check in bad) or "see below"
    word = "Failed" if verdict.outcome == "fail" else "Undecided"
    return f"{word}: {len(bad)} of {total} checks did not pass ({titles})."


def opponent(verdict: Verdict) -> str:
    """Whom it was compared with, and on what."""
    images = f"{count(verdict.benchmark_images)} benchmark images of {verdict.dataset}"
    if verdict.champion_id is None:
        return f"There was no champion to compare with: judged alone on {images}."
    return f"Compared with champion {verdict.champion_id} on the same {images}."


def tiles(manifest: Facts, scores: Facts) -> list[Figure]:
    """The four figures that everybody looks at first."""
    rows = manifest["rows"]
    return [
        Figure("Accuracy", percent(_value(scores, "accuracy")), f"95 %: {interval(scores.get('accuracy'))}"),
        Figure("Errors", count(scores.get("errors")), f"of {count(scores.get('images'))} benchmark images"),
        Figure("Time to fit", seconds(manifest["timings"].get("fit_seconds")), _weights(manifest)),
        Figure("Fitted on", count(rows.get("train")), f"images, and {count(rows.get('validation'))} to validate"),
    ]


def figures(scores: Facts) -> list[Figure]:
    """Every overall figure with what it says."""
    return [
        Figure(
            "Accuracy",
            f"{percent(_value(scores, 'accuracy'))} ({interval(scores.get('accuracy'))})",
            "How many images it gets right.",
        ),
        Figure(
            "Precision", _averages(scores, "precision"), "Of what it calls a class, how much is so. Mean of classes."
        ),
        Figure("Recall", _averages(scores, "recall"), "Of a class, how much it finds. Mean of classes."),
        Figure("F1", _averages(scores, "f1"), "Precision and recall in one. Mean of classes."),
        Figure("Matthews correlation", decimal(scores.get("matthews")), "1 is perfect, 0 is no better than chance."),
        Figure("Area under the ROC curve", decimal(scores.get("roc_auc")), "How well its scores rank, class by class."),
        Figure("Log loss", decimal(scores.get("log_loss")), "Punishes confident mistakes; 0 is perfect."),
        Figure("Brier score", decimal(scores.get("brier")), "Squared distance to the truth; 0 is perfect."),
        Figure(
            "Calibration error", percent(scores.get("calibration_error")), "How far its confidence is from the truth."
        ),
        *_serving(scores),
    ]


def per_class(scores: Facts) -> tuple[float, list[dict[str, Any]]]:
    """The rows of the table of classes, and the recall at which its bars start.

    A bar is placed in per cent of the rail: ``start`` and ``width`` of the interval, ``mark`` of the value.
    """
    rows = list(scores.get("per_class") or ())
    lowest = min((_or(row.get("recall_low"), 0.0) for row in rows), default=0.0)
    rail_start = min(int(lowest * 20) / 20, 0.95)

    def place(recall: float) -> float:
        return 100 * (recall - rail_start) / (1 - rail_start)

    placed = []
    for row in rows:
        low, high = place(_or(row.get("recall_low"), rail_start)), place(_or(row.get("recall_high"), 1.0))
        mark = min(max(place(_or(row.get("recall"), rail_start)) - 0.8, 0.0), 98.4)
        placed.append({**row, "start": f"{low:.1f}", "width": f"{high - low:.1f}", "mark": f"{mark:.1f}"})
    return rail_start, placed


def training_sentence(manifest: Facts) -> str:
    """How it was trained, in a sentence or two."""
    rows, parity, dataset = manifest["rows"], manifest.get("parity") or {}, manifest["dataset"]
    return (
        f"Recipe “{manifest['recipe']}” ({manifest['family']}) with seed {manifest['seed']}, on {dataset['name']} "
        f"({dataset['source']}): fitted on {count(rows.get('train'))} images, {count(rows.get('validation'))} to "
        f"validate, judged on {count(rows.get('benchmark'))} others. The file that serves, model.onnx, was compared "
        f"with the model it comes from on {count(parity.get('images'))} images: "
        f"{count(parity.get('labels_changed'))} predictions differ, and probabilities by at most "
        f"{decimal(parity.get('max_difference'))}."
    )


def training_tables(manifest: Facts) -> dict[str, list[tuple[str, str]]]:
    """Parameters, data, times, software and digests as rows of name and value."""
    rows, dataset = manifest["rows"], manifest["dataset"]
    digests = {"version": manifest.get("digest"), "what was asked for": manifest.get("cell")}
    digests |= {"dataset": dataset.get("sha256")}
    digests |= {f"{name} images": rows.get(f"{name}_sha256") for name in ("train", "validation", "benchmark")}
    files = manifest.get("files") or {}
    digests |= {name: entry.get("sha256") for name, entry in files.items()}
    return {
        "parameters": [("seed", str(manifest["seed"])), *_rows(_chosen(manifest["parameters"]))],
        "rows": [
            ("dataset", f"{dataset['name']}, {count(dataset.get('images'))} images"),
            ("one image", " × ".join(str(side) for side in dataset["shape"])),
            ("classes", ", ".join(dataset["classes"])),
            ("handed to the trainer", count(rows.get("train_size"))),
            ("fitted", count(rows.get("train"))),
            ("validation", count(rows.get("validation"))),
            ("benchmark", count(rows.get("benchmark"))),
            *((f"{_spaced(name)} on validation", decimal(value)) for name, value in manifest["validation"].items()),
        ],
        "timings": [
            (_spaced(name.removesuffix("_seconds")), seconds(value)) for name, value in manifest["timings"].items()
        ],
        "libraries": _rows({**manifest.get("libraries", {}), **manifest.get("machine", {})}),
        "digests": [(name, digest) for name, digest in digests.items() if digest],
    }


def _serving(scores: Facts) -> Iterable[Figure]:
    latency = scores.get("latency_ms") or {}
    single = as_number(latency.get("single_p50"))
    if single is not None:
        slow = as_number(latency.get("single_p95"))
        tail = f"; 95 % within {seconds(slow / 1000)}" if slow is not None else ""
        yield Figure("Time for one image", seconds(single / 1000), f"As it is served, median of many{tail}.")
    if as_number(scores.get("model_bytes")) is not None:
        yield Figure("Size of the model", size(scores["model_bytes"]), "model.onnx, preprocessing included.")
    robustness = scores.get("robustness") or {}
    if as_number(robustness.get("mean_accuracy")) is not None:
        yield Figure("Accuracy when disturbed", percent(robustness["mean_accuracy"]), "Mean over corrupted copies.")


def _weights(manifest: Facts) -> str:
    weights = as_number(manifest.get("weights"))
    return f"{count(weights)} weights" if weights is not None else str(manifest["family"])


def _value(scores: Facts, name: str) -> Any:
    return (scores.get(name) or {}).get("value")


def _averages(scores: Facts, name: str) -> str:
    return percent((scores.get(name) or {}).get("macro"))


def _or(value: Any, default: float) -> float:
    number = as_number(value)
    return default if number is None else number


def _chosen(parameters: Facts) -> Facts:
    """Parameters as asked for; 0 epochs or images a batch mean that effort, data and device decide."""
    automatic = {name for name in ("epochs", "batch_size") if parameters.get(name) == 0}
    return {name: "automatic" if name in automatic else value for name, value in parameters.items()}


def _rows(mapping: Facts) -> list[tuple[str, str]]:
    return [(str(name), DASH if value is None else str(value)) for name, value in mapping.items()]


def _spaced(name: str) -> str:
    return name.replace("_", " ")
