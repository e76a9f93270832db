"""A verdict in words: why, what it would have taken, what the gate promises, and how it looks on a terminal."""

from pipeline.contracts import Check, Verdict
from pipeline.judging import advice, power, rules, spending
from pipeline.judging.claims import claim_of
from pipeline.judging.comparisons import PairedComparison
from pipeline.judging.ledger import Grant
from pipeline.judging.policy import GatePolicy
from pipeline.judging.words import counted

WORDS = {"pass": "pass", "fail": "FAIL", "error": "ERROR"}
NOT_PROVEN = advice.LACK_OF_PROOF | {
    "proven_not_inferior",
    "as_good",
    "accuracy_floor",
    "beats_dummy",
    "budget_left",
    "withheld",
}
"""Checks on which a challenger fails for want of proof: with other images or rules it may pass."""
PROOFS = ("proven_better", "proven_not_inferior", "as_good")
"""Checks that compare a challenger with the champion on the benchmark."""
FIRST_CHAMPION = "There was no champion, so it only had to reach the floors and beat `dummy`; nothing was spent."
NOT_COMPARED = (
    "It failed a check that costs nothing, so it was not compared with the champion on the benchmark and nothing was "
    "spent; its own benchmark figures are recorded."
)


def of_policy(policy: GatePolicy) -> list[str]:
    """Return the rules as sentences for a person."""
    found = [one.in_words(policy) for one in rules.registered().values()]
    return [_claim_in_words(policy), *(sentence for sentence in found if sentence)]


def of_comparison(
    policy: GatePolicy, grown: bool, comparison: PairedComparison, grant: Grant, passed: bool
) -> list[str]:
    """Return sentences on what this benchmark can show, the rule of 2018, the promise, and what was spent."""
    sentences = []
    if claim_of(policy, grown) == "better" and not passed:
        sentences += [_findable(comparison, grant.level), *_needed(comparison, grant.level)]
    if not passed:
        sentences.append(_rule_of_2018(comparison))
    return [*sentences, *_spent(grant, passed), promise(policy)]


def promise(policy: GatePolicy) -> str:
    """Return what the gate promises under this policy, in a sentence."""
    if policy.mode == "as-good":
        return "This gate promises nothing: about half of all equally good challengers pass."
    margin = policy.margin_pp or 0
    wrong = {
        "better": "promotes a challenger that is no better than the champion it replaces",
        "non-inferior": f"promotes a challenger that is {margin:g} points or more worse than any champion before it",
        "growing": f"lets production become {margin:g} points or more worse than the best it ever was",
        "cross-fit": "promotes a challenger whose recipe is no better than the champion's",
    }[policy.mode]
    at_most = "about" if policy.out_of_fold else "at most"
    if policy.budget == "each":
        return (
            f"A judgement under this gate {wrong} with a probability of {at_most} {policy.alpha:g}; over many "
            f"judgements nothing is promised.{_caveat(policy)}"
        )
    return (
        f"Over the life of this dataset the probability that this gate ever {wrong} is {at_most} {policy.alpha:g} "
        f"(docs/gate.md states the assumptions).{_caveat(policy)}"
    )


def _caveat(policy: GatePolicy) -> str:
    if not policy.out_of_fold:
        return ""
    return (
        " This is approximate, since models of different folds share training images, so a judgement needs half the "
        "p-value that it pays for. It judges what the recipes make of these images, not the mean that is served."
    )


def proof(verdict: Verdict) -> Check | None:
    """Return the check that compares with the champion, or with all before; ``None`` where none was made."""
    return next((check for check in verdict.checks if check.name in PROOFS), None)


def lines(verdict: Verdict, advised: str | None = None) -> list[str]:
    """Return a verdict as lines of plain text for a terminal, and what to do, if that is known."""
    width = max((len(check.title) for check in verdict.checks), default=0)
    sentences = [*verdict.explanation, advised]
    return [
        _header(verdict),
        *(_line(check, width) for check in verdict.checks),
        *(f"  {sentence}" for sentence in sentences if sentence),
    ]


def _claim_in_words(policy: GatePolicy) -> str:
    if policy.mode == "as-good":
        return "Accuracy at least the champion's on the same images; chance alone can pass (the rule of 2018)."
    within = f"proven less than {policy.margin_pp or 0:g} points worse than every champion so far"
    claim = {
        "better": "Proven better than the champion",
        "non-inferior": within.capitalize(),
        "growing": f"The champion's recipe, trained on more images: at least as good as the champion and {within}. Any "
        "other challenger: proven better than the champion",
        "cross-fit": "Proven better than the champion out of fold, on all images, the benchmark being in the folds",
    }[policy.mode]
    if policy.budget == "each":
        return f"{claim}; exact one-sided paired test, p at most {policy.alpha / policy.caution:g} each time."
    if policy.out_of_fold:
        return (
            f"{claim}; one-sided paired test, approximate. The judgements of a dataset share {policy.alpha:g}: each "
            f"takes {100 * spending.OUT_OF_FOLD_SHARE:g} % of what is left and needs half of that, and a promotion "
            "gets its share back."
        )
    return (
        f"{claim}; exact one-sided paired test. The judgements of a dataset share {policy.alpha:g}: the better a "
        "challenger does on validation images, the more of what is left its judgement gets, and a promotion gets its "
        "share back."
    )


def _header(verdict: Verdict) -> str:
    against = f" against champion {verdict.champion_id}" if verdict.champion_id else ", no champion yet"
    images = f" benchmark, {verdict.benchmark_images:,} images"
    if verdict.out_of_fold:
        images = f", {verdict.benchmark_images:,} images out of fold"
    charge, judged = verdict.ledger, ""
    if charge and charge.alpha is not None and charge.spent is not None:
        left = f"{max(charge.alpha - charge.spent, 0):.3g} of {charge.alpha:g} left"
        judged = f", judgement {charge.judged} of this dataset, {left}"
    return (
        f"{verdict.outcome.upper()}  {verdict.candidate_id}{against}, on {verdict.dataset}{images}, "
        f"gate {verdict.policy}{judged}"
    )


def _line(check: Check, width: int) -> str:
    return f"  {check.title:<{width}}  {WORDS[check.outcome]:<5}  {check.sentence}"


def _findable(comparison: PairedComparison, level: float) -> str:
    images, errors = comparison.images, comparison.other_errors
    gain = power.findable_gain(images, errors, int(comparison.made.sum()), level)
    if gain is None:
        return (
            f"The champion makes only {counted(errors, 'error')} on these {images:,} images: too few for any "
            "challenger to be proven better."
        )
    return (
        f"With {images:,} images, of which the champion gets {errors:,} wrong, this judgement finds a gain of "
        f"{100 * gain:.2f} points 4 times in 5."
    )


def _needed(comparison: PairedComparison, level: float) -> list[str]:
    if comparison.gain <= 0:
        return []
    images = power.images_needed(comparison.gain, comparison.disagreement, level)
    if images is None:
        return []
    return [f"To prove {100 * comparison.gain:+.2f} points it would need about {power.rounded(images):,} images."]


def _rule_of_2018(comparison: PairedComparison) -> str:
    would = "would have promoted it" if comparison.gain >= 0 else "would have refused it too"
    return f"The rule of 2018 (accuracy >= previous) {would}."


def _spent(grant: Grant, passed: bool) -> list[str]:
    after = grant.after(promoted=passed)
    if after is None:
        return []
    cost = f"A promotion gets its {grant.cost:g} back" if passed else f"It cost {grant.cost:g}"
    return [f"{cost}: {after.left:.3g} of {after.alpha:g} is left after {counted(after.judged, 'judgement')}."]
