"""What the gate does over a long series of challengers, by simulation with the gate's own decision functions.

A part of the images is hard; every model errs on each hard image with one probability, and on no other: errors of two
models are correlated, as on MNIST. Hard images are exchangeable, so counts describe a champion completely. The
benchmark stays the same, or grows, while champions come and go. Floors, calibration, robustness and, over a series, the
veto of a class are not simulated: they can only refuse more.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.judging import paired, power, spending
from pipeline.judging.claims import accepted, claim_of, p_value
from pipeline.judging.policy import GatePolicy

CLASSES = 10
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """A kind of challengers, all alike; a gain of 0 or less makes every promotion a false one.

    Attributes:
        name: For a table.
        gain: By how much the true accuracy of each exceeds the first champion's.
        correlation: Of the errors of two models; -1 for challengers that err nowhere that the champion does.
        images: Benchmark images, at the end.
        first_images: Benchmark images at the beginning; they grow evenly.
        validation: Validation images.
        accuracy: Of the first champion.
        candidates: Number of candidates of which only the best on validation images is judged.
        fresh: Whether every judgement has a benchmark of its own, so that none depends on another.
    """

    name: str
    gain: float = 0.0
    correlation: float = power.USUAL_CORRELATION
    images: int = 10_000
    first_images: int | None = None
    validation: int = 6_000
    accuracy: float = power.USUAL_ACCURACY
    candidates: int = 1
    fresh: bool = False

    @property
    def hard_share(self) -> float:
        """Share of the images on which models err at all."""
        # With rate r on a share h of the images, errors correlate by r (1 - h) / (1 - r h), and accuracy is 1 - r h.
        error, correlation = 1 - self.accuracy, max(self.correlation, 0.0)
        return error / (correlation + error * (1 - correlation))

    def rates(self, gain: float) -> tuple[float, float]:
        """Return how often a model errs on hard images where the champion errs, and where it is right."""
        rate = (1 - self.accuracy - gain) / self.hard_share
        return (0.0, rate / (1 - (1 - self.accuracy))) if self.correlation < 0 else (rate, rate)


SCENES = (
    Scene("errors correlated 0.5"),
    Scene("correlated 0.3", correlation=0.3),
    Scene("correlated 0.9", correlation=0.9),
    Scene("independent", correlation=0.0),
    Scene("opposed to the champion", correlation=-1.0),
    Scene("0.1 points worse", gain=-0.001),
    Scene("best of six on validation", candidates=6),
    Scene("benchmark grows 400 to 10,000", first_images=400),
    Scene("5 % errors", accuracy=0.95),
    Scene("1,600 images", images=1_600, validation=640, accuracy=0.982),
    Scene("359 images", images=359, validation=143, accuracy=0.97),
    Scene("a fresh benchmark each time", fresh=True),
)


@dataclass(frozen=True)
class Series:
    """What became of many repetitions of one series of challengers.

    Attributes:
        any_promoted: Share of the repetitions with at least one promotion.
        promoted: Mean number of promotions.
        claimed_gain_pp: Mean sum of the gains that the promotions showed, in points.
        left: Mean of what remained of alpha.
    """

    any_promoted: float
    promoted: float
    claimed_gain_pp: float
    left: float


@dataclass(frozen=True, eq=False)
class _Side:
    """Benchmark or validation images of every repetition, ``[R]``: hard ones, and the champion's errors."""

    hard: Counts
    errors: Counts
    images: int

    def grown(self, rng: np.random.Generator, scene: Scene, images: int) -> "_Side":
        if images <= self.images:
            return self
        more = rng.binomial(images - self.images, scene.hard_share, self.hard.shape)
        errors = self.errors + rng.binomial(more, scene.rates(0.0)[1])
        return _Side(self.hard + more, errors, images)

    def challenged(self, rng: np.random.Generator, scene: Scene, candidates: int) -> tuple[Counts, Counts]:
        """Return how many images fresh challengers fix and how many errors they make, ``[M, R]`` each."""
        same, other = scene.rates(scene.gain)
        shape = (candidates, *self.hard.shape)
        fixed = rng.binomial(np.broadcast_to(self.errors, shape), 1 - min(same, 1.0))
        made = rng.binomial(np.broadcast_to(self.hard - self.errors, shape), min(other, 1.0))
        return fixed, made

    def with_champion(self, promoted: NDArray[np.bool_], fixed: Counts, made: Counts) -> "_Side":
        return replace(self, errors=np.where(promoted, self.errors - fixed + made, self.errors))


