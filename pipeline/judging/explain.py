"""A verdict in words: why, what it would have taken, and how it looks on a terminal."""

from pipeline.contracts import Check, Verdict
from pipeline.judging import power
from pipeline.judging.comparison_checks import PairedComparison
from pipeline.judging.ledger import Grant
from pipeline.judging.policy import GatePolicy

WORDS = {"pass": "pass", "fail": "FAIL", "error": "ERROR"}
FIRST_CHAMPION = (
    "There was no champion: as a first champion it only had to reach the floors and beat `dummy`; nothing was spent."
)


def of_comparison(policy: GatePolicy, comparison: PairedComparison, grant: Grant, passed: bool) -> list[str]:
    """Sentences on what this benchmark can show, the rule of 2018, and what was spent."""
    sentences = []
    if policy.mode == "better" and not passed:
        sentences += [_smallest(comparison, grant.level), *_needed(comparison, grant.level)]
    if not passed:
        sentences.append(_rule_of_2018(comparison))
    sentences.append(_promise(policy, grant))
    return sentences


def lines(verdict: Verdict) -> list[str]:
    """A verdict as lines of plain text for a terminal."""
    width = max((len(check.title) for check in verdict.checks), default=0)
    return [
        _header(verdict),
        *(_line(check, width) for check in verdict.checks),
        *(f"  {s}" for s in verdict.explanation),
    ]


def _header(verdict: Verdict) -> str:
    against = f" against champion {verdict.champion_id}" if verdict.champion_id else ", no champion yet"
    judged = ""
    if verdict.ledger.get("horizon"):
        judged = f", judged {verdict.ledger['judged']:.0f} of {verdict.ledger['horizon']:.0f}"
    return (
        f"{verdict.outcome.upper()}  {verdict.candidate_id}{against}, on {verdict.dataset} benchmark, "
        f"{verdict.benchmark_images:,} images, gate {verdict.policy}{judged}"
    )


def _line(check: Check, width: int) -> str:
    return f"  {check.title:<{width}}  {WORDS[check.outcome]:<5}  {check.sentence}"


def out_of_reach(errors: int, images: int, level: float) -> str | None:
    """Why nothing can be proven better than a champion with so few errors; ``None`` where something can."""
    fewest = power.fewest_fixes(level)
    if errors >= fewest:
        return None
    return (
        f"The champion makes {errors} error{'' if errors == 1 else 's'} on these {images:,} images, and this gate "
        f"needs at least {fewest} fixed and none made: no challenger can be proven better here. "
        "It takes a larger benchmark."
    )


def _smallest(comparison: PairedComparison, level: float) -> str:
    images, errors = comparison.images, comparison.other_errors
    hopeless = out_of_reach(errors, images, level)
    if hopeless:
        return hopeless
    gain = power.smallest_gain(images, max(comparison.disagreement, 1 / images), level) or 1.0
    room = "" if gain <= errors / images else f"; the champion's errors leave room for {100 * errors / images:.2f}"
    return f"With {images:,} images this gate finds a gain of {100 * gain:.2f} points 4 times in 5{room}."


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


def _promise(policy: GatePolicy, grant: Grant) -> str:
    terms = grant.terms
    if policy.mode == "as-good":
        return "This gate proves nothing: among equally good challengers about every second one passes."
    if terms is None:
        return f"Each judgement may err with probability {grant.level:g}; over many of them nothing is promised."
    return (
        f"Judged {terms.judged} of {terms.horizon} on this benchmark, {terms.spent:.3g} of {terms.alpha:g} spent: "
        f"the probability of ever promoting a challenger that is no better stays at most {terms.alpha:g} "
        "(docs/gate.md says under which assumptions)."
    )
