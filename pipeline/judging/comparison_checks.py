"""The checks that compare challenger and champion on the benchmark: what a judgement pays for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.contracts import Check, Outcome
from pipeline.judging import paired
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.policy import GatePolicy
from pipeline.judging.words import percent


@dataclass(frozen=True, eq=False)
class PairedComparison:
    """Challenger against another model on the benchmark.

    Attributes:
        fixed: Images of each class that only the challenger gets right, ``[K]``.
        made: Images of each class that only the other gets right, ``[K]``.
        images: All images.
        other_errors: Images that the other gets wrong: no more can be fixed.
    """

    fixed: paired.Counts
    made: paired.Counts
    images: int
    other_errors: int

    @property
    def gain(self) -> float:
        """Gain in accuracy, a fraction."""
        return float(self.fixed.sum() - self.made.sum()) / self.images

    @property
    def disagreement(self) -> float:
        """Share of the images that exactly one of the two gets right."""
        return float(self.fixed.sum() + self.made.sum()) / self.images

    def figures(self) -> dict[str, float]:
        """What a verdict records of it."""
        low, high = paired.gain_interval(self.fixed.sum(), self.made.sum(), self.images)
        return {
            "fixed": int(self.fixed.sum()),
            "made": int(self.made.sum()),
            "gain_pp": 100 * self.gain,
            "gain_low_pp": 100 * float(low),
            "gain_high_pp": 100 * float(high),
            "p_value": float(paired.p_better(self.fixed.sum(), self.made.sum())),
        }


def compare(evidence: Evidence, other: Contender) -> PairedComparison:
    """The challenger against another contender."""
    mine, theirs = (paired.right(c.benchmark, evidence.labels) for c in (evidence.challenger, other))
    fixed, made = paired.count_by_class(mine, theirs, evidence.labels, len(evidence.classes))
    return PairedComparison(fixed, made, len(evidence.labels), int((~theirs).sum()))


def accepted(policy: GatePolicy, fixed: ArrayLike, made: ArrayLike, images: int, level: float) -> NDArray[np.bool_]:
    """Whether the comparison on the benchmark lets a challenger through; ``[..., K]`` counts by class to ``[...]``.

    The checks below say the same of one challenger in words; the simulation asks it of many at once.
    """
    b, c = np.asarray(fixed), np.asarray(made)
    enough = _statistic(policy, b.sum(-1), c.sum(-1), images, level)[1]
    if policy.class_alpha is None:
        return enough
    let_through = enough.copy()
    let_through[enough] = ~paired.any_class_worse(b[enough], c[enough], policy.class_alpha)
    return let_through


def for_policy(policy: GatePolicy, evidence: Evidence, champion: Contender, level: float) -> list[Check]:
    """All checks of the comparison that the policy asks for."""
    against = evidence.best_ever if policy.mode == "non-inferior" else champion
    checks = [headline(policy, compare(evidence, against), level) if against else _no_best_ever(policy)]
    if policy.class_alpha is not None:
        checks.append(no_class_worse(compare(evidence, champion), evidence.classes, policy.class_alpha))
    if policy.robustness_margin_pp is not None:
        checks.append(robustness(evidence.challenger, champion, policy.robustness_margin_pp))
    return checks


def headline(policy: GatePolicy, comparison: PairedComparison, level: float) -> Check:
    """The one rule that promotes: better, not inferior, or as good, as the policy has it."""
    fixed, made = comparison.fixed.sum(), comparison.made.sum()
    value, enough = _statistic(policy, fixed, made, comparison.images, level)
    figures = comparison.figures()
    found = (
        f"{_verb(figures)}: {figures['gain_pp']:+.2f} points "
        f"(95 %: {figures['gain_low_pp']:+.2f} to {figures['gain_high_pp']:+.2f})"
    )
    outcome: Outcome = "pass" if enough else "fail"
    if policy.mode == "as-good":
        return Check("as_good", "accuracy at least the champion's", outcome, float(value), 0.0, f"{found}.")
    sentence = f"{found}, {paired.in_words(float(value))}, needs p <= {level:.3g}."
    if policy.mode == "non-inferior":
        title = f"less than {policy.margin_pp:g} points worse than the best ever"
        return Check("proven_not_inferior", title, outcome, float(value), level, sentence)
    if fixed + made == 0:
        sentence = "The two are right and wrong on the same images: indistinguishable, which is no proof."
    return Check("proven_better", "proven better than the champion", outcome, float(value), level, sentence)


def no_class_worse(comparison: PairedComparison, classes: tuple[str, ...], level: float) -> Check:
    """No class is proven worse than with the champion, Holm's correction over the classes."""
    corrected = paired.holm(paired.p_better(comparison.made, comparison.fixed))
    worst = int(corrected.argmin())
    vetoed = bool(paired.any_class_worse(comparison.fixed, comparison.made, level))
    found = (
        f"{classes[worst]}: fixed {comparison.fixed[worst]}, made {comparison.made[worst]}, "
        f"corrected {paired.in_words(corrected[worst])}"
    )
    named = ", ".join(np.array(classes)[corrected <= level])
    sentence = f"Proven worse: {named}. {found}." if vetoed else f"None proven worse; nearest {found}."
    outcome: Outcome = "fail" if vetoed else "pass"
    return Check("no_class_worse", "no class proven worse", outcome, float(corrected[worst]), level, sentence)


def robustness(challenger: Contender, champion: Contender, margin_pp: float) -> Check:
    """Mean accuracy on corrupted copies is not too far below the champion's."""
    name, title = "robustness", f"on corrupted images at most {margin_pp:g} points below"
    mine, theirs = challenger.corrupted_accuracy, champion.corrupted_accuracy
    if mine is None or theirs is None or not (np.isfinite(mine) and np.isfinite(theirs)):
        return Check(name, title, "error", None, -margin_pp, "Robustness of one of the two was not measured.")
    difference = 100 * (mine - theirs)
    hardest = _hardest(challenger.corrupted, champion.corrupted)
    found = f"{percent(mine)} against the champion's {percent(theirs)} ({difference:+.2f} points)"
    sentence = f"{found}; most is lost on {hardest}."
    outcome: Outcome = "pass" if difference >= -margin_pp else "fail"
    return Check(name, title, outcome, difference, -margin_pp, sentence)


def _statistic(
    policy: GatePolicy, fixed: ArrayLike, made: ArrayLike, images: int, level: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    b, c = np.asarray(fixed), np.asarray(made)
    if policy.mode == "as-good":
        return (b - c) / images, np.asarray(b >= c)
    if policy.mode == "non-inferior":
        p = paired.p_non_inferior(b, c, images, (policy.margin_pp or 0.0) / 100, level)
    else:
        p = paired.p_better(b, c)
    return p, np.asarray(p <= level)


def _verb(figures: Mapping[str, float]) -> str:
    made, fixed = int(figures["made"]), int(figures["fixed"])
    return f"fixed {fixed} error{'' if fixed == 1 else 's'}, made {made} new one{'' if made == 1 else 's'}"


def _hardest(mine: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    return min(mine, key=lambda name: mine[name] - theirs.get(name, mine[name])).replace("_", " ")


def _no_best_ever(policy: GatePolicy) -> Check:
    reason = "The best champion ever on this benchmark is not known, so nothing can be allowed to be worse."
    return Check("proven_not_inferior", "not inferior to the best ever", "error", None, policy.level, reason)
