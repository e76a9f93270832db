"""How often a benchmark was used, and what is left of the promise: a chain of entries, and pure functions on it.

Every entry carries the digest of the one before, so that a changed or missing line shows. Kinds of entry:
``open`` (alpha and horizon that hold from now on), ``debit`` (a judgement, paid before it is made), ``verdict``
(what came of a debit) and ``extend`` (new terms).
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import StoreError
from pipeline.judging.policy import GatePolicy

GENESIS = "0" * 64
RESTORE = "Restore the ledger from a copy; until then nothing is judged on this benchmark."
NOTHING_LEFT = 1e-12


@dataclass(frozen=True)
class Ledger:
    """The entries of one benchmark, verified, oldest first."""

    benchmark_sha256: str
    entries: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Terms:
    """Where a ledger stands.

    Attributes:
        alpha: The probability that the promise names.
        horizon: Over how many judgements it holds.
        spent: Part of alpha that is gone.
        judged: Judgements that were paid for.
    """

    alpha: float
    horizon: int
    spent: float
    judged: int

    @property
    def level(self) -> float:
        """What the next judgement may spend: an equal share of what is left."""
        left = self.horizon - self.judged
        share = max(self.alpha - self.spent, 0.0) / left if left > 0 else 0.0
        return 0.0 if share <= NOTHING_LEFT else float(f"{share:.9g}")


@dataclass(frozen=True)
class Grant:
    """A judgement that was paid for.

    Attributes:
        level: The p-value it needs.
        entry: The ledger's line with the debit; 0 where nothing is on record.
        terms: Where the ledger stands after it; ``None`` under a policy that promises nothing over a series.
    """

    level: float
    entry: int = 0
    terms: Terms | None = None


@dataclass(frozen=True)
class Refusal:
    """Nothing is left to spend: why, and how to go on."""

    judged: int
    horizon: int
    reason: str


def seal(ledger: Ledger, kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The next entry of a ledger, chained to its last."""
    body = {
        "entry": len(ledger.entries) + 1,
        "kind": kind,
        **facts,
        "before": ledger.entries[-1]["digest"] if ledger.entries else GENESIS,
    }
    return {**body, "digest": _digest(ledger.benchmark_sha256, body)}


def parse(benchmark_sha256: str, lines: Sequence[str], head: Mapping[str, Any] | None, witnessed: int = 0) -> Ledger:
    """The verified ledger.

    Args:
        benchmark_sha256: Whose ledger it is.
        lines: The lines of its file.
        head: ``entry`` and ``digest`` of the last entry as written beside it; ``None`` where there is none.
        witnessed: The highest entry that a stored verdict names.

    Raises:
        StoreError: A line is changed, missing or cut off; the sentence names it.
    """
    entries = _entries(benchmark_sha256, lines)
    _check_end(benchmark_sha256, entries, head, witnessed)
    return Ledger(benchmark_sha256, tuple(entries))


def parse_chain(benchmark_sha256: str, lines: Sequence[str], witnessed: int) -> Ledger:
    """Return the ledger in the lines alone, where its head is lost; not empty.

    Raises:
        StoreError: A line is changed or missing, or none is there.
    """
    entries = _entries(benchmark_sha256, lines)
    _check_end(benchmark_sha256, entries, entries[-1] if entries else None, max(witnessed, 1))
    return Ledger(benchmark_sha256, tuple(entries))


def terms(ledger: Ledger, policy: GatePolicy) -> Terms:
    """Where the ledger stands; the policy's own terms where nothing was spent yet."""
    promises = [entry for entry in ledger.entries if entry["kind"] in ("open", "extend")]
    debits = [entry for entry in ledger.entries if entry["kind"] == "debit" and entry["cost"] > 0]
    spent = math.fsum(entry["cost"] for entry in debits)
    if promises:
        return Terms(promises[-1]["alpha"], promises[-1]["horizon"], spent, len(debits))
    return Terms(policy.alpha, policy.horizon or 0, spent, len(debits))


def is_open(ledger: Ledger) -> bool:
    """Whether the terms of the promise are on record."""
    return any(entry["kind"] == "open" for entry in ledger.entries)


def price(ledger: Ledger, policy: GatePolicy) -> float | Refusal:
    """The level of the next judgement, never more than the policy's own; or why there is none."""
    if not policy.promises:
        return policy.level
    now = terms(ledger, policy)
    if now.level <= 0:
        return Refusal(now.judged, now.horizon, _how_to_go_on(now))
    return min(now.level, policy.level)


