"""Coverage of the accuracy in production when its interval is read after every label.

Each stream is what one champion serves: every prediction is drawn for an audit with probability 1 %, and users correct
three errors in ten. An interval covers a stream if it holds the true accuracy at every one of its readings.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure
from pipeline.judging.intervals import clopper_pearson
from pipeline.monitoring.accuracy import accuracy_estimate

STREAMS = 1_000
LABELS = 1_000
SHARE = 0.01
CORRECTED = 0.3
TRUTHS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
WIDTHS_AT = (100, 300, 1_000)
Bounds = Callable[[int, int], tuple[float, float]]


@cache
def in_use(right: int, labels: int) -> tuple[float, float]:
    """Return the interval in use."""
    estimate = accuracy_estimate(right, labels)
    return estimate.low, estimate.high


@cache
def fixed_time(right: int, labels: int) -> tuple[float, float]:
    """Return Clopper and Pearson's interval, which may be read once."""
    interval = clopper_pearson(np.array(right), np.array(labels))
    return float(interval.low), float(interval.high)


def audited(truth: float, labels: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return whether the audited predictions of a stream were right, in the order of drawing, ``[labels]``."""
    drawn: list[NDArray[np.bool_]] = []
    while sum(map(len, drawn)) < labels:
        served = generator.random(100_000) < truth
        drawn.append(served[generator.random(len(served)) < SHARE])
    return np.concatenate(drawn)[:labels]


def covers(hits: NDArray[np.bool_], truth: float, bounds: Bounds) -> bool:
    """Return whether an interval, read after every label, holds the truth every time."""
    for labels, right in enumerate(np.cumsum(hits).tolist(), start=1):
        low, high = bounds(right, labels)
        if not low <= truth <= high:
            return False
    return True


def coverage(truth: float, streams: int, labels: int, seed: int = 0) -> tuple[float, float, list[float]]:
    """Return the coverage of both intervals, and the mean width of the one in use at ``WIDTHS_AT``."""
    generator = np.random.default_rng([seed, round(1e6 * truth)])
    found = [audited(truth, labels, generator) for _ in range(streams)]
    widths = []
    for at in (at for at in WIDTHS_AT if at <= labels):
        ends = [in_use(int(hits[:at].sum()), at) for hits in found]
        widths.append(float(np.mean([high - low for low, high in ends])))
    used, fixed = (np.mean([covers(hits, truth, bounds) for hits in found]) for bounds in (in_use, fixed_time))
    return float(used), float(fixed), widths


def main(streams: int = STREAMS, labels: int = LABELS) -> str:
    """Measure; returns a section of the results."""
    rows = []
    for truth in TRUTHS:
        used, fixed, widths = coverage(truth, streams, labels)
        apparent = 1 - (1 - truth) * CORRECTED
        cells = [f"{100 * truth:g} %", f"{used:.3f}", f"{fixed:.3f}", *(f"{width:.3f}" for width in widths)]
        rows.append([*cells, f"{100 * apparent:.2f} %"])
    columns = ("true accuracy", "coverage", "coverage of Clopper-Pearson", *(f"width at {at:,}" for at in WIDTHS_AT))
    return (
        "## Accuracy in production\n\n"
        f"{streams:,} streams of {labels:,} audits each, drawn at random from {100 * SHARE:g} % of what is served. The "
        "95 % interval is read after every label, and covers a stream if no reading misses the truth; aim: 0.95. The "
        f"last column is what one would believe from corrections alone, if users correct {CORRECTED:.0%} of the errors."
        "\n\n" + measure.table([*columns, "by corrections alone"], rows)
    )


if __name__ == "__main__":
    print(main())
