"""A comparison with the champion, paid for before it is made; whoever calls it keeps the ledger."""

from collections.abc import Callable

from pipeline.judging import gate, ledger
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import GatePolicy

Append = Callable[[ledger.Ledger, ledger.Entry], ledger.Ledger]
"""Adds an entry to a ledger, on disk before it returns if the ledger is to outlive the process."""


def pair_of(policy: GatePolicy, evidence: Evidence) -> ledger.Pair:
    """Return who is compared with whom, on what, under which rules."""
    return ledger.Pair(
        policy=policy.digest,
        candidate=evidence.challenger.digest,
        champion=evidence.champion.digest if evidence.champion else "",
        truth=evidence.truth_sha256,
    )


def pay(
    policy: GatePolicy, evidence: Evidence, screening: gate.Screening, book: ledger.Ledger, append: Append
) -> tuple[ledger.Ledger, ledger.DebitEntry] | gate.Judgement:
    """Record the debit of a comparison, unless a crash left it; or return why there is none.

    Returns:
        The ledger with the debit, and the debit; or the refusal, which costs nothing.
    """
    pair = pair_of(policy, evidence)
    debit = ledger.paid(book, pair)
    if debit:
        return book, debit
    level = ledger.price(book, policy, screening.p_validation)
    if isinstance(level, ledger.Refusal):
        return gate.refused(screening, level)
    easiest = ledger.price(book, policy, 0.0)
    most = level if isinstance(easiest, ledger.Refusal) else easiest
    hopeless = gate.out_of_reach(policy, evidence, screening, level, most)
    if hopeless:
        return hopeless
    if not ledger.knows_benchmark(book, evidence.truth_sha256):
        book = append(book, _benchmark(evidence))
    entry = ledger.debit(policy, level, pair, evidence.challenger.id, screening.p_validation)
    book = append(book, entry)
    return book, ledger.paid(book, pair) or entry


def _benchmark(evidence: Evidence) -> ledger.BenchmarkEntry:
    return ledger.BenchmarkEntry(
        benchmark_sha256=evidence.benchmark_sha256, truth=evidence.truth_sha256, images=len(evidence.labels)
    )