def debit_facts(policy: GatePolicy, level: float, pair: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``debit`` entry says; a policy without a promise over the series spends nothing of it."""
    return {"cost": level if policy.promises else 0.0, "level": level, "policy": policy.digest, **pair}


def paid(ledger: Ledger, policy_digest: str, candidate: str, champion: str) -> Mapping[str, Any] | None:
    """The debit of this pair under this policy, by digests; ``None`` where it was never paid for."""
    wanted = (policy_digest, candidate, champion)
    for entry in ledger.entries:
        if entry["kind"] == "debit" and (entry["policy"], entry["candidate"], entry["champion"]) == wanted:
            return entry
    return None


def verdict_of(ledger: Ledger, debit: int) -> Mapping[str, Any] | None:
    """The stored verdict of a debit; ``None`` where a crash came between."""
    for entry in ledger.entries:
        if entry["kind"] == "verdict" and entry["debit"] == debit:
            found: Mapping[str, Any] = entry["verdict"]
            return found
    return None


def extension(ledger: Ledger, policy: GatePolicy, horizon: int, alpha: float | None = None) -> dict[str, Any]:
    """Terms for going on beyond the horizon.

    A longer horizon alone shares what is left of alpha, and the promise stays what it was. Where nothing is left,
    only a larger alpha helps: a weaker promise, about the whole series from its beginning.

    Raises:
        StoreError: The horizon is not longer, alpha is not larger than what was spent, or nothing would be left.
    """
    now = terms(ledger, policy)
    wanted = now.alpha if alpha is None else alpha
    if horizon <= now.horizon:
        raise StoreError(f"The horizon is {now.horizon} judgements already: give a larger number than that.")
    if not now.alpha <= wanted <= 0.5:
        raise StoreError(
            f"alpha must lie between {now.alpha:g}, which is promised already, and 0.5; {wanted:g} does not."
        )
    longer = Terms(wanted, horizon, now.spent, now.judged)
    if longer.level <= 0:
        raise StoreError(
            f"All of alpha = {now.alpha:g} is spent, so a longer horizon alone has nothing to share: "
            "use a fresh benchmark, or weaken the promise, for instance "
            f"`gate extend --horizon {horizon} --alpha {2 * now.alpha:g}`."
        )
    return {"alpha": wanted, "horizon": horizon, "spent": now.spent, "judged": now.judged}


def lagging_head(
    benchmark_sha256: str, lines: Sequence[str], head: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Return the entry that the head should name, where failures between a line and its head left it behind.

    ``None`` where the head is up to date, and where repairing it would hide something: the chain is broken, the head
    names a line that is not there or another one, or it is missing although there are several lines.
    """
    try:
        entries = _entries(benchmark_sha256, lines)
        _check_end(benchmark_sha256, entries, head, 0)
    except StoreError:
        return None
    if not entries or (head and head["entry"] == len(entries)):
        return None
    return entries[-1]


def _entries(benchmark_sha256: str, lines: Sequence[str]) -> list[Mapping[str, Any]]:
    entries: list[Mapping[str, Any]] = []
    before = GENESIS
    for number, text in enumerate(lines, 1):
        entry = _entry(benchmark_sha256, number, text)
        if entry["before"] != before or entry["entry"] != number:
            raise StoreError(f"{_name(benchmark_sha256)}: a line before line {number} is missing or changed. {RESTORE}")
        entries.append(entry)
        before = entry["digest"]
    return entries


def _entry(benchmark_sha256: str, number: int, text: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(text)
        body = {key: value for key, value in entry.items() if key != "digest"}
        whole = entry["digest"] == _digest(benchmark_sha256, body) and {"entry", "kind", "before"} <= body.keys()
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise StoreError(f"{_name(benchmark_sha256)}: line {number} was changed or is damaged. {RESTORE}")
    found: Mapping[str, Any] = entry
    return found


def _check_end(
    benchmark_sha256: str, entries: Sequence[Mapping[str, Any]], head: Mapping[str, Any] | None, witnessed: int
) -> None:
    # The head is written after the line, so failures may leave it behind, never ahead.
    known = _known(benchmark_sha256, head)
    if len(entries) < max(known, witnessed):
        raise StoreError(
            f"{_name(benchmark_sha256)}: lines {len(entries) + 1} to {max(known, witnessed)} are missing. {RESTORE}"
        )
    if head and known and entries[known - 1]["digest"] != head["digest"]:
        raise StoreError(f"{_name(benchmark_sha256)}: line {known} is not the one that was written. {RESTORE}")
    if head is None and len(entries) > 1:
        raise StoreError(
            f"{_name(benchmark_sha256)}: its .head file is missing. `simulator.py doctor --repair` makes it anew, "
            "if no stored verdict names a line that is not there."
        )


def _known(benchmark_sha256: str, head: Mapping[str, Any] | None) -> int:
    if head is None:
        return 0
    if not isinstance(head, Mapping) or type(head.get("entry")) is not int or head["entry"] < 1 or "digest" not in head:
        raise StoreError(
            f"{_name(benchmark_sha256)}: its .head file is damaged. Delete it, then run `simulator.py doctor --repair`."
        )
    found: int = head["entry"]
    return found


def _how_to_go_on(now: Terms) -> str:
    return (
        f"All {now.horizon} judgements that alpha = {now.alpha:g} pays for are used on this benchmark. "
        "Judge on a fresh benchmark, or go on under a weaker promise, which is recorded: `simulator.py gate extend "
        f"--horizon {2 * now.horizon} --alpha {2 * now.alpha:g}`."
    )


def _digest(benchmark_sha256: str, body: Mapping[str, Any]) -> str:
    # The benchmark is part of it: a ledger of another benchmark, renamed, does not verify.
    return hashlib.sha256(json.dumps([benchmark_sha256, body], sort_keys=True).encode()).hexdigest()


def _name(benchmark_sha256: str) -> str:
    return f"The gate's ledger {benchmark_sha256[:12]}"
