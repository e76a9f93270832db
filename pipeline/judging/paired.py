"""Exact paired comparison of two classifiers on the same images; every function works elementwise on arrays.

``fixed`` counts images that only the challenger gets right, ``made`` those that only the champion gets right.
Images on which both are right or both wrong say nothing about who is better.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.judging.intervals import Interval, clopper_pearson, upper_bound

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
NUISANCE_SHARE = 0.1
"""Part of the level that bounds the unknown rate of disagreement in the test with a margin."""


def right(probabilities: Probabilities, labels: Labels) -> NDArray[np.bool_]:
    """Whether the most probable class is the truth, ``[N]``."""
    return np.asarray(probabilities.argmax(axis=1) == labels)


def count_by_class(
    challenger_right: NDArray[np.bool_], champion_right: NDArray[np.bool_], labels: Labels, classes: int
) -> tuple[Counts, Counts]:
    """``fixed`` and ``made`` for each true class, ``[K]`` each."""
    fixed = np.bincount(labels[challenger_right & ~champion_right], minlength=classes)
    made = np.bincount(labels[champion_right & ~challenger_right], minlength=classes)
    return fixed, made


def p_better(fixed: ArrayLike, made: ArrayLike) -> Floats:
    """Probability of at least so many fixes if challenger and champion were equally good; 1 without disagreement.

    The exact one-sided test of McNemar 1947, conditional on the images they disagree on.
    """
    from scipy.special import betainc

    b, c = np.asarray(fixed), np.asarray(made)
    # The upper tail of a binomial distribution is the incomplete beta function; all of it where nothing was fixed.
    return np.where(b > 0, betainc(np.maximum(b, 1), c + 1, 0.5), 1.0)


def p_non_inferior(fixed: ArrayLike, made: ArrayLike, images: int, margin: float, level: float) -> Floats:
    """Probability of so few losses if the challenger's accuracy were ``margin`` (a fraction) or more lower.

    The smaller of two exact p-values, doubled. One: the paired test at the share of fixes that the margin allows,
    with the unknown rate of disagreement at its upper bound (Berger and Boos 1994). Two: a true loss of ``margin``
    means losing at least that share of images, which so few losses would contradict. The first serves models that
    disagree often, the second those that hardly do.
    """
    from scipy.stats import binom

    b, c = np.asarray(fixed), np.asarray(made)
    nuisance = NUISANCE_SHARE * level
    disagreement = upper_bound(b + c, images, nuisance)
    share = np.clip((1 - margin / np.maximum(disagreement, margin)) / 2, 0, 1)
    by_share = nuisance + np.where(disagreement < margin, 0.0, binom.sf(b - 1, b + c, share))
    by_losses = binom.cdf(c, images, margin)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(by_share, by_losses)), float)


def clearly_worse(fixed: ArrayLike, made: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Whether the same exact test, the other way round, proves the challenger worse."""
    return np.asarray(p_better(made, fixed) <= level)


def holm(p: ArrayLike) -> Floats:
    """P-values corrected for their number, ``[K]`` (Holm 1979).

    statsmodels has the same but collects all garbage at each call, which takes half a second in a large process.
    """
    values = np.asarray(p, float)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return corrected


def any_class_worse(fixed: ArrayLike, made: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Whether any class is proven worse, ``[..., K] -> [...]``.

    Holm's procedure rejects something exactly if the smallest p-value survives Bonferroni's correction.
    """
    p = p_better(made, fixed)
    return np.asarray(p.min(axis=-1) * p.shape[-1] <= level)


def gain_interval(fixed: ArrayLike, made: ArrayLike, images: int, confidence: float = 0.95) -> Interval:
    """Interval of the gain in accuracy (fractions), given how many images they disagree on.

    Clopper and Pearson's interval for the share of fixes, so that it agrees with the exact test.
    """
    b, c = np.asarray(fixed), np.asarray(made)
    share = clopper_pearson(b, b + c, confidence)
    scale = (b + c) / images
    return Interval((2 * share.low - 1) * scale, (2 * share.high - 1) * scale)


def in_words(p: float) -> str:
    """A p-value for a person."""
    return f"p = {p:.2g}" if p >= 1e-9 else "p < 1e-9"
