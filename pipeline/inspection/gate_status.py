"""What each dataset's error budget has left, and what can be proven with it, in figures and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.contracts import Version
from pipeline.data.roles import VALIDATION
from pipeline.errors import StoreError
from pipeline.inspection import lineages
from pipeline.judging import ledger, power, simulation, spending
from pipeline.judging.policy import GatePolicy
from pipeline.judging.words import counted
from pipeline.store import ledger_files, production, role_records, scores, versions
from pipeline.store.home import Home

AVERAGE_P = 0.5
"""On validation images, of a challenger that is no better."""


@dataclass(frozen=True)
class Status:
    """The error budget of one dataset.

    Attributes:
        dataset: Its name, which is the lineage's.
        images: Benchmark images that the champion was judged on; 0 where that is not known.
        validation_images: Images that validate.
        alpha, spent, left, judged: The budget, and what of it is used.
        benchmarks: How many different sets of benchmark images, or labels, were judged on.
        imported: Ledgers of single benchmarks, kept by older releases, whose debits count.
        without_promise: Judgements by policies that promise nothing over a series.
        champion_errors: Of the model in production; ``None`` where it was not judged on a benchmark.
        sharing: Other datasets that know some of its benchmark images, and how many.
        problem: What is wrong with the ledger, ``None`` where it verifies.
    """

    dataset: str
    images: int = 0
    validation_images: int = 0
    alpha: float = 0.0
    spent: float = 0.0
    left: float = 0.0
    judged: int = 0
    benchmarks: int = 0
    imported: int = 0
    without_promise: int = 0
    champion_errors: int | None = None
    sharing: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None

    def in_words(self, policy: GatePolicy) -> list[str]:
        """Return sentences for a person, on what this policy can still do here."""
        if self.problem:
            return [self.problem]
        size = f" ({self.images:,} benchmark images)" if self.images else ""
        lines = [f"{self.dataset}{size}: {self._spent()}; {self._next(policy)}."]
        if self.imported:
            lines.append(f"Ledgers of single benchmarks from older releases that are counted in: {self.imported}.")
        if self.without_promise:
            lines.append(f"Judgements that promised nothing over a series: {self.without_promise}.")
        if self.images:
            lines += _what_is_found(policy, self)
        return [*lines, *(lineages.sentence(self.dataset, name, shared) for name, shared in self.sharing.items())]

    def _spent(self) -> str:
        if not self.judged:
            return "nothing was spent"
        sets = f" on {counted(self.benchmarks, 'benchmark set')}" if self.benchmarks > 1 else ""
        judged = counted(self.judged, "judgement")
        return f"{judged}{sets}, {self.spent:.3g} of alpha = {self.alpha:g} spent, {self.left:.3g} left"

    def _next(self, policy: GatePolicy) -> str:
        if policy.mode == "as-good":
            return "this gate needs no p-value and spends nothing"
        if not policy.promises:
            return f"the next judgement needs p <= {policy.alpha:g} and spends nothing"
        least, most = (spending.level(self.left, p) for p in (AVERAGE_P, 0.0))
        if not least:
            return "nothing is left: to continue, raise alpha in [gate], which weakens the promise"
        return (
            f"the next judgement needs p <= {least:.3g} if validation images show no difference, up to {most:.3g} "
            "the better they look"
        )


@dataclass(frozen=True)
class _Served:
    images: int
    errors: int | None


def statuses(home: Home, policy: GatePolicy) -> list[Status]:
    """Return every dataset with a ledger or a champion; a ledger that does not verify comes with its problem."""
    stored = versions.list_versions(home)
    names = {*ledger_files.lineages(home), *production.datasets(home), *(v.verdict.dataset for v in stored)}
    return [_status(home, policy, name, stored) for name in sorted(names - {""})]


def findable_in_words(
    images: int, validation_images: int, left: float, errors: int | None = None, fixed_level: float | None = None
) -> str:
    """Return the smallest gain that the next judgement finds 4 times in 5, as a sentence."""
    found = power.findable(images, validation_images, left, errors=errors, fixed_level=fixed_level)
    champion = "" if errors is None else f", of which the champion gets {errors:,} wrong,"
    if found is None:
        return (
            f"With {images:,} benchmark images{champion} not even a challenger that fixes every error would be proven "
            "better 4 times in 5."
        )
    gain, level = found
    return (
        f"With {images:,} benchmark images{champion} and {validation_images:,} validation images a gain of "
        f"{100 * gain:.2f} points is found 4 times in 5, at about p <= {level:.2g}."
    )


def _what_is_found(policy: GatePolicy, status: Status) -> list[str]:
    if policy.mode == "as-good":
        return []
    if policy.mode == "non-inferior":
        found = simulation.power_of(policy, 0.0, status.images, status.validation_images, status.left)
        return [f"About {100 * found:.0f} % of challengers that are as good as the best champion pass."]
    level = None if policy.promises else policy.alpha
    return [findable_in_words(status.images, status.validation_images, status.left, status.champion_errors, level)]


def _status(home: Home, policy: GatePolicy, dataset: str, stored: list[Version]) -> Status:
    try:
        book = ledger_files.read(home, dataset, stored)
        roles = role_records.load(home, dataset)
    except StoreError as error:
        return Status(dataset, problem=str(error))
    champion, now = _served(home, dataset), ledger.balance(book, policy)
    kinds = [type(entry) for entry in book.entries]
    return Status(
        dataset=dataset,
        images=champion.images if champion else 0,
        validation_images=int(np.sum(roles.roles == VALIDATION)) if roles else 0,
        alpha=now.alpha,
        spent=now.spent,
        left=now.left,
        judged=now.judged,
        benchmarks=kinds.count(ledger.BenchmarkEntry),
        imported=kinds.count(ledger.ImportEntry),
        without_promise=sum(isinstance(one, ledger.DebitEntry) and one.cost == 0 for one in book.entries),
        champion_errors=champion.errors if champion else None,
        sharing=lineages.sharing(home, dataset, roles) if roles else {},
    )


def _served(home: Home, dataset: str) -> _Served | None:
    """The model in production, as it was judged; ``None`` without a champion, or where its scores are damaged."""
    try:
        champion = production.current(home, dataset)
        if champion is None:
            return None
        found = scores.read_verified(champion)
    except StoreError:
        return None
    return _Served(found.images, found.errors)
