"""The gate: evidence and a policy in, a decision with its reasons out. Pure: whoever calls it pays in between.

``screen`` runs what costs nothing. Where it lets the challenger through to a champion, the caller takes the level
from the dataset's budget (``pipeline.judging.ledger``), asks ``out_of_reach`` whether the comparison can be won at
all, records the debit, and only then calls ``compare``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.contracts import Check, Outcome, PairedResult, Verdict
from pipeline.judging import advice, claims, comparisons, explain, free_checks, rules
from pipeline.judging.evidence import Evidence
from pipeline.judging.ledger import Grant, Refusal
from pipeline.judging.policy import GatePolicy


@dataclass(frozen=True)
class Judgement:
    """What the gate decided.

    Attributes:
        outcome: ``pass`` only if there are checks and all of them pass.
        checks: In the order they were made.
        explanation: Sentences that belong to no single check.
        comparison: The comparison with the champion; ``None`` where none was made.
        grant: What was paid; ``None`` where nothing was.
    """

    outcome: Outcome
    checks: tuple[Check, ...]
    explanation: tuple[str, ...] = ()
    comparison: PairedResult | None = None
    grant: Grant | None = None


@dataclass(frozen=True)
class Screening:
    """What the free checks found.

    Attributes:
        checks: In the order they were made.
        p_validation: P-value on validation images of what the benchmark is to prove; ``None`` without any.
        judgement: The decision, where no comparison follows; ``None`` where it does.
    """

    checks: tuple[Check, ...]
    p_validation: float | None = None
    judgement: Judgement | None = None


def screen(policy: GatePolicy, evidence: Evidence) -> Screening:
    """Run all that costs nothing; a first champion, which has nothing to be compared with, is decided here."""
    usable = free_checks.usable(evidence)
    if usable.outcome != "pass":
        return _decided([usable])
    checks = [usable, *rules.applied(policy, evidence, benchmark=False)]
    if evidence.champion is None:
        checks += rules.applied(policy, evidence, benchmark=True)
        return _decided(checks, [explain.FIRST_CHAMPION])
    unknown = claims.unknown_former(policy, evidence)
    checks += [unknown] if unknown else []
    if outcome(checks) != "pass":
        return _decided(checks, [explain.NOT_COMPARED])
    return Screening(tuple(checks), claims.p_on_validation(policy, evidence))


def out_of_reach(
    policy: GatePolicy, evidence: Evidence, screening: Screening, level: float, most: float
) -> Judgement | None:
    """Return the refusal of a comparison that no challenger could win at this level; ``None`` where one could.

    ``most`` is the largest level that any challenger could be given now.
    """
    impossible = claims.out_of_reach(policy, evidence, level, most)
    return _judgement([*screening.checks, impossible]) if impossible else None


def refused(screening: Screening, refusal: Refusal) -> Judgement:
    """Return the judgement where nothing is left to spend."""
    left = Check("budget_left", "error budget left", "fail", refusal.spent, refusal.alpha, refusal.reason)
    return _judgement([*screening.checks, left])


def compare(policy: GatePolicy, evidence: Evidence, screening: Screening, grant: Grant) -> Judgement:
    """Compare challenger and champion on the benchmark, at the level that was paid for.

    Raises:
        ValueError: The screening let nothing through to a comparison.
    """
    champion = evidence.champion
    if champion is None or screening.judgement is not None:
        raise ValueError("There is nothing to compare: the screening already decided.")
    found = [
        *claims.headline(policy, evidence, champion, grant.level),
        *rules.applied(policy, evidence, benchmark=True),
    ]
    checks = [*screening.checks, *found]
    comparison = comparisons.compare(evidence, champion)
    explanation = explain.of_comparison(policy, evidence.grown, comparison, grant, outcome(checks) == "pass")
    return Judgement(outcome(checks), tuple(checks), tuple(explanation), comparison.result(), grant)


def verdict(policy: GatePolicy, evidence: Evidence, judgement: Judgement, judged_at: str) -> Verdict:
    """Return a judgement with all that it rests on, as it is recorded; ``judged_at`` is UTC, ISO 8601."""
    champion, grant = evidence.champion, judgement.grant
    return Verdict(
        outcome=judgement.outcome,
        candidate_id=evidence.challenger.id,
        candidate_digest=evidence.challenger.digest,
        champion_id=champion.id if champion else None,
        champion_digest=champion.digest if champion else None,
        dataset=evidence.dataset,
        benchmark_sha256=evidence.benchmark_sha256,
        truth_sha256=evidence.truth_sha256,
        benchmark_images=len(evidence.labels),
        policy=policy.name,
        policy_sha256=policy.digest,
        checks=judgement.checks,
        explanation=judgement.explanation,
        judged_at=judged_at,
        ledger=grant.charge(promoted=judgement.outcome == "pass") if grant else None,
        comparison=judgement.comparison,
        disclose=policy.disclose,
        grown=evidence.grown,
        lack=advice.lack(policy, evidence, judgement.checks, judgement.comparison),
        out_of_fold=evidence.out_of_fold,
    )


def outcome(checks: Iterable[Check]) -> Outcome:
    """Return ``error`` before ``fail`` before ``pass``; without checks nothing passes."""
    outcomes = {check.outcome for check in checks}
    if not outcomes or "error" in outcomes:
        return "error"
    return "fail" if "fail" in outcomes else "pass"


def _decided(checks: list[Check], explanation: list[str] | None = None) -> Screening:
    return Screening(tuple(checks), judgement=_judgement(checks, explanation))


def _judgement(checks: list[Check], explanation: list[str] | None = None) -> Judgement:
    return Judgement(outcome(checks), tuple(checks), tuple(explanation or ()))
