"""Exact paired comparison of two classifiers on the same images; every function works elementwise on arrays.

``fixed`` counts images that only the challenger gets right, ``made`` those that only the champion gets right.
Images on which both are right or both wrong say nothing about who is better.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.judging.intervals import clopper_pearson, tango_statistic

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
NUISANCE = 1e-7
"""Probability that the unknown rate of disagreement lies outside the interval that is searched."""
NUISANCE_STEPS = 128
TIE = 1e-9
"""Statistics that differ by less are equal."""
SMALLEST_SHOWN = 1e-9


def right(probabilities: Probabilities, labels: Labels) -> NDArray[np.bool_]:
    """Return whether the most probable class is the truth, ``[N]``."""
    return np.asarray(probabilities.argmax(axis=1) == labels)


def count_by_class(
    challenger_right: NDArray[np.bool_], champion_right: NDArray[np.bool_], labels: Labels, classes: int
) -> tuple[Counts, Counts]:
    """Return ``fixed`` and ``made`` for each true class, ``[K]`` each."""
    fixed = np.bincount(labels[challenger_right & ~champion_right], minlength=classes)
    made = np.bincount(labels[champion_right & ~challenger_right], minlength=classes)
    return fixed, made


def p_better(fixed: ArrayLike, made: ArrayLike) -> Floats:
    """Return the one-sided McNemar p-value of the challenger being better; 1 without disagreement.

    The exact one-sided test of McNemar 1947, conditional on the images they disagree on.
    """
    from scipy.special import betainc

    b, c = np.asarray(fixed), np.asarray(made)
    # The upper tail of a binomial distribution is the incomplete beta function; all of it where nothing was fixed.
    return np.where(b > 0, betainc(np.maximum(b, 1), c + 1, 0.5), 1.0)


def p_non_inferior(fixed: ArrayLike, made: ArrayLike, images: int, margin: float) -> Floats:
    """Return the probability of a result this good if the challenger's accuracy were ``margin`` or more lower.

    An exact unconditional test, elementwise: outcomes are ordered by Tango's score statistic at a loss of exactly
    ``margin`` (a fraction), and the unknown rate of disagreement takes its least favourable value within an interval
    that misses it with probability ``NUISANCE`` (Berger and Boos 1994), which is added.

    Source:
        Hsueh, Liu and Chen 2001, Biometrics 57:478.
    """
    b, c = np.broadcast_arrays(np.asarray(fixed), np.asarray(made))
    pairs, place = np.unique(np.stack([b.ravel(), c.ravel()]), axis=1, return_inverse=True)
    p = np.array([_least_favourable(int(x), int(y), images, margin) for x, y in pairs.T])
    return p[place.ravel()].reshape(b.shape)


@lru_cache(maxsize=100_000)
def _least_favourable(fixed: int, made: int, images: int, margin: float) -> float:
    from scipy.special import bdtrc, gammaln, xlog1py, xlogy

    if images == 0:
        return 1.0
    seen = float(tango_statistic(fixed, made, images, -margin))
    low, high = clopper_pearson(fixed + made, images, 1 - NUISANCE)
    if high < margin:
        return NUISANCE
    rates = np.linspace(max(float(low), margin), min(float(high), 1.0), NUISANCE_STEPS)[:, None]
    gained, lost = (rates - margin) / 2, (rates + margin) / 2
    middle, spread = images * lost, np.sqrt(images * lost * (1 - lost))
    first = int(max(np.floor((middle - 9 * spread).min()) - 9, 0))
    last = int(min(np.ceil((middle + 9 * spread).max()) + 9, images))
    losses = np.arange(first, last + 1)
    log_weight = (
        gammaln(images + 1) - gammaln(losses + 1) - gammaln(images - losses + 1)
        + xlogy(losses, lost) + xlog1py(images - losses, -lost)
    )  # fmt: skip
    enough = _fewest_gains(seen, losses, images, margin)
    rest = images - losses
    share = np.minimum(gained / np.maximum(1 - lost, 1e-300), 1.0)
    reached = np.where(
        enough <= 0, 1.0, np.where(enough > rest, 0.0, bdtrc(np.maximum(enough - 1, 0), np.maximum(rest, 1), share))
    )
    return float(min((np.exp(log_weight) * reached).sum(axis=1).max() + NUISANCE, 1.0))


def _fewest_gains(seen: float, losses: Counts, images: int, margin: float) -> Counts:
    """For each number of losses, the fewest gains with which the statistic is at least what was seen."""
    low, high = np.full(len(losses), -1), images - losses + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        reached = tango_statistic(np.maximum(middle, 0), losses, images, -margin) >= seen - TIE
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return high


def clearly_worse(fixed: ArrayLike, made: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Return whether the same exact test in the other direction proves the challenger worse."""
    return np.asarray(p_better(made, fixed) <= level)


def holm(p: ArrayLike) -> Floats:
    """Return p-values with Holm's correction for their number, ``[K]`` (Holm 1979).

    statsmodels has the same but collects all garbage at each call, which takes half a second in a large process.
    """
    values = np.asarray(p, float)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return corrected


def any_class_worse(fixed: ArrayLike, made: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Return whether any class is proven worse, ``[..., K] -> [...]``.

    Holm's procedure rejects something exactly if the smallest p-value survives Bonferroni's correction.
    """
    p = p_better(made, fixed)
    return np.asarray(p.min(axis=-1) * p.shape[-1] <= level)


def in_words(p: float) -> str:
    """Return a p-value for a person."""
    return f"p = {p:.2g}" if p >= SMALLEST_SHOWN else f"p < {SMALLEST_SHOWN:g}"


def against_limit(p: float, limit: float) -> tuple[str, str]:
    """Return a p-value and the limit it is held against, with enough digits to distinguish them.

    Two different numbers are never shown as equal, so that rounding neither meets nor misses a limit.
    """
    if p < SMALLEST_SHOWN < limit:
        return in_words(p), f"{limit:.3g}"
    for digits in range(2, 18):
        shown, against = f"{p:.{digits}g}", f"{limit:.{max(digits, 3)}g}"
        if np.sign(float(shown) - float(against)) == np.sign(p - limit):
            break
    return f"p = {shown}", against
