"""Accuracy in production: an interval that stays valid however often it is read."""

from dataclasses import dataclass

import numpy as np

PRIOR = (10.0, 0.5)
"""Parameters of the Beta mixture, fixed before any label is seen: most models in production are usually right."""
SMALLEST = 1e-12


@dataclass(frozen=True)
class AccuracyEstimate:
    """What the audits of one champion prove about its accuracy in production.

    Attributes:
        labels: Randomly chosen images that a person labelled.
        right: Of these, how many the champion got right.
        low, high: The interval, fractions; it covers the true accuracy at every moment with ``confidence``.
        confidence: Probability that no reading, ever, misses the truth.
    """

    labels: int
    right: int
    low: float
    high: float
    confidence: float

    @property
    def accuracy(self) -> float | None:
        """Share of the audited images that were right; ``None`` without audits."""
        return self.right / self.labels if self.labels else None


def accuracy_estimate(right: int, labels: int, *, confidence: float = 0.95) -> AccuracyEstimate:
    """Return the accuracy of a random audit with its confidence sequence.

    The interval holds every accuracy whose likelihood ratio against a Beta mixture stays below ``1 / alpha``: a
    nonnegative martingale that exceeds that bound, ever, with probability at most ``alpha`` (Ville 1939; Robbins 1970).
    It needs audits chosen at random, and one model: start again at each promotion.

    Args:
        right: Audited images that the champion got right.
        labels: Audited images.
        confidence: Between 0 and 1.

    Raises:
        ValueError: The counts or the confidence are impossible.
    """
    if not (0 <= right <= labels and 0 < confidence < 1):
        raise ValueError(f"{right} of {labels} at confidence {confidence} is impossible.")
    low, high = _bounds(right, labels, 1 - confidence)
    return AccuracyEstimate(right=right, labels=labels, low=low, high=high, confidence=confidence)


def _bounds(right: int, labels: int, alpha: float) -> tuple[float, float]:
    if labels == 0:
        return 0.0, 1.0
    # Imported where there are audits: it takes half a second, and most homes have none.
    from scipy.optimize import brentq
    from scipy.special import betaln

    wrong = labels - right
    a, b = PRIOR
    mixture = betaln(a + right, b + wrong) - betaln(a, b)

    def excess(accuracy: float) -> float:
        """Log of the martingale under this accuracy, less the log of its bound: negative inside the interval."""
        likelihood = right * np.log(accuracy) + wrong * np.log1p(-accuracy)
        return float(mixture - likelihood + np.log(alpha))

    best = min(max(right / labels, SMALLEST), 1 - SMALLEST)
    low = brentq(excess, SMALLEST, best) if right and excess(SMALLEST) > 0 else 0.0
    high = brentq(excess, best, 1 - SMALLEST) if wrong and excess(1 - SMALLEST) > 0 else 1.0
    return float(low), float(high)
