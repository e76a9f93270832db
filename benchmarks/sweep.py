"""The ten sizes of 2018 on 42,000 images: our recipes against those of 2018, same rows, same run."""

from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from benchmarks import measure
from benchmarks.fit_once import Fit, Result
from pipeline.reports import learning_curves, tables

SIZES = (42, 126, 210, 462, 840, 4_200, 8_400, 16_800, 25_200, 33_600)
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {"effort": "standard"}),
    "cnn quick": ("cnn", {"effort": "quick"}),
    "mlp": ("mlp", {}),
    "xgboost": ("xgboost", {}),
    "xgboost_2018": ("xgboost_2018", {}),
}
SMALLEST = {"cnn quick": 4_200}
"""What has a target from that size on only."""
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "learning_curve.png"
Found = dict[tuple[str, int], list[Result]]


def main(*, seeds: int, known_only: bool) -> str:
    """Measure size by size, all contenders in turn, draw the curve, and return the section of ``RESULTS.md``."""
    planned = [
        Fit(recipe, size, seed, dict(overrides), pool="kaggle", one_core=not _timed(name, size))
        for seed in range(seeds)
        for size in SIZES
        for name, (recipe, overrides) in CONTENDERS.items()
        if size >= SMALLEST.get(name, 0)
    ]
    found: Found = defaultdict(list)
    for fit, result in measure.fits("sweep", planned, known_only=known_only):
        name = next(n for n, (r, o) in CONTENDERS.items() if (r, o) == (fit.recipe, fit.overrides))
        found[name, fit.train_size].append(result)
    PICTURE.write_bytes(learning_curves.learning_curve(_curve(found)))
    columns = ("images", *(f"`{name}`" for name in CONTENDERS), "error ratio")
    seconds = ("images", "`cnn`", "`cnn` quick", "`mlp`", "`cnn` / `mlp`", "`cnn` quick / `mlp`")
    return "\n\n".join(
        [
            "## The ten sizes of 2018",
            measure.table(("what", "target", "worst measured", "reached"), _targets(found)),
            "Accuracy, %; the ratio is of the mean errors of `cnn` and of the better of `mlp` and `xgboost_2018`:",
            measure.table(columns, [_accuracies(found, size) for size in SIZES]),
            "![Error against training images](../docs/images/learning_curve.png)",
            "Fit seconds; the ratios are of the fits of one seed:",
            measure.table(seconds, [_seconds(found, size) for size in SIZES if size >= SMALLEST["cnn quick"]]),
        ]
    )


def _timed(name: str, size: int) -> bool:
    return size == SIZES[-1] or (size >= SMALLEST["cnn quick"] and not name.startswith("xgboost"))


def _curve(found: Found) -> pd.DataFrame:
    runs = [
        {
            "dataset": "mnist",
            "benchmark_sha256": "",
            "benchmark_images": result.images,
            "recipe": CONTENDERS[name][0],
            "parameters": tables.parameters_text(CONTENDERS[name][1]),
            "train_size": size,
            "seed": seed,
            "accuracy": result.accuracy,
            "fit_seconds": result.fit_seconds,
        }
        for (name, size), results in found.items()
        if name != "cnn quick"
        for seed, result in enumerate(results)
    ]
    return tables.learning_curve_table(pd.DataFrame(runs))


def _targets(found: Found) -> list[tuple[str, ...]]:
    few, trees = (
        [100 * result.accuracy for result in found[key]] for key in (("cnn", SIZES[0]), ("xgboost", SIZES[-1]))
    )
    slower = _ratios(found["xgboost", SIZES[-1]], found["xgboost_2018", SIZES[-1]])
    return [
        _worst_error(found),
        _mean("accuracy of `cnn` with 42 images, %", "at least 88", few, fmean(few) >= 88),
        _worst_time(found, "cnn"),
        _worst_time(found, "cnn quick"),
        _mean("accuracy of `xgboost` with 33,600 images, %", "at least 98.2", trees, fmean(trees) >= 98.2),
        _mean("its fit seconds / `xgboost_2018`", "at most 4", slower, fmean(slower) <= 4),
    ]


def _mean(what: str, target: str, values: list[float], reached: bool) -> tuple[str, ...]:
    return what, target, measure.mean_and_spread(values), measure.yes(reached)


def _worst_error(found: Found) -> tuple[str, ...]:
    worst, size = max((_error_ratio(found, size), size) for size in SIZES)
    what = "error of `cnn` / the better of `mlp` and `xgboost_2018`"
    return what, "at most 0.25", f"{worst:.3f} with {size:,} images", measure.yes(worst <= 0.25)


def _worst_time(found: Found, name: str) -> tuple[str, ...]:
    sizes = [size for size in SIZES if size >= SMALLEST["cnn quick"]]
    worst, size = max((fmean(_ratios(found[name, size], found["mlp", size])), size) for size in sizes)
    better = all(_error(found, name, size) < _error(found, "mlp", size) for size in sizes)
    what = f"fit seconds of `{name}` / `mlp`, from 4,200 images, more accurate too"
    return what, "at most 1", f"{worst:.2f} with {size:,} images", measure.yes(worst <= 1 and better)


def _accuracies(found: Found, size: int) -> tuple[str, ...]:
    return f"{size:,}", *(_accuracy(found[name, size]) for name in CONTENDERS), f"{_error_ratio(found, size):.3f}"


def _accuracy(results: list[Result]) -> str:
    return measure.mean_and_spread((result.accuracy for result in results), 100) if results else ""


def _seconds(found: Found, size: int) -> tuple[str, ...]:
    names = ("cnn", "cnn quick", "mlp")
    times = [f"{fmean(result.fit_seconds for result in found[name, size]):.1f}" for name in names]
    ratios = [_ratios(found[name, size], found["mlp", size]) for name in names[:2]]
    return f"{size:,}", *times, *(measure.mean_and_spread(ratio) for ratio in ratios)


def _ratios(ours: list[Result], theirs: list[Result]) -> list[float]:
    return [a.fit_seconds / b.fit_seconds for a, b in zip(ours, theirs, strict=True)]


def _error(found: Found, name: str, size: int) -> float:
    return 1 - fmean(result.accuracy for result in found[name, size])


def _error_ratio(found: Found, size: int) -> float:
    return _error(found, "cnn", size) / min(_error(found, "mlp", size), _error(found, "xgboost_2018", size))
