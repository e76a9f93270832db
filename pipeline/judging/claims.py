"""The one claim that a challenger must prove on the benchmark to be promoted, at the level that was paid for."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.contracts import Check
from pipeline.judging import paired
from pipeline.judging.comparisons import compare, in_words
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.free_checks import validation_counts
from pipeline.judging.policy import GatePolicy
from pipeline.judging.words import counted, passed

Claim = Literal["better", "non-inferior", "as-good"]


def claim_of(policy: GatePolicy, grown: bool) -> Claim:
    """Return what this challenger must prove.

    Args:
        policy: The rules.
        grown: Whether it is the champion's recipe, trained on all of the champion's images and more.
    """
    if policy.mode == "growing":
        return "non-inferior" if grown else "better"
    return "better" if policy.mode == "cross-fit" else policy.mode


def p_value(policy: GatePolicy, claim: Claim, fixed: ArrayLike, made: ArrayLike, images: int) -> NDArray[np.float64]:
    """Return the one-sided p-value of the claim, elementwise; 1 for a claim that proves nothing."""
    if claim == "non-inferior":
        return paired.p_non_inferior(fixed, made, images, policy.margin)
    if claim == "better":
        return paired.p_better(fixed, made)
    return np.ones(np.broadcast(fixed, made).shape)


def p_on_validation(policy: GatePolicy, evidence: Evidence) -> float | None:
    """Return the p-value of the claim on validation images, which sets the level; ``None`` without any."""
    claim, images = claim_of(policy, evidence.grown), len(evidence.validation_labels)
    if images == 0 or evidence.champion is None or claim == "as-good":
        return None
    return float(p_value(policy, claim, *validation_counts(evidence), images))


def accepted(
    policy: GatePolicy, fixed: ArrayLike, made: ArrayLike, images: int, level: ArrayLike, *, grown: bool
) -> NDArray[np.bool_]:
    """Return whether the comparison with the champion promotes; ``[..., K]`` counts by class to ``[...]``.

    The checks say the same of one challenger in words; the simulation asks it of many at once.
    """
    b, c = np.asarray(fixed), np.asarray(made)
    claim = claim_of(policy, grown)
    enough = np.asarray(p_value(policy, claim, b.sum(-1), c.sum(-1), images) <= np.asarray(level, float))
    if claim == "as-good" or policy.mode == "growing":
        enough = (enough | (claim == "as-good")) & (b.sum(-1) >= c.sum(-1))
    if policy.class_alpha is not None:
        enough &= ~paired.any_class_worse(b, c, policy.class_alpha)
    return enough


def unknown_former(policy: GatePolicy, evidence: Evidence) -> Check | None:
    """Return an error where the claim is about every former champion, and not all can be measured; else ``None``."""
    if claim_of(policy, evidence.grown) != "non-inferior" or (evidence.former and not evidence.lost):
        return None
    missing = f" ({', '.join(evidence.lost)})" if evidence.lost else ""
    reason = f"Not every former champion can be measured{missing}, so no loss can be allowed."
    return Check("proven_not_inferior", _title_of_not_inferior(policy), "error", None, None, reason)


def out_of_reach(policy: GatePolicy, evidence: Evidence, level: float, most: float) -> Check | None:
    """Return a failing check where a challenger without errors would not be promoted at this level; else ``None``.

    It depends on the level and the other models' errors alone, so such a comparison need not be paid for.

    Args:
        policy: The rules.
        evidence: What would be compared.
        level: The p-value that this challenger needs.
        most: The largest that any challenger could be given now.
    """
    claim, images = claim_of(policy, evidence.grown), len(evidence.labels)
    if claim == "as-good" or evidence.champion is None:
        return None
    against = evidence.former if claim == "non-inferior" else (evidence.champion,)
    for other in against:
        errors = int((~paired.right(other.benchmark, evidence.labels)).sum())
        best = float(p_value(policy, claim, errors, 0, images))
        if best > level:
            why = _why_better(policy, evidence) if claim == "better" else ""
            easier = most if best <= most else None
            return _impossible(other, errors, images, best, level, why=why, easier=easier)
    return None


def headline(policy: GatePolicy, evidence: Evidence, champion: Contender, level: float) -> list[Check]:
    """Return the checks of the claim: better, not inferior, or as good, as the policy has it."""
    claim = claim_of(policy, evidence.grown)
    if claim == "as-good":
        return [as_good(evidence, champion)]
    if claim == "better":
        return [_better(policy, evidence, champion, level)]
    checks = [_not_inferior(policy, evidence, level)]
    return [*checks, as_good(evidence, champion)] if policy.mode == "growing" else checks


def as_good(evidence: Evidence, champion: Contender) -> Check:
    """Check that accuracy is at least the champion's, as measured."""
    result = compare(evidence, champion).result()
    value = (result.fixed - result.made) / len(evidence.labels)
    title = "accuracy at least the champion's"
    return Check("as_good", title, passed(value >= 0), value, 0.0, f"{in_words(result)}.")


