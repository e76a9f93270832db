"""The ``growing`` rule over a long series: how far production can fall below the best champion so far.

Every challenger is the champion's recipe with more images, so each is judged as such. It is as good as the present
champion, or a little worse: the worst case for a rule that lets small losses through.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.judging import paired, spending
from pipeline.judging.claims import p_value
from pipeline.judging.policy import GatePolicy
from pipeline.judging.simulation import Scene

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Losses:
    """What a series of challengers did to production, over many repetitions.

    Attributes:
        beyond_margin: Share of the repetitions in which production was ever the margin or more below its best.
        largest_pp: Largest loss against the best ever, in points of true accuracy.
        mean_pp: Its mean over the repetitions.
        promoted: Mean number of promotions.
    """

    beyond_margin: float
    largest_pp: float
    mean_pp: float
    promoted: float


def losses(
    policy: GatePolicy, scene: Scene, *, challengers: int = 200, repetitions: int = 100, seed: int = 0
) -> Losses:
    """Judge challengers in turn, each ``scene.gain`` from the champion that serves then; what passes serves."""
    found = [_one(policy, scene, challengers, np.random.default_rng([seed, run])) for run in range(repetitions)]
    worst = np.array([loss for loss, _ in found])
    return Losses(
        beyond_margin=float((worst >= policy.margin - 1e-12).mean()),
        largest_pp=100 * float(worst.max()),
        mean_pp=100 * float(worst.mean()),
        promoted=float(np.mean([promoted for _, promoted in found])),
    )


def _one(policy: GatePolicy, scene: Scene, challengers: int, rng: np.random.Generator) -> tuple[float, int]:
    sizes = scene.images, scene.validation
    hard = tuple(int(rng.binomial(size, scene.hard_share)) for size in sizes)
    true, best, worst, left, promoted = scene.accuracy, scene.accuracy, 0.0, policy.alpha, 0
    first, errors_v = (_drawn(rng, scene, count, true) for count in hard)
    former: list[Bits] = [first]
    for _ in range(challengers):
        mine = true + scene.gain
        theirs, theirs_v = (_drawn(rng, scene, count, mine) for count in hard)
        fixed_v, made_v = _counted(errors_v, theirs_v)
        if policy.screen_alpha and paired.clearly_worse(fixed_v, made_v, policy.screen_alpha):
            continue
        p_validation = p_value(policy, "non-inferior", fixed_v, made_v, sizes[1])
        level = spending.level(left, float(p_validation))
        if _passes(policy, theirs, former, scene.images, level):
            errors_v, true, promoted = theirs_v, mine, promoted + 1
            former.append(theirs)
            best, worst = max(best, true), max(worst, best - true)
        else:
            left -= level
    return worst, promoted


def _passes(policy: GatePolicy, mine: Bits, former: list[Bits], images: int, level: float) -> bool:
    fixed, made = _counted(former[-1], mine)
    if fixed < made or level <= 0:
        return False
    counts = {_counted(other, mine) for other in former}
    # The hardest opponent first: most pairs are settled by it.
    ordered = sorted(counts, key=lambda pair: pair[0] - pair[1])
    return all(float(p_value(policy, "non-inferior", b, c, images)) <= level for b, c in ordered)


def _drawn(rng: np.random.Generator, scene: Scene, hard: int, accuracy: float) -> Bits:
    return rng.random(hard) < min((1 - accuracy) / scene.hard_share, 1.0)


def _counted(theirs: Bits, mine: Bits) -> tuple[int, int]:
    return int((theirs & ~mine).sum()), int((mine & ~theirs).sum())


GROWING_SCENES = (
    Scene("as good as the champion"),
    Scene("0.02 points worse, each time", gain=-0.0002),
    Scene("0.1 points worse, each time", gain=-0.001),
    Scene("0.2 points worse, 1,600 images", gain=-0.002, images=1_600, validation=640, accuracy=0.982),
    Scene("0.5 points worse, 1,600 images", gain=-0.005, images=1_600, validation=640, accuracy=0.982),
)
"""Challengers for a table: worse than the champion that serves then, so that losses would add up."""
