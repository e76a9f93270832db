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

STREAMS = 10_000
LABELS = 1_000
SHARE = 0.01
PREDICTIONS = 10_000
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


def audited(truth: float, streams: int, labels: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return how many of the first audits of each stream were right, ``[streams, labels]``."""
    hits = np.empty((streams, labels), np.bool_)
    for stream in hits:
        found = 0
        while found < labels:
            served = generator.random(PREDICTIONS) < truth
            drawn = served[generator.random(PREDICTIONS) < SHARE][: labels - found]
            stream[found : found + len(drawn)] = drawn
            found += len(drawn)
    return hits.cumsum(axis=1)


def covered(right: NDArray[np.int64], truth: float, bounds: Bounds) -> float:
    """Return the share of streams whose interval, read after every label, holds the truth every time."""
    whole = np.ones(len(right), np.bool_)
    for labels, column in enumerate(right.T, start=1):
        known, of = np.unique(column, return_inverse=True)
        low, high = np.array([bounds(one, labels) for one in known.tolist()]).T
        whole &= ((low <= truth) & (truth <= high))[of]
    return float(whole.mean())


def coverage(truth: float, streams: int, labels: int, seed: int = 0) -> tuple[float, float, list[float]]:
    """Return the coverage of both intervals, and the mean width of the one in use at ``WIDTHS_AT``."""
    generator = np.random.default_rng([seed, round(1e6 * truth)])
    right = audited(truth, streams, labels, generator)
    widths = [
        float(np.mean([high - low for low, high in (in_use(one, at) for one in right[:, at - 1].tolist())]))
        for at in WIDTHS_AT
        if at <= labels
    ]
    return covered(right, truth, in_use), covered(right, truth, fixed_time), widths


def main(streams: int = STREAMS, labels: int = LABELS) -> str:
    """Measure; returns a section of the results."""
    rows = []
    for truth in TRUTHS:
        used, fixed, widths = coverage(truth, streams, labels)
        apparent = 1 - (1 - truth) * CORRECTED
        cells = [f"{100 * truth:g} %", f"{used:.4f}", f"{fixed:.4f}", *(f"{width:.3f}" for width in widths)]
        rows.append([*cells, f"{100 * apparent:.2f} %"])
    columns = ("true accuracy", "coverage", "coverage of Clopper-Pearson", *(f"width at {at:,}" for at in WIDTHS_AT))
    return (
        "## Accuracy in production\n\n"
        f"{streams:,} streams of {labels:,} audits each, drawn at random from {100 * SHARE:g} % of what is served. The "
        "95 % interval is read after every label, and covers a stream if no reading misses the truth; aim: 0.95. The "
        "last column is what one would believe from corrections alone, if users correct "
        f"{100 * CORRECTED:g} % of the errors."
        "\n\n" + measure.table([*columns, "by corrections alone"], rows)
    )


if __name__ == "__main__":
    print(main())
