"""Power of the gate under different ways to weight its error budget by validation results."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.judging import paired, power, spending

Floats = NDArray[np.float64]
Share = Callable[[Floats], Floats]
ALPHA = 0.05
DRAWS = 40_000
SERIES = 2_000
BEFORE = 99
"""Judgements of challengers that are no better, before the late one."""


@dataclass(frozen=True)
class Case:
    """A gain on a benchmark; the champion's errors and the challenger's correlate by 0.5."""

    images: int
    validation: int
    accuracy: float
    gain: float

    @property
    def name(self) -> str:
        """For a table."""
        return f"{self.images:,} images, {100 * self.gain:g}"


CASES = (
    Case(10_000, 6_000, 0.992, 0.001),
    Case(10_000, 6_000, 0.992, 0.002),
    Case(1_600, 640, 0.982, 0.009),
    Case(359, 143, 0.97, 0.02),
)
SHARES: dict[str, Share] = {
    "1/200 of alpha, none returned": lambda p: np.full_like(p, 1 / 200),
    "1/200 of what is left": lambda p: np.full_like(p, 1 / 200),
    "min(0.3, 0.005 p^-0.5)": lambda p: np.minimum(0.3, 0.005 * p**-0.5),
    "min(0.3, 0.0025 p^-0.75)": lambda p: np.minimum(0.3, 0.0025 * p**-0.75),
    "min(0.3, 0.001 / p)": lambda p: np.minimum(0.3, 0.001 / p),
    "min(0.3, 0.002 / p), in use": spending.share,
    "min(0.3, 0.004 / p)": lambda p: np.minimum(0.3, 0.004 / p),
    "min(0.1, 0.002 / p)": lambda p: np.minimum(0.1, 0.002 / p),
    "min(0.3, 0.0008 p^-1.25)": lambda p: np.minimum(0.3, 0.0008 * p**-1.25),
}


def table(draws: int = DRAWS, seed: int = 0) -> str:
    """Return power as the first and the 100th judgement, and the mean share of a challenger that is no better."""
    rows = [
        f"| share of what is left | {' | '.join(f'{case.name} points' for case in CASES)} | mean share of a null |",
        f"|---|{'---|' * (len(CASES) + 1)}",
    ]
    uniform = (np.arange(200_000) + 0.5) / 200_000
    for name, share in SHARES.items():
        shrinks = "none returned" not in name
        cells = (_powers(share, case, draws, shrinks, np.random.default_rng(seed)) for case in CASES)
        rows.append(f"| `{name}` | {' | '.join(cells)} | {share(uniform).mean():.4f} |")
    return "\n".join(rows)


def main(draws: int = DRAWS) -> str:
    """Measure; returns a section of the results."""
    return f"## Weights of the gate's budget\n\nPower as the first / the 100th judgement.\n\n{table(draws)}"


def _powers(share: Share, case: Case, draws: int, shrinks: bool, rng: np.random.Generator) -> str:
    p, p_validation = (_drawn(case, size, case.gain, draws, rng) for size in (case.images, case.validation))
    null = _drawn(case, case.validation, 0.0, draws, rng)
    first = float((p <= ALPHA * share(p_validation)).mean())
    spent = share(null)[rng.integers(0, draws, (SERIES, BEFORE))]
    left = ALPHA * np.prod(1 - spent, axis=1) if shrinks else np.full(SERIES, ALPHA)
    late = rng.integers(0, draws, (SERIES, 20))
    return f"{first:.2f} / {float((p[late] <= left[:, None] * share(p_validation)[late]).mean()):.2f}"


def _drawn(case: Case, images: int, gain: float, draws: int, rng: np.random.Generator) -> Floats:
    fixed, made = power.rates(case.accuracy, gain)
    return paired.p_better(rng.binomial(images, fixed, draws), rng.binomial(images, made, draws))


if __name__ == "__main__":
    print(table())
