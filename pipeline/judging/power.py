"""What a benchmark can show: how many images a gain needs, and the smallest gain that some images find.

Rates: ``gain`` is the true gain in accuracy and ``disagreement`` the share of images that exactly one of the two
models gets right, both as fractions.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.judging import spending
from pipeline.judging.paired import Counts, p_better, p_non_inferior

LevelOf = Callable[[int], float]

MOST_IMAGES = 10**10
"""Beyond this many no plan is useful, and the answer is ``None``."""
MOST_FOR_MARGIN = 10**6
"""The same where a loss is to be ruled out, which takes longer to compute."""
USUAL_POWER = 0.8
USUAL_CORRELATION = 0.5
"""Correlation of the errors of two models, where nothing is measured yet."""
USUAL_ACCURACY = 0.992
"""Of the champion, where nothing is measured yet."""
VALIDATION_PER_BENCHMARK = 0.4
"""Validation images for one benchmark image, where a dataset is one pool: a tenth of four fifths against a fifth."""
BEST_ACCURACY = 0.996
"""Of the challenger at most, where nothing is measured yet; for a large gain the champion is taken to be worse."""


def exact_power(images: int, gain: float, disagreement: float, level: float) -> float:
    """Return the probability that the exact paired test finds the gain, summed over every number of disagreements."""
    spread = 8 * np.sqrt(images * disagreement) + 20
    low, high = max(int(images * disagreement - spread), 0), min(int(images * disagreement + spread), images)
    disagreements = np.arange(low, high + 1)
    share = min((1 + gain / disagreement) / 2, 1.0)
    found = _at_least(_critical(disagreements, level), disagreements, share)
    return float((_pmf(disagreements, images, disagreement) * found).sum())


def findable_gain(images: int, errors: int, made: float, level: float, power: float = USUAL_POWER) -> float | None:
    """Return the smallest gain that a comparison with a known champion finds with the wanted power.

    The champion's errors on these images are known, so no gain is larger than they leave room for: a challenger that
    fixes all of them and makes none is found for certain, or ``None`` is returned.

    Args:
        images: Benchmark images.
        errors: How many of them the champion gets wrong.
        made: Errors that a challenger is expected to make where the champion is right; fewer for a gain near the room.
        level: The p-value that is needed.
        power: The wanted probability.
    """
    if errors < fewest_fixes(level):
        return None
    low, high = 0.0, errors / images
    for _ in range(30):
        middle = (low + high) / 2
        found = _power_against(images, errors, made, level, middle) >= power
        low, high = (low, middle) if found else (middle, high)
    return high


def _power_against(images: int, errors: int, made: float, level: float, gain: float) -> float:
    from scipy.special import gammaln, xlogy

    lost = max(min(made, errors - gain * images), 0.0)
    share = min((gain * images + lost) / errors, 1.0)
    losses = np.arange(int(lost + 9 * np.sqrt(lost) + 20))
    weight = np.exp(xlogy(losses, lost) - lost - gammaln(losses + 1))
    return float((weight * _at_least(_fewest_fixes_with(losses, errors, level), errors, share)).sum())


def _fewest_fixes_with(losses: Counts, errors: int, level: float) -> Counts:
    low, high = np.zeros(len(losses), np.int64), np.full(len(losses), errors + 1)
    while (high - low > 1).any():
        middle = (low + high) // 2
        enough = p_better(middle, losses) <= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _critical(trials: Counts, level: float) -> Counts:
    """Return the fewest fixes among ``trials`` disagreements that reach the level; ``trials + 1`` where none do."""
    low, high = np.zeros(len(trials), np.int64), trials + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        enough = p_better(middle, trials - middle) <= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _at_least(fewest: Counts, trials: Counts | int, share: float) -> NDArray[np.float64]:
    from scipy.special import betainc

    n = np.asarray(trials)
    inside = np.clip(fewest, 1, np.maximum(n, 1))
    tail = betainc(inside, np.maximum(n - inside + 1, 1), share)
    return np.where(fewest <= 0, 1.0, np.where(fewest > n, 0.0, tail))


def _pmf(counts: Counts, trials: int, rate: float) -> NDArray[np.float64]:
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(trials + 1) - gammaln(counts + 1) - gammaln(trials - counts + 1)
    found: NDArray[np.float64] = np.exp(ways + xlogy(counts, rate) + xlog1py(trials - counts, -min(rate, 1.0)))
    return found


def images_needed(gain: float, disagreement: float, level: float | LevelOf, power: float = USUAL_POWER) -> int | None:
    """Return how many images let the exact test find the gain with the wanted power, to about 1 %.

    Args:
        gain: The true gain, a fraction.
        disagreement: Share of the images that exactly one of the two gets right.
        level: The p-value that is needed, or a function of the number of images that gives it.
        power: The wanted probability.

    Returns:
        The number, or ``None`` beyond reach.
    """
    if not 0 < gain <= disagreement:
        return None
    level_of: LevelOf = level if callable(level) else lambda _: level
    if _approximate_images(gain, disagreement, level_of(MOST_IMAGES), power) > MOST_IMAGES:
        return None
    low, high = 1, 16
    while exact_power(high, gain, disagreement, level_of(high)) < power:
        low, high = high, 2 * high
    while high - low > max(low // 200, 1):
        middle = (low + high) // 2
        enough = exact_power(middle, gain, disagreement, level_of(middle)) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def images_for(gain: float, disagreement: float, level: float, margin: float = 0.0) -> int | None:
    """Return how many images prove a gain 4 times in 5, or with a margin that there is no such loss, to a few per cent.

    Args:
        gain, disagreement: As for ``images_needed``.
        level: The p-value that is needed.
        margin: The loss that is to be ruled out, a fraction; 0 where the gain is to be proven.
    """
    if margin == 0:
        return images_needed(gain, disagreement, level)
    from scipy.special import ndtri

    def proven(images: int) -> bool:
        # The counts that 4 of 5 such comparisons exceed.
        disagreements = images * disagreement
        lead = images * gain - ndtri(USUAL_POWER) * np.sqrt(images * max(disagreement - gain**2, 0.0))
        fixed = min(max((disagreements + lead) / 2, 0.0), disagreements)
        return float(p_non_inferior(int(fixed), round(disagreements - fixed), images, margin)) <= level

    low, high = 1, 16
    while not proven(high):
        low, high = high, 2 * high
        if high > MOST_FOR_MARGIN:
            return None
    while high - low > max(low // 50, 1):
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return high


def _approximate_images(gain: float, disagreement: float, level: float, power: float) -> float:
    """By the normal approximation (Miettinen 1968; Connor 1987)."""
    from scipy.special import ndtri

    spread, paired_spread = np.sqrt(disagreement), np.sqrt(max(disagreement - gain**2, 0.0))
    return float(((-ndtri(level) * spread + ndtri(power) * paired_spread) / gain) ** 2)


def expected_level(left: float, validation_images: int, fixed_rate: float, made_rate: float) -> float:
    """Return the level of a judgement whose validation images show just what is expected of them.

    Args:
        left: What remains of alpha.
        validation_images: How many images validate.
        fixed_rate: Share of the images on which the challenger fixes an error.
        made_rate: Share of the images on which it makes one.
    """
    from scipy.special import betainc

    fixed, made = validation_images * fixed_rate, validation_images * made_rate
    return spending.level(left, float(betainc(fixed, made + 1, 0.5)) if fixed > 0 else None)


def findable(
    images: int,
    validation_images: int,
    left: float,
    *,
    errors: int | None = None,
    fixed_level: float | None = None,
    power: float = USUAL_POWER,
) -> tuple[float, float] | None:
    """Return the smallest gain found with the wanted power by the next judgement, and its level; ``None`` if none is.

    Args:
        images: Benchmark images.
        validation_images: Images that validate: they set the level.
        left: What remains of alpha.
        errors: The champion's errors on the benchmark; ``None`` takes two good models of one kind.
        fixed_level: The level, where it does not depend on validation.
        power: The wanted probability.
    """

    def found(gain: float) -> tuple[float, float]:
        fixed, made = usual_rates(gain) if errors is None else rates(1 - errors / images, gain)
        level = fixed_level or expected_level(left, validation_images, fixed, made)
        if level <= 0 or (errors is not None and errors < fewest_fixes(level)):
            return 0.0, level
        if errors is None:
            return exact_power(images, gain, max(fixed + made, gain), level), level
        return _power_against(images, errors, images * made, level, gain), level

    low, high = 0.0, BEST_ACCURACY if errors is None else errors / images
    if high <= 0 or found(high)[0] < power:
        return None
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle)[0] >= power else (middle, high)
    return high, found(high)[1]


def fewest_fixes(level: float) -> int:
    """Return how many errors must be fixed, with none made, for the exact test to reach the level at all."""
    return int(np.ceil(-np.log2(level)))


def rates(accuracy: float, gain: float, correlation: float = USUAL_CORRELATION) -> tuple[float, float]:
    """Return probability of an image being fixed, and of a new error, from accuracies and the correlation of errors.

    Returns:
        The two rates for a champion of ``accuracy`` and a challenger better by ``gain``.
    """
    champion, challenger = 1 - accuracy, 1 - accuracy - gain
    spread = np.sqrt(champion * (1 - champion) * max(challenger, 0.0) * (1 - challenger))
    both = min(champion * challenger + correlation * spread, champion, max(challenger, 0.0))
    return champion - both, max(challenger, 0.0) - both


def usual_rates(gain: float) -> tuple[float, float]:
    """Return ``rates`` of two good models of one kind, where nothing is measured yet."""
    return rates(min(USUAL_ACCURACY, BEST_ACCURACY - gain), gain)


def rounded(images: int) -> int:
    """Round up to two digits: a plan is no more precise than the rates it rests on."""
    scale = int(10 ** max(len(str(images)) - 2, 0))
    return -(-images // scale) * scale