def series(
    policy: GatePolicy,
    scene: Scene,
    *,
    challengers: int = 200,
    repetitions: int = 1000,
    seed: int = 0,
    equal_shares: bool = False,
) -> Series:
    """Judge challengers in turn; what passes becomes champion.

    Args:
        policy: The rules.
        scene: The challengers.
        challengers: How many are judged at most.
        repetitions: How many series.
        seed: Of the random numbers.
        equal_shares: Let each judgement spend ``alpha / challengers``, as releases before this rule did.
    """
    rng = np.random.default_rng(seed)
    first = scene.first_images or scene.images
    benchmark, validation = (_side(rng, scene, repetitions, images) for images in (first, scene.validation))
    left = np.full(repetitions, policy.alpha)
    promoted, claimed = np.zeros((2, repetitions))
    for turn in range(challengers):
        size = first + (scene.images - first) * turn // max(challengers - 1, 1)
        grown = benchmark.grown(rng, scene, size)
        benchmark = replace(_side(rng, scene, repetitions, size), images=size) if scene.fresh else grown
        fixed_v, made_v = _best(*validation.challenged(rng, scene, scene.candidates))
        fixed, made = (counts[0] for counts in benchmark.challenged(rng, scene, 1))
        levels = _levels(policy, left, fixed_v, made_v, scene.validation)
        levels = np.full(repetitions, policy.alpha / challengers) if equal_shares else levels
        judged = _screened(policy, fixed_v, made_v) & (levels > 0)
        wins = judged & accepted(policy, fixed[:, None], made[:, None], size, levels, grown=False)
        left = left - np.where(judged & ~wins, levels * policy.caution, 0.0) if policy.promises else left
        promoted += wins
        claimed += np.where(wins, (fixed - made) * 100 / size, 0)
        benchmark = benchmark.with_champion(wins, fixed, made)
        validation = validation.with_champion(wins, fixed_v, made_v)
    return Series(float((promoted > 0).mean()), float(promoted.mean()), float(claimed.mean()), float(left.mean()))


def power_of(
    policy: GatePolicy,
    gain: float,
    images: int,
    validation: int,
    left: float | None = None,
    *,
    repetitions: int = 10_000,
    seed: int = 0,
    level: float | None = None,
    grown: bool = False,
    accuracy: float | None = None,
) -> float:
    """Return the probability that one challenger better by ``gain`` is promoted, screen and vetoes included.

    Args:
        policy: The rules.
        gain: The true gain, a fraction.
        images: Benchmark images.
        validation: Validation images.
        left: What remains of alpha; ``None`` for all of it.
        repetitions: How many challengers are drawn.
        seed: Of the random numbers.
        level: A fixed p-value in place of the one that the budget gives.
        grown: Whether it is the champion's recipe, trained on more images.
        accuracy: The champion's; ``None`` takes two good models of one kind.
    """
    rng = np.random.default_rng(seed)
    rates = power.usual_rates(gain) if accuracy is None else power.rates(accuracy, gain)
    fixed, made = _counts(rng, rates, images, repetitions)
    fixed_v, made_v = (counts.sum(-1) for counts in _counts(rng, rates, validation, repetitions))
    budget = np.full(repetitions, policy.alpha if left is None else left)
    levels = _levels(policy, budget, fixed_v, made_v, validation, grown=grown) if level is None else level
    passed = accepted(policy, fixed, made, images, levels, grown=grown)
    return float((passed & _screened(policy, fixed_v, made_v)).mean())


def _side(rng: np.random.Generator, scene: Scene, repetitions: int, images: int) -> _Side:
    hard = rng.binomial(images, scene.hard_share, repetitions)
    rate = (1 - scene.accuracy) / scene.hard_share
    return _Side(hard, rng.binomial(hard, min(rate, 1.0)), images)


def _best(fixed: Counts, made: Counts) -> tuple[Counts, Counts]:
    """The candidate of each repetition that gained most, ``[M, R]`` to ``[R]``."""
    best = (fixed - made).argmax(axis=0)
    rows = np.arange(fixed.shape[1])
    return fixed[best, rows], made[best, rows]


def _levels(
    policy: GatePolicy, left: NDArray[np.float64], fixed: Counts, made: Counts, validation: int, *, grown: bool = False
) -> NDArray[np.float64]:
    if not policy.promises:
        return np.full(len(left), policy.alpha / policy.caution)
    if policy.out_of_fold:
        return left * spending.OUT_OF_FOLD_SHARE / policy.caution
    claim = claim_of(policy, grown)
    return left * spending.share(p_value(policy, claim, fixed, made, validation))


def _counts(
    rng: np.random.Generator, rates: tuple[float, float], images: int, repetitions: int
) -> tuple[Counts, Counts]:
    fixed, made = rates
    shares = [*[fixed / CLASSES] * CLASSES, *[made / CLASSES] * CLASSES, 1 - fixed - made]
    drawn = rng.multinomial(images, shares, repetitions)
    return drawn[:, :CLASSES], drawn[:, CLASSES:-1]


def _screened(policy: GatePolicy, fixed: Counts, made: Counts) -> NDArray[np.bool_]:
    if policy.screen_alpha is None:
        return np.ones(len(fixed), bool)
    return ~paired.clearly_worse(fixed, made, policy.screen_alpha)
