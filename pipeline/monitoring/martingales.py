"""Conformal test martingales: evidence against "these images are like those the model was judged on".

Each score of a served image gets a rank among the reference *and every image served so far*, which is uniform and
independent as long as the images are exchangeable. A bet that multiplies one's stake by a density of the rank then
gains nothing on average, so the stake ever reaches ``1 / alpha`` with probability at most ``alpha`` (Ville's
inequality). Ranking against the reference alone breaks the promise. Vovk, Petej, Nouretdinov, Ahlberg, Carlsson and
Gammerman 2021, "Retrain or not retrain: conformal test martingales for change-point detection".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIRST_EPOCH = 2_000
"""Images over which the first half of the restarts is spread; each later epoch is twice as long."""
POWERS = (0.3, 0.6, 0.85)
SPARSE = ((0.05, 0.2), (0.15, 0.4), (0.3, 0.4))
"""The bets on a small share of extreme images: the part that is bet on small ranks, and its power."""
INDICATORS = 0.15
"""Part of the error probability that the indicators of classes have together."""
VANISHED, KEPT = 0.92, 0.02
"""The bet on a vanishing class: which part of the class's ranks it gives up, and how much of the stake stays there."""


def restart_weight(step: int) -> float:
    """Return the share of the stake that starts betting at this image, counted from 1; all shares sum to 1.

    Epoch ``j`` has ``FIRST_EPOCH * 2**j`` images and the mass ``1 / ((j + 1) (j + 2))``, so that a life without end
    has a bounded false-alarm probability, too.
    """
    epoch = int(np.log2((step - 1) / FIRST_EPOCH + 1))
    return 1 / ((epoch + 1) * (epoch + 2) * FIRST_EPOCH * float(2**epoch))


def bets(rank: Floats, vanishing: Floats) -> Floats:
    """Return the factor of every bet: densities on [0, 1] at the ranks.

    Args:
        rank: Randomised ranks in (0, 1], ``[..., K]``; near 0 is extreme.
        vanishing: For an indicator of a class its share among training images, else 0, ``[..., K]``.

    Returns:
        ``[..., K, B]``, each with mean 1 under a uniform rank.
    """
    p = np.clip(rank, 1e-12, 1 - 1e-12)
    powers = [kappa * p ** (kappa - 1) for kappa in POWERS]
    mirrored = [kappa * (1 - p) ** (kappa - 1) for kappa in POWERS]
    sparse = [1 - part + part * kappa * p ** (kappa - 1) for part, kappa in SPARSE]
    given_up = VANISHED * vanishing
    without = np.where(p < given_up, KEPT, (1 - KEPT * given_up) / (1 - given_up))
    return np.stack([*powers, *mirrored, *sparse, without], axis=-1)


BETS = 2 * len(POWERS) + len(SPARSE) + 1
RISING = frozenset(range(len(POWERS))) | frozenset(range(2 * len(POWERS), BETS - 1))
"""The bets on high values."""


def placed(vanishing: Floats) -> Floats:
    """Return the share of the stake on each bet, ``[..., K, B]``.

    Half of a class's is on its vanishing. Half of the rest is on the sparse bets, since what they find takes longest.
    """
    on_vanishing = np.where(vanishing > 0, 0.5, 0.0)[..., None]
    others = np.repeat([0.25 / len(POWERS), 0.5 / len(SPARSE)], [2 * len(POWERS), len(SPARSE)])
    return np.concatenate([(1 - on_vanishing) * others, on_vanishing], axis=-1)


@dataclass
class Martingale:
    """The state of a drift monitor over K scores, or of many monitors at once; ``update`` changes it in place.

    Attributes:
        counts: Images in each bin of each score, reference and served ones together, ``[..., K, bins]``.
        vanishing: For indicators of a class its share among training images, else 0, ``[..., K]``.
        stakes: What each bet has made of the stakes that were placed on it, ``[..., K, B]``.
        sums: Sum of the logarithms of each bet's factors since it last was at a loss, ``[..., K, B]`` (Page 1954).
        onsets: After which image that was: where the change began, if this bet found one, ``[..., K, B]``.
        waiting: The share of the stake that has not started betting yet.
        steps: Images served.
    """

    counts: NDArray[np.int64]
    vanishing: Floats
    stakes: Floats = field(default_factory=lambda: np.zeros(0))
    sums: Floats = field(default_factory=lambda: np.zeros(0))
    onsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    waiting: float = 1.0
    steps: int = 0

    def __post_init__(self) -> None:
        if self.stakes.size == 0:
            shape = (*self.counts.shape[:-1], BETS)
            self.stakes, self.sums, self.onsets = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)

    def update(self, bins: Sequence[int] | NDArray[np.int64], ties: Floats) -> Floats:
        """Take in one served image, or one for each monitor.

        Args:
            bins: Its bin in each score, ``[..., K]``; a higher bin is more extreme.
            ties: Uniform random numbers in (0, 1] that break ties, ``[..., K]``.

        Returns:
            The evidence of each score, ``[..., K]``: at most ``1 / alpha``, ever, with probability ``1 - alpha``.
        """
        own = np.arange(self.counts.shape[-1]) == np.asarray(bins)[..., None]
        self.counts += own
        at_most = np.where(own, np.cumsum(self.counts, axis=-1), 0).sum(axis=-1)
        total = self.counts.sum(axis=-1)
        rank = (total - at_most + ties * np.where(own, self.counts, 0).sum(axis=-1)) / total
        self.steps += 1
        started = restart_weight(self.steps)
        factors = bets(rank, self.vanishing)
        self.stakes = (self.stakes + started * placed(self.vanishing)) * factors
        self.waiting -= started
        lost = self.sums <= 0
        self.onsets[lost] = self.steps - 1
        self.sums = np.where(lost, 0, self.sums) + np.log(factors)
        return self.evidence()

    def evidence(self) -> Floats:
        """Return the evidence of each score so far, ``[..., K]``."""
        evidence: Floats = self.stakes.sum(axis=-1) + max(self.waiting, 0.0)
        return evidence

    def onset(self, score: int) -> int:
        """Return after which image the change began that a score has found, by the bet that gained most."""
        return int(self.onsets[score, self._best(score)])

    def is_rise(self, score: int) -> bool:
        """Return whether that bet was on high values of the score, not on low ones."""
        return self._best(score) in RISING

    def _best(self, score: int) -> int:
        return int(self.stakes[score].argmax())


def limits(alpha: float, weights: Sequence[float], classes: int) -> Floats:
    """Return the evidence at which each score raises the alarm, ``[K]``: Bonferroni over all scores.

    Args:
        alpha: Probability that any of them is ever reached by chance.
        weights: Of the scores that come first: how they share what the indicators leave; they sum to 1.
        classes: How many indicators of classes come after them; together they have the part ``INDICATORS``.
    """
    shares = [(1 - INDICATORS) * weight for weight in weights] + [INDICATORS / classes] * classes
    return 1 / (alpha * np.array(shares))