def _better(policy: GatePolicy, evidence: Evidence, champion: Contender, level: float) -> Check:
    result, title = compare(evidence, champion).result(), "proven better than the champion"
    p = float(p_value(policy, "better", result.fixed, result.made, len(evidence.labels)))
    shown, limit = paired.against_limit(p, level)
    sentence = f"{in_words(result)}; {shown} for being no better, needs p <= {limit}."
    if result.fixed + result.made == 0:
        sentence = "Both models are right and wrong on the same images, so neither is proven better."
    return Check("proven_better", title, passed(p <= level), p, level, sentence + _why_better(policy, evidence))


def _why_better(policy: GatePolicy, evidence: Evidence) -> str:
    """Why more is asked of this challenger than of the champion's recipe with more images, as another sentence."""
    if policy.mode != "growing" or evidence.shortfall is None:
        return ""
    return f" It has to be proven better, not only as good, since {evidence.shortfall}."


def _not_inferior(policy: GatePolicy, evidence: Evidence, level: float) -> Check:
    unknown = unknown_former(policy, evidence)
    if unknown:
        return unknown
    # Proven for each at the full level: a union of null hypotheses is rejected if all of them are (Berger 1982).
    found = [(compare(evidence, other).result(), other) for other in evidence.former]
    values = [
        float(p_value(policy, "non-inferior", result.fixed, result.made, len(evidence.labels))) for result, _ in found
    ]
    worst = int(np.argmax(values))
    result, other = found[worst]
    shown, limit = paired.against_limit(values[worst], level)
    hardest = f", the hardest of {len(found)}" if len(found) > 1 else ""
    worse = f"{policy.margin_pp:g} points or more worse"
    sentence = f"Against {other.id}{hardest}: {in_words(result)}; {shown} for being {worse}, needs p <= {limit}."
    title = _title_of_not_inferior(policy)
    return Check("proven_not_inferior", title, passed(values[worst] <= level), values[worst], level, sentence)


def _title_of_not_inferior(policy: GatePolicy) -> str:
    return f"less than {policy.margin_pp:g} points worse than every former champion"


def _impossible(
    other: Contender, errors: int, images: int, best: float, level: float, *, why: str, easier: float | None
) -> Check:
    shown, limit = paired.against_limit(best, level)
    made, only = f"makes {counted(errors, 'error')}", "even fixing all of them and making none"
    if errors == 0:
        made, only = "makes no error", "making none either"
    found = f"{other.id} {made} on these {images:,} images"
    reason = f"{found}: {only} would give {shown}, but p <= {limit} is needed"
    if errors == 0 and best == 1:
        reason = f"{found}, so nothing can be proven better on them"
    whom, more = "No challenger can", "A larger benchmark is needed."
    if easier is not None:
        whom = "This challenger cannot"
        more = (
            f"The better a challenger does on validation images, the larger the p-value that is enough, up to "
            f"{easier:.3g}; a larger benchmark helps, too."
        )
    if why:
        whom, more = (
            "This challenger cannot",
            f"{why[1:]} What can be promoted is the champion's recipe with more images.",
        )
    sentence = f"{reason}. {whom} be promoted here, so they were not compared and nothing was spent. {more}"
    return Check("within_reach", "a promotion is possible on this benchmark", "fail", best, level, sentence)
