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

FIRST_EPOCH = 20_000
"""Images over which the first half of the restarts is spread; each later epoch is twice as long."""
POWERS = (0.3, 0.6, 0.85)
SPARSE = ((0.05, 0.005), (0.1, 0.02), (0.3, 0.05))
"""Stake and width of the bets on a small share of extreme images."""
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
        vanishing: For an indicator of a class its share among training images, else 0, ``[K]``.

    Returns:
        ``[..., K, B]``, each with mean 1 under a uniform rank.
    """
    p = np.clip(rank, 1e-12, 1 - 1e-12)
    powers = [kappa * p ** (kappa - 1) for kappa in POWERS]
    mirrored = [kappa * (1 - p) ** (kappa - 1) for kappa in POWERS]
    sparse = [np.where(p < width, 1 - stake + stake / width, 1 - stake) for stake, width in SPARSE]
    given_up = VANISHED * vanishing
    without = np.where(p < given_up, KEPT, (1 - KEPT * given_up) / (1 - given_up))
    return np.stack([*powers, *mirrored, *sparse, without], axis=-1)


BETS = 2 * len(POWERS) + len(SPARSE) + 1


@dataclass
class Martingale:
    """The state of a drift monitor over K scores; ``update`` changes it in place.

    Attributes:
        counts: Images in each bin of each score, reference and served ones together, ``[K, bins]``.
        vanishing: For indicators of a class its share among training images, else 0, ``[K]``.
        stakes: What each bet has made of the stakes that were placed on it, ``[K, B]``.
        waiting: The share of the stake that has not started betting yet.
        steps: Images served.
    """

    counts: NDArray[np.int64]
    vanishing: Floats
    stakes: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    waiting: float = 1.0
    steps: int = 0

    def __post_init__(self) -> None:
        if self.stakes.size == 0:
            self.stakes = np.zeros((len(self.counts), BETS))

    def update(self, bins: Sequence[int] | NDArray[np.int64], ties: Floats) -> Floats:
        """Take in one served image.

        Args:
            bins: Its bin in each score, ``[K]``; a higher bin is more extreme.
            ties: Uniform random numbers in (0, 1] that break ties, ``[K]``.

        Returns:
            The evidence of each score, ``[K]``: at most ``1 / alpha``, ever, with probability ``1 - alpha``.
        """
        scores, chosen = np.arange(len(self.counts)), np.asarray(bins)
        self.counts[scores, chosen] += 1
        above = np.where(np.arange(self.counts.shape[1]) > chosen[:, None], self.counts, 0).sum(axis=1)
        total = self.counts.sum(axis=1)
        rank = (above + ties * self.counts[scores, chosen]) / total
        self.steps += 1
        started = restart_weight(self.steps)
        self.stakes = (self.stakes + started / BETS) * bets(rank, self.vanishing)
        self.waiting -= started
        evidence: Floats = self.stakes.sum(axis=1) + max(self.waiting, 0.0)
        return evidence


def threshold(alpha: float, scores: int) -> float:
    """Return the evidence at which one of several scores raises the alarm: Bonferroni over the scores."""
    return scores / alpha
