"""How a verdict is shown: a version that misses a demand failed; one that was not shown to be better was not promoted.

Reports, listings, the workbook and the terminal all ask here.
"""

from pipeline.contracts import Check, Standing, Verdict, Version

AGAINST_THE_CHAMPION = frozenset(
    {
        *("validation_screen", "proven_better", "proven_not_inferior", "as_good"),
        *("within_reach", "budget_left", "not_the_champion", "withheld"),
    }
)
"""Checks that hold a challenger against the champion alone, or could not be afforded: no demand is missed by them."""


def of_verdict(verdict: Verdict) -> Standing:
    """Return how a version is shown; where a policy withholds what a refusal rests on, each is ``unproven``."""
    if verdict.outcome != "fail":
        return verdict.outcome
    bad = [check for check in verdict.checks if check.outcome != "pass"]
    withheld = verdict.disclose == "verdict"
    return "unproven" if withheld or (bad and all(of_check(check) == "unproven" for check in bad)) else "fail"


def of_version(version: Version) -> Standing:
    """Return how a version is shown: one that passed once, against an earlier champion, is not called unproven."""
    now = of_verdict(version.verdict)
    passed = any(verdict.outcome == "pass" for verdict in version.earlier)
    return "passed_before" if now == "unproven" and passed else now


def of_check(check: Check) -> Standing:
    """Return how one check is shown, in the same terms."""
    return "unproven" if check.outcome == "fail" and check.name in AGAINST_THE_CHAMPION else check.outcome


def claimed(verdict: Verdict) -> tuple[str, float] | None:
    """Return what was to be proven of a challenger, in a word or two, and its p-value; ``None`` without a champion."""
    kept = next((check.value for check in verdict.checks if check.name == "proven_not_inferior"), None)
    if kept is not None:
        return "not worse", kept
    return ("better", verdict.comparison.p_value) if verdict.comparison else None
