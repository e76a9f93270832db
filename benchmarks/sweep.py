"""The ten sizes of 2018 on 42,000 images: our recipes against those of 2018, same rows, same run."""

from collections import defaultdict
from statistics import fmean
from typing import Any

from benchmarks import measure
from benchmarks.fit_once import Fit, Result

SIZES = (42, 126, 210, 462, 840, 4_200, 8_400, 16_800, 25_200, 33_600)
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {"effort": "standard"}),
    "cnn quick": ("cnn", {"effort": "quick"}),
    "mlp": ("mlp", {}),
    "xgboost": ("xgboost", {}),
    "xgboost_2018": ("xgboost_2018", {}),
}


def main(seeds: int = 5) -> str:
    """Measure size by size, all contenders in turn, and return the section of ``RESULTS.md``."""
    planned = [
        Fit(recipe, size, seed, dict(overrides), pool="kaggle")
        for seed in range(seeds)
        for size in SIZES
        for name, (recipe, overrides) in CONTENDERS.items()
        if name != "xgboost" or size == SIZES[-1]
    ]
    found: dict[tuple[str, int], list[Result]] = defaultdict(list)
    for fit, result in measure.fits("sweep", planned):
        name = next(n for n, (r, o) in CONTENDERS.items() if (r, o) == (fit.recipe, fit.overrides))
        found[name, fit.train_size].append(result)
    rows = [_row(size, {name: found[name, size] for name in CONTENDERS}) for size in SIZES]
    columns = (
        "images",
        *(f"{name}, %" for name in CONTENDERS),
        "error ratio (at most 0.25)",
        "seconds: cnn, quick, mlp",
    )
    return "## The ten sizes of 2018\n\n" + measure.table(columns, rows)


def _row(size: int, results: dict[str, list[Result]]) -> tuple[str, ...]:
    error = {name: 1 - fmean(result.accuracy for result in found) for name, found in results.items()}
    seconds = {name: fmean(result.fit_seconds for result in found) for name, found in results.items()}
    ratio = error["cnn"] / min(error["mlp"], error["xgboost_2018"])
    accuracies = [measure.mean_and_spread((r.accuracy for r in results[name]), 100) for name in CONTENDERS]
    times = ", ".join(f"{seconds[name]:.1f}" for name in ("cnn", "cnn quick", "mlp"))
    return f"{size:,}", *accuracies, f"{ratio:.2f}", times
