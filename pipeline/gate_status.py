"""Where the gate's promise stands on each benchmark, in figures and in words."""

from dataclasses import dataclass

from pipeline.errors import StoreError
from pipeline.judging import ledger, power
from pipeline.policy import GatePolicy
from pipeline.store import ledger as ledger_store
from pipeline.store.home import Home
from pipeline.watcher import read_ledger, record


@dataclass(frozen=True)
class Status:
    """One benchmark's ledger.

    Attributes:
        benchmark_sha256: Which set of images.
        dataset: Its name when the ledger was opened; empty where nothing was ever promised on it.
        images: How many; 0 where nothing was ever promised on it.
        alpha, horizon, spent, judged: The promise, and what of it is used.
        level: The p-value that the next judgement needs; 0 where nothing is left.
        without_promise: Judgements by policies that promise nothing over a series.
        problem: What is wrong with the ledger, ``None`` where it verifies.
    """

    benchmark_sha256: str
    dataset: str = ""
    images: int = 0
    alpha: float = 0.0
    horizon: int = 0
    spent: float = 0.0
    judged: int = 0
    level: float = 0.0
    without_promise: int = 0
    problem: str | None = None

    def in_words(self) -> list[str]:
        """Sentences for a person."""
        name = f"Benchmark {self.benchmark_sha256[:12]}"
        if self.problem:
            return [self.problem]
        others = f"{self.without_promise} judgements on it promised nothing over a series."
        if not self.images:
            return [f"{name}: nothing was spent. {others}"]
        left = (
            f"the next judgement needs p <= {self.level:.2g}"
            if self.level
            else "nothing is left: use a fresh benchmark, or weaken the promise with `simulator.py gate extend`"
        )
        lines = [
            f"{name} ({self.dataset}, {self.images:,} images): judged {self.judged} of {self.horizon}, "
            f"{self.spent:.3g} of alpha = {self.alpha:g} spent; {left}."
        ]
        lines += [smallest_gain_in_words(self.images, self.level)] if self.level else []
        return lines + ([others] if self.without_promise else [])


def statuses(home: Home, policy: GatePolicy) -> list[Status]:
    """Every benchmark that has a ledger; one that does not verify is listed with its problem."""
    return [_status(home, policy, benchmark) for benchmark in ledger_store.benchmarks(home)]


def extend_ledger(home: Home, policy: GatePolicy, benchmark: str | None, horizon: int, alpha: float | None) -> Status:
    """Record new terms for a benchmark; the caller holds the home's lock.

    Args:
        home: The home folder.
        policy: Whose terms hold where none are on record.
        benchmark: The digest or its beginning; ``None`` where there is only one.
        horizon: Judgements in all.
        alpha: The promise in all; ``None`` leaves it.

    Raises:
        StoreError: No or several benchmarks fit, the ledger is damaged, or the terms are impossible.
    """
    found = [name for name in ledger_store.benchmarks(home) if name.startswith(benchmark or "")]
    if not ledger_store.benchmarks(home):
        raise StoreError("Nothing was judged against a champion yet: set alpha and horizon in [gate] instead.")
    if len(found) != 1:
        names = ", ".join(name[:12] for name in found) or "none"
        raise StoreError(f"--benchmark must name one of the ledgers; those that fit: {names}.")
    book = read_ledger(home, found[0])
    if not ledger.is_open(book):
        raise StoreError("Nothing was spent on this benchmark yet: set alpha and horizon in [gate] instead.")
    record(home, book, "extend", ledger.extension(book, policy, horizon, alpha))
    return _status(home, policy, found[0])


def smallest_gain_in_words(images: int, level: float) -> str:
    """The smallest gain found 4 times in 5, for two good models of one kind."""
    found = power.usual_smallest_gain(images, level)
    if found is None:
        return f"{images:,} images are too few: it takes {power.fewest_fixes(level)} fixed errors and none made."
    gain, disagreement = found
    return (
        f"With {images:,} images and p <= {level:.2g} a gain of {100 * gain:.2f} points is found 4 times in 5 "
        f"(if {100 * disagreement:.2g} % of the images are right for exactly one of the two)."
    )


def _status(home: Home, policy: GatePolicy, benchmark: str) -> Status:
    try:
        book = read_ledger(home, benchmark)
    except StoreError as error:
        return Status(benchmark, problem=str(error))
    free = sum(entry["kind"] == "debit" and entry["cost"] == 0 for entry in book.entries)
    opening = next((entry for entry in book.entries if entry["kind"] == "open"), None)
    if opening is None:
        return Status(benchmark, without_promise=free)
    now = ledger.terms(book, policy)
    return Status(
        benchmark_sha256=benchmark,
        dataset=opening["dataset"],
        images=opening["images"],
        alpha=now.alpha,
        horizon=now.horizon,
        spent=now.spent,
        judged=now.judged,
        level=min(now.level, policy.level),
        without_promise=free,
    )
