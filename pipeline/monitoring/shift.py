"""Whether a test set looks, to the model, like the benchmark it was judged on.

Rabanser and others, "Failing loudly: an empirical study of methods for detecting dataset shift", NeurIPS 2019:
of all methods they compared, the best was a Kolmogorov-Smirnov test on each softmax output of the classifier
itself, with Bonferroni's correction ("BBSDs").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Probabilities

LEVEL = 0.01
"""Chance of a false alarm over all outputs together."""
SMALLEST_DISTANCE = 0.03
"""With tens of thousands of images a difference of no consequence is significant too; honest halves of MNIST
stay below 0.025 at 10,000 against 28,000, a shift by one pixel is above 0.12."""
MOST_NAMED = 3
"""That many classes are named."""


@dataclass(frozen=True)
class Shift:
    """What the tests found.

    Attributes:
        found: Whether the two sets differ more than chance and by more than a trifle.
        p_value: Smallest p-value, corrected for the number of outputs.
        distance: Largest Kolmogorov-Smirnov distance, 0 to 1.
        outputs: The outputs that differ, by class index, the most different first.
    """

    found: bool
    p_value: float
    distance: float
    outputs: tuple[int, ...]

    def sentence(self, classes: Sequence[str], at_stake: str, *, one_polarity: bool = False) -> str:
        """Return the warning in words.

        Args:
            classes: Class names, in the order of the outputs.
            at_stake: What may be wrong, in words.
            one_polarity: Whether all images were brought to the model's polarity, so that no colours are inverted.
        """
        colours = "" if one_polarity else "inverted colours, "
        return (
            "These images do not look like those the model was judged on "
            f"(Kolmogorov-Smirnov distance {self.distance:.2f}, corrected p = {self.p_value:.1g}, "
            f"{self._named(classes)}): look for {colours}shifted or noisy images, or another mix of classes; "
            f"{at_stake} may be wrong."
        )

    def _named(self, classes: Sequence[str]) -> str:
        shown = [classes[output] for output in self.outputs[:MOST_NAMED]]
        if others := len(self.outputs) - len(shown):
            shown.append("another" if others == 1 else f"{others} others")
        listed = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
        return f"{'class' if len(self.outputs) == 1 else 'classes'} {listed}"


def can_be_found(images: int, outputs: int) -> bool:
    """Return whether so many images could be proven different at all; two or three never can."""
    # The smallest p-value, at a distance of 1, is 2 exp(-2 n) at best; Bonferroni multiplies it by the outputs.
    return 2 * outputs * math.exp(-2 * images) < LEVEL


def detect_shift(benchmark: Probabilities, test: Probabilities) -> Shift:
    """Compare the model's outputs on two sets of images.

    Args:
        benchmark: Probabilities on the benchmark images, ``[M, K]``.
        test: Probabilities on the test images, ``[N, K]``.

    Raises:
        ValueError: One of the sets is empty, or they have different classes.
    """
    if len(benchmark) == 0 or len(test) == 0 or benchmark.shape[1] != test.shape[1]:
        raise ValueError("Two sets of outputs for the same classes are needed, neither of them empty.")
    count = benchmark.shape[1]
    distances = [_distance(benchmark[:, output], test[:, output]) for output in range(count)]
    pairs = len(benchmark) * len(test) / (len(benchmark) + len(test))
    corrected = [min(1.0, _exceeding(math.sqrt(pairs) * distance) * count) for distance in distances]
    differing = [k for k in range(count) if corrected[k] < LEVEL and distances[k] >= SMALLEST_DISTANCE]
    ranked = tuple(sorted(differing, key=lambda output: -distances[output]))
    return Shift(bool(ranked), min(corrected), max(distances), ranked)


def _exceeding(scaled: float) -> float:
    """Return the chance of a larger distance, times the root of the pairs, in the limit (Kolmogorov 1933).

    Of its two series, each is taken where a few terms are exact; scipy.special, which has it, takes longer to import
    than the images of a test set to predict.
    """
    if scaled <= 0:
        return 1.0
    if scaled < 1:
        odd = (math.exp(-(((2 * k - 1) * math.pi / scaled) ** 2) / 8) for k in range(1, 5))
        return 1 - math.sqrt(2 * math.pi) / scaled * sum(odd)
    return 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 6))


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The largest difference of two empirical distribution functions."""
    values = np.concatenate([one, other])
    shares = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())
