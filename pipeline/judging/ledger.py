"""The error budget of a dataset over its life: a chain of typed entries, and pure functions on it.

A lineage is a dataset with its roles: benchmark images stay benchmark images as it grows, so all of its benchmark
sets, of whatever size, share one budget. Entries: ``benchmark`` (a set of images with labels is used for the first
time), ``debit`` (a judgement, paid for before it is made), ``verdict`` (what came of a debit; a promotion returns its
level), ``import`` (what an older release's ledger of one benchmark had spent) and ``trained-on`` (from here on,
benchmark images are in the folds that models are trained on).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.contracts import Charge
from pipeline.errors import StoreError
from pipeline.judging import chain, spending
from pipeline.judging.policy import GatePolicy


class Pair(BaseModel):
    """Who is compared with whom, on what, under which rules: the same pair is judged and paid for once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    """Digest of the policy."""
    candidate: str
    """Digest of the challenger."""
    champion: str
    """Digest of the champion."""
    truth: str
    """Digest of the benchmark images with their labels."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: int = 0
    before: str = ""
    digest: str = ""


class BenchmarkEntry(_Entry):
    """A benchmark set is used for the first time."""

    kind: Literal["benchmark"] = "benchmark"
    benchmark_sha256: str
    truth: str
    images: int


class DebitEntry(_Entry):
    """A judgement, paid for before it is made; ``cost`` is 0 under a policy that promises nothing over a series."""

    kind: Literal["debit"] = "debit"
    pair: Pair
    id: str
    level: float
    cost: float
    p_validation: float | None = None


class VerdictEntry(_Entry):
    """What came of a debit; ``returned`` is its cost where it was promoted."""

    kind: Literal["verdict"] = "verdict"
    debit: int
    returned: float
    verdict: dict[str, Any]


class ImportEntry(_Entry):
    """What a ledger of one benchmark, as older releases kept them, had spent."""

    kind: Literal["import"] = "import"
    benchmark_sha256: str
    lines: int
    spent: float
    judged: int


class TrainedOnEntry(_Entry):
    """Benchmark images are put into the folds, for good: no later judgement may take them as unseen."""

    kind: Literal["trained-on"] = "trained-on"
    benchmark_sha256: str
    images: int
    at: str
    """UTC, ISO 8601."""


Entry = BenchmarkEntry | DebitEntry | VerdictEntry | ImportEntry | TrainedOnEntry
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


@dataclass(frozen=True)
class Ledger:
    """The entries of one lineage, verified, oldest first; ``stored`` of them are on disk."""

    lineage: str
    entries: tuple[Entry, ...] = ()
    stored: int = 0


@dataclass(frozen=True)
class Balance:
    """What a budget has left.

    Attributes:
        alpha: The budget: the probability that the promise names.
        spent: Part of it that is gone, promotions refunded.
        judged: Judgements that were paid for.
    """

    alpha: float
    spent: float
    judged: int

    @property
    def left(self) -> float:
        """What remains, never below 0."""
        return max(self.alpha - self.spent, 0.0)


@dataclass(frozen=True)
class Grant:
    """A judgement that was paid for.

    Attributes:
        level: The p-value it needs.
        entry: The ledger's line with the debit; 0 where nothing is on record.
        lineage: Whose ledger it is; ``None`` where nothing is on record.
        before: The balance before the debit; ``None`` under a policy that promises nothing over a series.
        caution: What it costs, as a multiple of the level.
    """

    level: float
    entry: int = 0
    lineage: str | None = None
    before: Balance | None = None
    caution: int = 1

    @property
    def cost(self) -> float:
        """What it takes of the budget unless it promotes."""
        return self.level * self.caution

    def charge(self, *, promoted: bool) -> Charge:
        """Return what a verdict records of it."""
        after = self.after(promoted=promoted)
        charge = Charge(level=self.level, entry=self.entry, lineage=self.lineage)
        return replace(charge, alpha=after.alpha, spent=after.spent, judged=after.judged) if after else charge

    def after(self, *, promoted: bool) -> Balance | None:
        """Return the balance after the judgement; a promotion has its level back."""
        if self.before is None:
            return None
        cost = 0.0 if promoted else self.cost
        return replace(self.before, spent=self.before.spent + cost, judged=self.before.judged + 1)


@dataclass(frozen=True)
class Refusal:
    """Nothing is left to spend: why, and how to go on."""

    spent: float
    alpha: float
    reason: str


def parse(lineage: str, lines: Sequence[str], head: chain.Line | None, witnessed: int = 0) -> Ledger:
    """Return the verified ledger of a lineage; arguments as for ``chain.verified``.

    Raises:
        StoreError: A line is changed, missing, cut off or no entry; the sentence names it.
    """
    found = []
    for number, line in enumerate(chain.verified(lineage, lines, head, witnessed), 1):
        try:
            found.append(_ENTRY.validate_python(line))
        except ValidationError as error:
            problem = f"line {number} is not an entry that this release can read ({error.error_count()} problems)"
            raise StoreError(f"The gate's ledger of {lineage}: {problem}. {chain.RESTORE}") from error
    return Ledger(lineage, tuple(found), stored=len(found))


def with_entry(ledger: Ledger, entry: Entry) -> Ledger:
    """Return the ledger with one more entry, sealed."""
    before = ledger.entries[-1].digest if ledger.entries else chain.GENESIS
    body = entry.model_dump(mode="json", exclude={"entry", "before", "digest"})
    sealed = _ENTRY.validate_python(chain.seal(ledger.lineage, len(ledger.entries) + 1, before, body))
    return replace(ledger, entries=(*ledger.entries, sealed))


def balance(ledger: Ledger, policy: GatePolicy, *, until: int | None = None) -> Balance:
    """Return what the budget has left, or had left before the entry ``until``."""
    seen = [entry for entry in ledger.entries if until is None or entry.entry < until]
    debits = [entry.cost for entry in seen if isinstance(entry, DebitEntry) and entry.cost > 0]
    imported = [entry for entry in seen if isinstance(entry, ImportEntry)]
    returned = [-entry.returned for entry in seen if isinstance(entry, VerdictEntry)]
    spent = math.fsum([*debits, *(entry.spent for entry in imported), *returned])
    return Balance(policy.alpha, max(spent, 0.0), len(debits) + sum(entry.judged for entry in imported))


def price(ledger: Ledger, policy: GatePolicy, p_validation: float | None) -> float | Refusal:
    """Return the level of the next judgement, which times ``policy.caution`` is its cost; or why there is none."""
    if not policy.promises:
        return policy.alpha / policy.caution
    now = balance(ledger, policy)
    level = next_level(policy, now.left, p_validation)
    return level if level > 0 else Refusal(now.spent, now.alpha, _how_to_go_on(now))


def next_level(policy: GatePolicy, left: float, p_validation: float | None) -> float:
    """Return the level of a judgement where so much of alpha is left; 0 where nothing is."""
    if policy.out_of_fold:
        return spending.out_of_fold_level(left, policy.caution)
    return spending.level(left, p_validation)


def debit(policy: GatePolicy, level: float, pair: Pair, name: str, p_validation: float | None) -> DebitEntry:
    """Return the entry that pays for one judgement."""
    cost = level * policy.caution if policy.promises else 0.0
    return DebitEntry(pair=pair, id=name, level=level, cost=cost, p_validation=p_validation)


def paid(ledger: Ledger, pair: Pair) -> DebitEntry | None:
    """Return the debit of this pair; ``None`` where it was never paid for."""
    debits = (entry for entry in ledger.entries if isinstance(entry, DebitEntry))
    return next((entry for entry in debits if entry.pair == pair), None)


def granted(ledger: Ledger, policy: GatePolicy, entry: DebitEntry) -> Grant:
    """Return the grant of a debit that is in the ledger."""
    before = balance(ledger, policy, until=entry.entry) if policy.promises else None
    return Grant(entry.level, entry.entry, ledger.lineage, before, policy.caution)


def verdict_entry(entry: DebitEntry, verdict: Mapping[str, Any]) -> VerdictEntry:
    """Return the entry with what came of a debit; a promotion has its cost back."""
    returned = entry.cost if verdict["outcome"] == "pass" else 0.0
    return VerdictEntry(debit=entry.entry, returned=returned, verdict=dict(verdict))


def verdict_of(ledger: Ledger, number: int) -> Mapping[str, Any] | None:
    """Return the stored verdict of a debit; ``None`` where a crash came between."""
    verdicts = (entry for entry in ledger.entries if isinstance(entry, VerdictEntry))
    return next((entry.verdict for entry in verdicts if entry.debit == number), None)


def knows_benchmark(ledger: Ledger, truth: str) -> bool:
    """Return whether a benchmark set, by the digest of its images with their labels, is on record."""
    return any(isinstance(entry, BenchmarkEntry) and entry.truth == truth for entry in ledger.entries)


def _how_to_go_on(now: Balance) -> str:
    weaker = f"alpha = {min(2 * now.alpha, 0.5):g}"
    return (
        f"All of alpha = {now.alpha:g} is spent on {now.judged:,} judgements of this dataset. To continue under a "
        f"weaker promise, which each verdict states, raise alpha: for instance `{weaker}` in [gate]."
    )
