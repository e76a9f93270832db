"""The targets on full MNIST: our CNN at each effort against the third of the iterative CNNs, in one run."""

from collections.abc import Callable
from typing import Any

from benchmarks import measure
from benchmarks.fit_once import Fit, Result

ALL = 60_000
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "quick": ("cnn", {"effort": "quick"}),
    "peer": ("cnn_batchnorm", {}),
    "standard": ("cnn", {"effort": "standard"}),
    "ensemble": ("cnn_ensemble", {"effort": "max"}),
}
ON_ONE_CORE = ("ensemble",)
"""What is measured for its accuracy alone: two such fits at once take less time than one after the other."""
Rows = dict[str, list[Result]]


def main(seeds: int = 5) -> str:
    """Measure seed by seed, all contenders in turn, and return the section of ``RESULTS.md``."""
    planned = [
        Fit(recipe, ALL, seed, dict(overrides), one_core=name in ON_ONE_CORE)
        for seed in range(seeds)
        for name, (recipe, overrides) in CONTENDERS.items()
    ]
    found: Rows = {name: [] for name in CONTENDERS}
    for fit, result in measure.fits("recipes", planned):
        name = next(n for n, (r, o) in CONTENDERS.items() if (r, o) == (fit.recipe, fit.overrides))
        found[name].append(result)
    return "## Full MNIST\n\n" + measure.table(("what", "target", "ours", "peer", "ratio"), _rows(found))


def _rows(found: Rows) -> list[tuple[str, ...]]:
    peer = found["peer"]
    rows: list[tuple[str, ...]] = [
        (
            "fit seconds of `cnn --effort quick` against `cnn_batchnorm`",
            "at most 1/40 at 99.2 %",
            measure.mean_and_spread(_of(found["quick"], lambda r: r.fit_seconds)),
            measure.mean_and_spread(_of(peer, lambda r: r.fit_seconds)),
            _inverse(found["quick"], peer, lambda r: r.fit_seconds),
        ),
        (
            "processor seconds of the same",
            "",
            measure.mean_and_spread(_of(found["quick"], lambda r: r.cpu_seconds)),
            measure.mean_and_spread(_of(peer, lambda r: r.cpu_seconds)),
            _inverse(found["quick"], peer, lambda r: r.cpu_seconds),
        ),
    ]
    for name, target in (("quick", "99.2 %"), ("standard", "99.70 %"), ("max", "99.75 %"), ("ensemble", "99.80 %")):
        if found[name]:
            accuracy = measure.mean_and_spread(_of(found[name], lambda r: r.accuracy), 100, 3)
            seconds = measure.mean_and_spread(_of(found[name], lambda r: r.fit_seconds), digits=0)
            peak = max(result.peak_mib for result in found[name])
            rows.append(
                (f"accuracy of `{name}`, %", f"at least {target}", accuracy, f"{seconds} s", f"{peak:,.0f} MiB")
            )
    rows.append(
        ("accuracy of `cnn_batchnorm`, %", "", "", measure.mean_and_spread(_of(peer, lambda r: r.accuracy), 100, 3), "")
    )
    return rows


def _of(results: list[Result], value: Callable[[Result], float]) -> list[float]:
    return [value(result) for result in results]


def _inverse(ours: list[Result], peer: list[Result], value: Callable[[Result], float]) -> str:
    ratios = [value(theirs) / value(own) for own, theirs in zip(ours, peer, strict=False)]
    return f"1 / ({measure.mean_and_spread(ratios, digits=0)})"
