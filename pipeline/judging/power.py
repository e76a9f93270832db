"""What a benchmark can show: how many images a gain needs, and the smallest gain that some images find.

Rates: ``gain`` is the true gain in accuracy and ``disagreement`` the share of images that exactly one of the two
models gets right, both as fractions.
"""

import numpy as np

MOST_IMAGES = 10**10
"""Beyond this many no plan is useful, and the answer is ``None``."""
USUAL_POWER = 0.8
USUAL_CORRELATION = 0.5
"""Correlation of the errors of two models, where nothing is measured yet."""
USUAL_ACCURACY = 0.992
"""Of the champion, where nothing is measured yet."""
BEST_ACCURACY = 0.996
"""Of the challenger at most, where nothing is measured yet; for a large gain the champion is taken to be worse."""


def exact_power(images: int, gain: float, disagreement: float, level: float) -> float:
    """Probability that the exact paired test finds the gain, summed over every number of disagreements."""
    from scipy.stats import binom

    low, high = (int(k) for k in binom.ppf((1e-9, 1 - 1e-9), images, disagreement))
    disagreements = np.arange(low, high + 1)
    critical = binom.isf(level, disagreements, 0.5) + 1
    share = (1 + gain / disagreement) / 2
    found = binom.sf(critical - 1, disagreements, min(share, 1.0))
    return float((binom.pmf(disagreements, images, disagreement) * found).sum())


def approximate_images(gain: float, disagreement: float, level: float, power: float = USUAL_POWER) -> float:
    """Images that a gain needs, by the normal approximation (Miettinen 1968; Connor 1987)."""
    from scipy.stats import norm

    spread = np.sqrt(disagreement)
    paired_spread = np.sqrt(max(disagreement - gain**2, 0.0))
    return float(((norm.isf(level) * spread + norm.isf(1 - power) * paired_spread) / gain) ** 2)


def images_needed(gain: float, disagreement: float, level: float, power: float = USUAL_POWER) -> int | None:
    """Images with which the exact test finds the gain with the wanted power, to about 1 %; ``None`` beyond reach."""
    if not 0 < gain <= disagreement:
        return None
    start = approximate_images(gain, disagreement, level, power)
    if start > MOST_IMAGES:
        return None
    low, high = max(int(start / 2), 1), int(start) + 10
    while exact_power(high, gain, disagreement, level) < power:
        low, high = high, 2 * high
    while high - low > max(low // 200, 1):
        middle = (low + high) // 2
        low, high = (low, middle) if exact_power(middle, gain, disagreement, level) >= power else (middle, high)
    return high


def smallest_gain(images: int, disagreement: float, level: float, power: float = USUAL_POWER) -> float | None:
    """The smallest gain that is found with the wanted power; ``None`` where even the largest is not.

    A gain needs at least as many disagreements as it fixes errors, so ``disagreement`` grows with it where it must.
    """
    low, high = 0.0, 1.0
    if exact_power(images, high, 1.0, level) < power:
        return None
    for _ in range(24):
        middle = (low + high) / 2
        found = exact_power(images, middle, max(disagreement, middle), level) >= power
        low, high = (low, middle) if found else (middle, high)
    return high


def fewest_fixes(level: float) -> int:
    """Errors that must be fixed, none made, for the exact test to reach the level at all."""
    return int(np.ceil(-np.log2(level)))


def rates(accuracy: float, gain: float, correlation: float = USUAL_CORRELATION) -> tuple[float, float]:
    """Probability of an image being fixed, and of a new error, from accuracies and the correlation of errors.

    Returns:
        The two rates for a champion of ``accuracy`` and a challenger better by ``gain``.
    """
    champion, challenger = 1 - accuracy, 1 - accuracy - gain
    spread = np.sqrt(champion * (1 - champion) * max(challenger, 0.0) * (1 - challenger))
    both = min(champion * challenger + correlation * spread, champion, max(challenger, 0.0))
    return champion - both, max(challenger, 0.0) - both


def usual_rates(gain: float) -> tuple[float, float]:
    """``rates`` of two good models of one kind, where nothing is measured yet."""
    return rates(min(USUAL_ACCURACY, BEST_ACCURACY - gain), gain)


def usual_smallest_gain(images: int, level: float, power: float = USUAL_POWER) -> tuple[float, float] | None:
    """``smallest_gain`` and the disagreement that goes with it, for two good models of one kind."""
    found: tuple[float, float] | None = (0.0, sum(usual_rates(0.0)))
    for _ in range(4):
        if found is None:
            return None
        gain = smallest_gain(images, found[1], level, power)
        found = None if gain is None else (gain, max(sum(usual_rates(min(gain, BEST_ACCURACY))), gain))
    return found


def rounded(images: int) -> int:
    """Up, to two digits: a plan is no more precise than the rates it rests on."""
    scale = int(10 ** max(len(str(images)) - 2, 0))
    return -(-images // scale) * scale
