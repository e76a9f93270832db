"""The targets on full MNIST: our CNN at each effort against the third of the iterative CNNs, in one run."""

from statistics import fmean
from typing import Any

from benchmarks import measure
from benchmarks.fit_once import Fit, Result

ALL = 60_000
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "quick": ("cnn", {"effort": "quick"}),
    "peer": ("cnn_batchnorm", {}),
    "standard": ("cnn", {"effort": "standard"}),
    "max": ("cnn", {"effort": "max"}),
    "ensemble": ("cnn_ensemble", {}),
}
ON_ONE_CORE = ("max", "ensemble")
"""What is measured for its accuracy alone: two such fits at once take less time than one after the other."""
NOTE = (
    "54,000 images fitted, 6,000 for validation, accuracy on the 10,000 of the test set. Ratios are of the fits of one "
    "seed. `max` and the ensembles were fitted on one core each."
)
Rows = dict[str, list[Result]]


def main(*, seeds: int, known_only: bool) -> str:
    """Measure seed by seed, all contenders in turn, and return the section of ``RESULTS.md``."""
    planned = [
        Fit(recipe, ALL, seed, dict(overrides), one_core=name in ON_ONE_CORE)
        for seed in range(seeds)
        for name, (recipe, overrides) in CONTENDERS.items()
    ]
    found: Rows = {name: [] for name in CONTENDERS}
    for fit, result in measure.fits("recipes", planned, known_only=known_only):
        name = next(n for n, (r, o) in CONTENDERS.items() if (r, o) == (fit.recipe, fit.overrides))
        found[name].append(result)
    columns = ("what", "target", "ours", "`cnn_batchnorm`", "ours / its", "reached")
    return f"## Full MNIST\n\n{measure.table(columns, _rows(found))}\n\n{NOTE}"


def _rows(found: Rows) -> list[tuple[str, ...]]:
    quick, standard, peer = found["quick"], found["standard"], found["peer"]
    return [
        _time("fit seconds of `cnn --effort quick`", 1 / 40, quick, peer, "fit_seconds"),
        _time("processor seconds of the same", None, quick, peer, "cpu_seconds"),
        _accuracy("its accuracy, %", 99.2, quick, peer),
        _time("fit seconds of `cnn --effort standard`", 1.0, standard, peer, "fit_seconds"),
        _accuracy("its accuracy, %", 99.7, standard, peer),
        _accuracy("accuracy of `cnn --effort max`, %", 99.75, found["max"], peer),
        _accuracy("accuracy of `cnn_ensemble`, three of `cnn --effort standard`, %", 99.8, found["ensemble"], peer),
        (
            "most memory of a fit, MiB",
            "",
            _peak(quick + standard + found["max"] + found["ensemble"]),
            _peak(peer),
            "",
            "",
        ),
    ]


def _time(what: str, target: float | None, ours: list[Result], peer: list[Result], name: str) -> tuple[str, ...]:
    own, theirs = ([getattr(result, name) for result in results] for results in (ours, peer))
    ratios = [a / b for a, b in zip(own, theirs, strict=True)]
    return (
        what,
        "" if target is None else f"at most {target:g} of it",
        measure.mean_and_spread(own, digits=1),
        measure.mean_and_spread(theirs, digits=1),
        measure.mean_and_spread(ratios, digits=4 if fmean(ratios) < 0.1 else 2),
        "" if target is None else measure.yes(fmean(ratios) <= target),
    )


def _accuracy(what: str, target: float, ours: list[Result], peer: list[Result]) -> tuple[str, ...]:
    if not ours:
        return what, f"at least {target:g}", "not measured yet", "", "", ""
    own, its = ([result.accuracy for result in results] for results in (ours, peer))
    reached = measure.yes(100 * fmean(own) >= target)
    return what, f"at least {target:g}", *(measure.mean_and_spread(found, 100, 3) for found in (own, its)), "", reached


def _peak(results: list[Result]) -> str:
    return f"{max(result.peak_mib for result in results):,.0f}"
