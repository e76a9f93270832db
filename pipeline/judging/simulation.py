"""What the gate does over a long series of challengers, by simulation with the gate's own decision function.

Errors of two models are correlated as on MNIST: a fixed part of the images is hard, every model errs on each hard
image with the same probability, and on no other. The benchmark stays the same while champions come and go.
Floors, calibration, robustness and budgets are not simulated: they can only refuse more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.judging import paired, power
from pipeline.judging.comparison_checks import accepted
from pipeline.judging.policy import GatePolicy

ACCURACY = power.USUAL_ACCURACY
CLASSES = 10
IMAGES = 10_000
VALIDATION_IMAGES = 6_000
REGRESSION = 0.001
GAINS = (0.001, 0.002, 0.004, 0.01)
SIZES = (2_000, 10_000, 60_000)


@dataclass(frozen=True)
class Series:
    """What became of many repetitions of one series of challengers.

    Attributes:
        any_promoted: Share of the repetitions with at least one promotion.
        promoted: Mean number of promotions.
        claimed_gain_pp: Mean sum of the gains that the promotions showed, in points.
    """

    any_promoted: float
    promoted: float
    claimed_gain_pp: float


@dataclass(frozen=True, eq=False)
class _Benchmark:
    """The hard images of every repetition, ``[R, H]``: whether they exist, and their class."""

    exists: NDArray[np.bool_]
    cell: NDArray[np.int64]
    images: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, repetitions: int, images: int) -> "_Benchmark":
        count = rng.binomial(images, _hard_share(), repetitions)
        exists = np.arange(count.max()) < count[:, None]
        labels = rng.integers(0, CLASSES, exists.shape)
        return cls(exists, labels + CLASSES * np.arange(repetitions)[:, None], images)

    def errors(self, rng: np.random.Generator, accuracy: float) -> NDArray[np.bool_]:
        """Fresh errors of one model a repetition, ``[R, H]``."""
        rate = np.float32((1 - accuracy) / _hard_share())
        return self.exists & (rng.random(self.exists.shape, dtype=np.float32) < rate)

    def by_class(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many chosen images of each class, ``[R, K]``."""
        repetitions = len(self.exists)
        return np.bincount(self.cell[chosen], minlength=repetitions * CLASSES).reshape(repetitions, CLASSES)


def series(
    policy: GatePolicy, *, gain: float = 0.0, challengers: int = 200, repetitions: int = 1000, seed: int = 0
) -> Series:
    """Judge ``challengers`` in turn, each better than the first champion by ``gain``; what passes becomes champion."""
    rng = np.random.default_rng(seed)
    benchmark = _Benchmark.drawn(rng, repetitions, IMAGES)
    validation = _Benchmark.drawn(rng, repetitions, VALIDATION_IMAGES)
    champion, champion_validation = (place.errors(rng, ACCURACY) for place in (benchmark, validation))
    judged, promoted, claimed = np.zeros((3, repetitions))
    for _ in range(challengers):
        errors, errors_validation = (place.errors(rng, ACCURACY + gain) for place in (benchmark, validation))
        fixed, made = benchmark.by_class(champion & ~errors), benchmark.by_class(errors & ~champion)
        paid = _screened(policy, champion_validation, errors_validation) & (judged < (policy.horizon or np.inf))
        judged += paid
        wins = paid & accepted(policy, fixed, made, IMAGES, policy.level)
        promoted += wins
        claimed += np.where(wins, (fixed - made).sum(-1) * 100 / IMAGES, 0)
        champion = np.where(wins[:, None], errors, champion)
        champion_validation = np.where(wins[:, None], errors_validation, champion_validation)
    return Series(float((promoted > 0).mean()), float(promoted.mean()), float(claimed.mean()))


def power_of(policy: GatePolicy, gain: float, images: int, *, repetitions: int = 10_000, seed: int = 0) -> float:
    """Probability that one challenger better by ``gain`` is promoted, screen and vetoes included."""
    rng = np.random.default_rng(seed)
    fixed, made = _counts(rng, gain, images, repetitions)
    fixed_validation, made_validation = (c.sum(-1) for c in _counts(rng, gain, VALIDATION_IMAGES, repetitions))
    passed = accepted(policy, fixed, made, images, policy.level)
    if policy.screen_alpha is not None:
        passed &= ~paired.clearly_worse(fixed_validation, made_validation, policy.screen_alpha)
    return float(passed.mean())


def tables(policies: Mapping[str, GatePolicy], repetitions: int = 1000, seed: int = 0) -> str:
    """Both tables as Markdown: false promotions over 200 challengers, and power."""
    promises = [
        "| gate | P(at least one false promotion) | mean promoted | claimed gain in points (true: 0) "
        "| P(a regression ships) |",
        "|---|---|---|---|---|",
    ]
    powers = [
        f"| gate | {' | '.join(f'{images:,} images' for images in SIZES)} |",
        f"|---|{'---|' * len(SIZES)}",
    ]
    for name, policy in policies.items():
        null = series(policy, repetitions=repetitions, seed=seed)
        worse = series(policy, gain=-REGRESSION, repetitions=repetitions, seed=seed + 1)
        promises.append(
            f"| `{name}` | {null.any_promoted:.3f} | {null.promoted:.2f} | {null.claimed_gain_pp:+.2f} "
            f"| {worse.any_promoted:.2f} |"
        )
        cells = (" / ".join(_rate(power_of(policy, gain, images, seed=seed)) for gain in GAINS) for images in SIZES)
        powers.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join([*promises, "", _caption(GAINS), "", *powers])


def _counts(
    rng: np.random.Generator, gain: float, images: int, repetitions: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    fixed, made = power.usual_rates(gain)
    shares = [*[fixed / CLASSES] * CLASSES, *[made / CLASSES] * CLASSES, 1 - fixed - made]
    drawn = rng.multinomial(images, shares, repetitions)
    return drawn[:, :CLASSES], drawn[:, CLASSES:-1]


def _screened(policy: GatePolicy, champion: NDArray[np.bool_], errors: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if policy.screen_alpha is None:
        return np.ones(len(errors), bool)
    fixed, made = (champion & ~errors).sum(-1), (errors & ~champion).sum(-1)
    return ~paired.clearly_worse(fixed, made, policy.screen_alpha)


def _hard_share() -> float:
    # With rate r on a share h of the images, errors correlate by r (1 - h) / (1 - r h), and accuracy is 1 - r h.
    error, correlation = 1 - ACCURACY, power.USUAL_CORRELATION
    return error / (correlation + error * (1 - correlation))


def _rate(value: float) -> str:
    return f"{value:.2f}" if 0.995 > value >= 0.005 else f"{value:.0f}"


def _caption(gains: Sequence[float]) -> str:
    names = " / ".join(f"{100 * gain:g}" for gain in gains)
    return f"Power to promote a challenger that truly is better by {names} points:"
