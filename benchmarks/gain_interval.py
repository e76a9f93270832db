"""Coverage of the 95 % interval of a gain: of the interval in use, and of the one that conditions on disagreements."""

import numpy as np
from numpy.typing import NDArray

from pipeline.judging.intervals import Interval, clopper_pearson, tango

REPETITIONS = 20_000
IMAGES = (100, 359, 1_600, 10_000)
RATES = (
    (0.02, 0.0),
    (0.02, 0.001),
    (0.01, 0.01),
    (0.005, 0.002),
    (0.003, 0.003),
    (0.05, 0.02),
    (0.001, 0.0005),
    (0.0005, 0.0),
)
"""Probability that an image is fixed, and that an error is made on it."""


def coverage(images: int, fixed_rate: float, made_rate: float, repetitions: int, seed: int = 0) -> tuple[float, float]:
    """Return how often the true gain lies in the interval in use, and in the one that conditions."""
    rng = np.random.default_rng([seed, images])
    drawn = rng.multinomial(images, [fixed_rate, made_rate, 1 - fixed_rate - made_rate], repetitions)
    fixed, made = drawn[:, 0], drawn[:, 1]
    truth = fixed_rate - made_rate
    return _covers(tango(fixed, made, images), truth), _covers(conditional(fixed, made, images), truth)


def conditional(fixed: NDArray[np.int64], made: NDArray[np.int64], images: int) -> Interval:
    """Return the interval of releases before: Clopper and Pearson's for the share of fixes, scaled."""
    share, scale = clopper_pearson(fixed, fixed + made), (fixed + made) / images
    return Interval((2 * share.low - 1) * scale, (2 * share.high - 1) * scale)


def table(repetitions: int = REPETITIONS) -> str:
    """Return the coverages as Markdown."""
    rows = [
        "| images | fixed, % | made, % | expected disagreements | Tango | conditional |",
        "|---|---|---|---|---|---|",
    ]
    for images in IMAGES:
        for fixed, made in RATES:
            used, before = coverage(images, fixed, made, repetitions)
            expected = images * (fixed + made)
            rows.append(
                f"| {images:,} | {100 * fixed:g} | {100 * made:g} | {expected:.2g} | {used:.3f} | {before:.3f} |"
            )
    return "\n".join(rows)


def main(repetitions: int = REPETITIONS) -> str:
    """Measure; returns a section of the results."""
    return f"## Coverage of the 95 % interval of a gain\n\n{table(repetitions)}"


def _covers(interval: Interval, truth: float) -> float:
    return float(((interval.low - 1e-9 <= truth) & (truth <= interval.high + 1e-9)).mean())


if __name__ == "__main__":
    print(table())
