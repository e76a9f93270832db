"""Where the gate's promise stands on each benchmark, in figures and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.contracts import Version
from pipeline.errors import StoreError
from pipeline.judging import explain, ledger, power, simulation
from pipeline.judging.policy import GatePolicy
from pipeline.store import ledger_files, production, scores, versions
from pipeline.store.home import Home
from pipeline.watcher import read_ledger, record


@dataclass(frozen=True)
class Status:
    """One benchmark's ledger.

    Attributes:
        benchmark_sha256: Which set of images.
        dataset: Its name; empty where that is not known.
        images: How many; 0 where that is not known.
        alpha, horizon, spent, judged: The promise, and what of it is used.
        level: The p-value that the next judgement needs; 0 where nothing is left.
        without_promise: Judgements by policies that promise nothing over a series.
        champion_errors: Of the model that serves now; ``None`` where it was not judged on this benchmark.
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
    champion_errors: int | None = None
    problem: str | None = None

    def in_words(self, policy: GatePolicy) -> list[str]:
        """Sentences for a person, on what this policy can still do here."""
        if self.problem:
            return [self.problem]
        size = f" ({self.dataset}, {self.images:,} images)" if self.images else ""
        lines = [f"Benchmark {self.benchmark_sha256[:12]}{size}: {self._spent()}; {self._next(policy)}."]
        if self.without_promise:
            lines.append(f"Judgements on it that promised nothing over a series: {self.without_promise}.")
        if self.images and self.level:
            lines += _what_is_found(policy, self.images, self.level, self.champion_errors)
        return lines

    def _spent(self) -> str:
        if not self.judged:
            return "nothing was spent"
        return f"judged {self.judged} of {self.horizon}, {self.spent:.3g} of alpha = {self.alpha:g} spent"

    def _next(self, policy: GatePolicy) -> str:
        if policy.mode == "as-good":
            return "this gate needs no p-value and spends nothing"
        if not self.level:
            return "nothing is left: use a fresh benchmark, or weaken the promise with `simulator.py gate extend`"
        needed = f"the next judgement needs p <= {self.level:.3g}"
        return needed if policy.promises else f"{needed} and spends nothing"


@dataclass(frozen=True)
class _Served:
    dataset: str
    images: int
    errors: int | None


def statuses(home: Home, policy: GatePolicy) -> list[Status]:
    """Every benchmark with a ledger or a champion; a ledger that does not verify is listed with its problem."""
    benchmarks = {*ledger_files.benchmarks(home), *_served(home)}
    listed = versions.list_versions(home)
    return [_status(home, policy, benchmark, listed) for benchmark in sorted(benchmarks)]


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
    found = [name for name in ledger_files.benchmarks(home) if name.startswith(benchmark or "")]
    if not ledger_files.benchmarks(home):
        raise StoreError("Nothing was judged against a champion yet: set alpha and horizon in [gate] instead.")
    if len(found) != 1:
        names = ", ".join(name[:12] for name in found) or "none"
        raise StoreError(f"--benchmark must name one of the ledgers; those that fit: {names}.")
    listed = versions.list_versions(home)
    book = read_ledger(home, found[0], listed)
    if not ledger.is_open(book):
        raise StoreError("Nothing was spent on this benchmark yet: set alpha and horizon in [gate] instead.")
    record(home, book, "extend", ledger.extension(book, policy, horizon, alpha))
    return _status(home, policy, found[0], listed)


def smallest_gain_in_words(images: int, level: float) -> str:
    """The smallest gain found 4 times in 5, for two good models of one kind."""
    found = power.usual_smallest_gain(images, level)
    if found is None:
        return f"{images:,} images are too few: it takes {power.fewest_fixes(level)} fixed errors and none made."
    gain, disagreement = found
    return (
        f"With {images:,} images and p <= {level:.3g} a gain of {100 * gain:.2f} points is found 4 times in 5 "
        f"(if {100 * disagreement:.2g} % of the images are right for exactly one of the two)."
    )


def _what_is_found(policy: GatePolicy, images: int, level: float, champion_errors: int | None) -> list[str]:
    if policy.mode == "as-good":
        return []
    if policy.mode == "non-inferior":
        found = simulation.power_of(policy, 0.0, images)
        return [f"Of challengers as good as the best champion it lets about {100 * found:.0f} % through."]
    hopeless = None if champion_errors is None else explain.out_of_reach(champion_errors, images, level)
    return [hopeless or smallest_gain_in_words(images, level)]


def _status(home: Home, policy: GatePolicy, benchmark: str, listed: Sequence[Version]) -> Status:
    try:
        book = read_ledger(home, benchmark, listed)
    except StoreError as error:
        return Status(benchmark, problem=str(error))
    champion = _served(home).get(benchmark)
    dataset, images = (champion.dataset, champion.images) if champion else _name_and_size(book)
    now, price = ledger.terms(book, policy), ledger.price(book, policy)
    return Status(
        benchmark_sha256=benchmark,
        dataset=dataset,
        images=images,
        alpha=now.alpha,
        horizon=now.horizon,
        spent=now.spent,
        judged=now.judged,
        level=0.0 if isinstance(price, ledger.Refusal) else price,
        without_promise=sum(entry["kind"] == "debit" and entry["cost"] == 0 for entry in book.entries),
        champion_errors=champion.errors if champion else None,
    )


def _name_and_size(book: ledger.Ledger) -> tuple[str, int]:
    for entry in book.entries:
        if entry["kind"] == "open":
            return entry["dataset"], entry["images"]
        if entry["kind"] == "verdict":
            return entry["verdict"]["dataset"], entry["verdict"]["benchmark_images"]
    return "", 0


def _served(home: Home) -> dict[str, _Served]:
    """What serves now, by the benchmark it was judged on; what is damaged is left out, as `versions` names it."""
    found = {}
    for champion in production.all_current(home):
        try:
            found_scores = scores.read_verified(champion)
        except StoreError:
            continue
        found[found_scores.benchmark_sha256] = _Served(champion.dataset, found_scores.images, found_scores.errors)
    return found
