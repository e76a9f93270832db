"""How much of the dataset's error budget one judgement may spend: fixed before the benchmark is looked at.

A challenger that looks good on validation images gets a larger share of what is left, and a promotion gets its share
back (the online fallback procedure, Tian and Ramdas 2021). The shares were chosen by simulation: see
``benchmarks/gate_weights.py``.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LARGEST_SHARE = 0.3
SCALE = 0.002
DEFAULT_SHARE = 0.01
"""Where no validation result is known: about what a challenger that is no better gets on average."""
OUT_OF_FOLD_SHARE = 0.05
"""Where models are compared out of fold: validation images are among those compared, so that they cannot set the level.
Few models are tried on few images, so that each can have more (``benchmarks/cross_fit.py``)."""
NOTHING_LEFT = 1e-12
DIGITS = 3
"""Of a level, rounded down, so that it is shown exactly as it is applied."""


def share(p_validation: ArrayLike) -> NDArray[np.float64]:
    """Return the part of what is left that a judgement may spend, elementwise, 0 to ``LARGEST_SHARE``.

    Args:
        p_validation: One-sided p-value, on validation images, of the claim that the benchmark is to prove.
    """
    return np.asarray(np.minimum(LARGEST_SHARE, SCALE / np.maximum(np.asarray(p_validation, float), 1e-300)))


def level(left: float, p_validation: float | None) -> float:
    """Return the p-value that a judgement needs, which is also what it costs; 0 where nothing is left.

    Args:
        left: What remains of alpha.
        p_validation: As for ``share``; ``None`` where there is no validation result.
    """
    part = DEFAULT_SHARE if p_validation is None else float(share(p_validation))
    return rounded_down(left * part) if left > NOTHING_LEFT else 0.0


def out_of_fold_level(left: float, caution: int) -> float:
    """Return the p-value that a judgement out of fold needs; 0 where nothing is left.

    Args:
        left: What remains of alpha.
        caution: What the judgement costs, as a multiple of that p-value.
    """
    return rounded_down(left * OUT_OF_FOLD_SHARE / caution) if left > NOTHING_LEFT else 0.0


def rounded_down(value: float) -> float:
    """Return a positive number with ``DIGITS`` significant digits, never more than it was."""
    shown = float(f"{value:.{DIGITS}g}")
    while shown > value:
        shown = float(f"{shown - 10.0 ** (np.floor(np.log10(value)) - DIGITS + 1):.{DIGITS}g}")
    return shown


def mean_share() -> float:
    """Return the part of what is left that a challenger which is no better spends on average.

    Its p-value is uniform; the integral of ``share`` over it is taken in closed form.
    """
    edge = SCALE / LARGEST_SHARE
    return float(SCALE * (1 - np.log(edge)))
