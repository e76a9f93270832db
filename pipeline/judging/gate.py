"""The gate: evidence and a policy in, a decision with its reasons out. Pure but for the debit it is handed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.contracts import Check, Outcome
from pipeline.judging import comparison_checks, explain, free_checks
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.ledger import Grant, Refusal
from pipeline.judging.policy import GatePolicy

Debit = Callable[[], Grant | Refusal]
"""Pays for one judgement, durably, before the comparison is looked at."""


@dataclass(frozen=True)
class Judgement:
    """What the gate decided.

    Attributes:
        outcome: ``pass`` only if there are checks and all of them pass.
        checks: In the order they were made.
        explanation: Sentences that belong to no single check.
        comparison: Figures of the comparison with the champion; empty where none was made.
        grant: What was paid; ``None`` where nothing was.
    """

    outcome: Outcome
    checks: tuple[Check, ...]
    explanation: tuple[str, ...] = ()
    comparison: Mapping[str, float] = field(default_factory=dict)
    grant: Grant | None = None


def judge(policy: GatePolicy, evidence: Evidence, debit: Debit) -> Judgement:
    """Decide: free checks, then the free screen, then the debit, and only then the comparison.

    Args:
        policy: The rules.
        evidence: Everything they look at.
        debit: Called at most once, and only where a comparison follows.
    """
    usable = free_checks.usable(evidence)
    if usable.outcome != "pass":
        return _judgement([usable])
    checks = [usable, *free_checks.for_policy(policy, evidence)]
    if evidence.champion is None:
        return _judgement([*checks, free_checks.beats_dummy(evidence)], [explain.FIRST_CHAMPION])
    if outcome(checks) == "pass" and policy.screen_alpha is not None:
        checks.append(free_checks.screen(evidence, evidence.champion, policy.screen_alpha))
    if outcome(checks) != "pass":
        return _judgement(checks, ["It did not get past the free checks, so nothing was spent."])
    grant = debit()
    if isinstance(grant, Refusal):
        return _judgement([*checks, _exhausted(grant)])
    return _compared(policy, evidence, evidence.champion, checks, grant)


def outcome(checks: list[Check] | tuple[Check, ...]) -> Outcome:
    """``error`` before ``fail`` before ``pass``; without checks nothing passes."""
    outcomes = {check.outcome for check in checks}
    if not outcomes or "error" in outcomes:
        return "error"
    return "fail" if "fail" in outcomes else "pass"


def _compared(
    policy: GatePolicy, evidence: Evidence, champion: Contender, free: list[Check], grant: Grant
) -> Judgement:
    comparison = comparison_checks.compare(evidence, champion)
    checks = [*free, *comparison_checks.for_policy(policy, evidence, champion, grant.level)]
    explanation = explain.of_comparison(policy, comparison, grant, outcome(checks) == "pass")
    return Judgement(outcome(checks), tuple(checks), tuple(explanation), comparison.figures(), grant)


def _judgement(checks: list[Check], explanation: list[str] | None = None) -> Judgement:
    return Judgement(outcome(checks), tuple(checks), tuple(explanation or ()))


def _exhausted(refusal: Refusal) -> Check:
    title = "judgements left on this benchmark"
    return Check("judgements_left", title, "fail", refusal.judged, refusal.horizon, refusal.reason)
