"""What is left of each dataset's error budget, and what can be proven with it, in figures and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.contracts import Version
from pipeline.data.roles import VALIDATION
from pipeline.errors import StoreError
from pipeline.inspection import lineages
from pipeline.judging import advice, ledger, paired, power, simulation, trained_on
from pipeline.judging.policy import GatePolicy
from pipeline.judging.words import counted
from pipeline.store import ledger_files, manifest, production, role_records, version_arrays, version_folder, versions
from pipeline.store.home import Home

AVERAGE_P = 0.5
"""On validation images, that a challenger which is no better is better."""
DRAWN = 300
"""Simulated challengers: they show a share to about three per cent, and more would take long."""


@dataclass(frozen=True)
class Status:
    """The error budget of one dataset.

    Attributes:
        dataset: Its name, which is the lineage's.
        images: Benchmark images that the champion was judged on, or all that it answers out of fold where the policy
            compares those; 0 where that is not known.
        validation_images: Images that validate.
        alpha, spent, left, judged: The budget, and what of it is used.
        benchmarks: How many different sets of benchmark images, or labels, were judged on.
        imported: Ledgers of single benchmarks, kept by older releases, whose debits count.
        without_promise: Judgements by policies that promise nothing over a series.
        champion_errors: Of the model in production; ``None`` where it was not judged on a benchmark.
        validation_accuracy: Of the model in production, on the images that validated it; ``None`` where not known.
        images_in_folds: Images on which a cross-fitted challenger could be compared with it; ``None`` if not known.
        sharing: Other datasets that know some of its benchmark images, and how many.
        refusal: Why this policy cannot judge here, since the benchmark is trained on; ``None`` where it can.
        has_champion: Whether anything serves; the first champion has nothing to be compared with.
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
    validation_accuracy: float | None = None
    images_in_folds: int | None = None
    sharing: Mapping[str, int] = field(default_factory=dict)
    refusal: str | None = None
    has_champion: bool = True
    problem: str | None = None

    def in_words(self, policy: GatePolicy) -> list[str]:
        """Return sentences for a person, on what this policy can still do here."""
        if self.problem:
            return [self.problem]
        kind = "images out of fold" if policy.out_of_fold else "benchmark images"
        size = f" ({self.images:,} {kind})" if self.images else ""
        if self.refusal:
            return [f"{self.dataset}: {self._spent()}.", self.refusal]
        lines = [f"{self.dataset}{size}: {self._spent()}; {self._next(policy)}."]
        if self.imported:
            lines.append(f"Ledgers of single benchmarks from older releases that are included: {self.imported}.")
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

    @property
    def champion_accuracy(self) -> float | None:
        """Of the model in production, on the images that it was judged on; ``None`` where that is not known."""
        return None if self.champion_errors is None or not self.images else 1 - self.champion_errors / self.images

    def _next(self, policy: GatePolicy) -> str:
        if not self.has_champion:
            return "it has no champion, so the next judgement compares nothing, needs no p-value and costs nothing"
        if policy.mode == "as-good":
            return "this gate needs no p-value and spends nothing"
        if not policy.promises:
            return f"the next judgement needs p <= {policy.alpha / policy.caution:g} and spends nothing"
        least, most = (ledger.next_level(policy, self.left, p) for p in (AVERAGE_P, 0.0))
        if not least:
            return "nothing is left: to continue, raise alpha in [gate], which weakens the promise"
        if policy.out_of_fold:
            return f"the next judgement needs p <= {least:.3g} and costs {least * policy.caution:.3g}"
        needed = f"p <= {least:.3g}"
        if policy.margin:
            kept = f"p <= {ledger.next_level(policy, self.left, self._p_of_no_difference(policy)):.3g}"
            recipe = "for the champion's recipe trained on more images and"
            needed = f"{kept} {recipe} {needed} for any other challenger" if policy.mode == "growing" else kept
        better = "" if needed == f"p <= {most:.3g}" else f", up to {most:.3g} the better they look"
        return f"the next judgement needs {needed} if validation images show no difference{better}"

    def _p_of_no_difference(self, policy: GatePolicy) -> float | None:
        """On validation images, that a challenger which fixes as many errors as it makes is no worse by the margin."""
        if not self.validation_images:
            return None
        known = self.champion_accuracy
        fixed, made = power.usual_rates(0.0) if known is None else power.rates(known, 0.0)
        images = self.validation_images
        return float(paired.p_non_inferior(round(fixed * images), round(made * images), images, policy.margin))


@dataclass(frozen=True)
class _Served:
    images: int
    errors: int | None
    fitted_images: int
    """Those of them that it does not answer out of fold."""
    validation_accuracy: float | None = None


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
    return _found_in_words(found, images, "benchmark images", validation_images, errors)


def _found_in_words(
    found: tuple[float, float] | None, images: int, kind: str, validation_images: int, errors: int | None
) -> str:
    champion = "" if errors is None else f", of which the champion gets {errors:,} wrong,"
    if errors == 0:
        return f"The champion gets none of the {images:,} {kind} wrong, so nothing can be proven better on them."
    if found is None:
        return (
            f"With {images:,} {kind}{champion} not even a challenger that fixes every error would be proven "
            "better 4 times in 5."
        )
    gain, level = found
    validation = f" and {validation_images:,} validation images" if kind == "benchmark images" else ""
    return (
        f"With {images:,} {kind}{champion}{validation} a gain of {100 * gain:.2f} points is found 4 times in 5, at "
        f"about p <= {level:.2g}."
    )


def _what_is_found(policy: GatePolicy, status: Status) -> list[str]:
    if policy.mode == "as-good":
        return []
    if policy.mode == "non-inferior":
        return [f"About {_passing(policy, status)} of challengers that are as good as the best champion pass."]
    level = None if policy.promises else policy.alpha / policy.caution
    if policy.out_of_fold and policy.promises:
        level = ledger.next_level(policy, status.left, None)
    found = power.findable(
        status.images, status.validation_images, status.left, errors=status.champion_errors, fixed_level=level
    )
    kind = "images out of fold" if policy.out_of_fold else "benchmark images"
    sentence = _found_in_words(found, status.images, kind, status.validation_images, status.champion_errors)
    lines = [sentence, *_what_helps(policy, status, found)]
    if policy.mode != "growing":
        return lines
    return [
        "The champion's recipe trained on more images need not be better: if it is just as good, it passes about "
        f"{_passing(policy, status)} of the time.",
        "Any other challenger has to be proven better:",
        *lines,
    ]


def _passing(policy: GatePolicy, status: Status) -> str:
    """How many challengers that are as good as the champion, and proven so, are promoted."""
    share = simulation.power_of(
        policy,
        0.0,
        status.images,
        status.validation_images,
        status.left,
        repetitions=DRAWN,
        grown=policy.mode == "growing",
        accuracy=status.champion_accuracy,
    )
    return f"{100 * share:.0f} %"


def _what_helps(policy: GatePolicy, status: Status, found: tuple[float, float] | None) -> list[str]:
    """What helps if not even a challenger with half of the champion's errors is likely to be proven better."""
    errors = status.champion_errors
    if errors is None:
        return []
    most = ledger.next_level(policy, status.left, 0.0) if policy.promises else policy.alpha / policy.caution
    level = most if found is None else found[1]
    if not level:
        return []
    missing = replace(advice.likely(status.images, errors, level), images_in_folds=status.images_in_folds)
    if found is not None and found[0] <= missing.gain:
        return []
    growing = policy.mode != "growing" and advice.can_grow(
        status.images, errors, status.validation_images, status.validation_accuracy, status.left
    )
    return [advice.of_benchmark(missing, status.images, out_of_fold=policy.out_of_fold, growing=growing)]


def _status(home: Home, policy: GatePolicy, dataset: str, stored: list[Version]) -> Status:
    try:
        book = ledger_files.read(home, dataset, stored)
        roles = role_records.load(home, dataset)
    except StoreError as error:
        return Status(dataset, problem=str(error))
    champion, now = _served(home, policy, dataset), ledger.balance(book, policy)
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
        validation_accuracy=champion.validation_accuracy if champion else None,
        images_in_folds=len(roles.roles) - champion.fitted_images if roles and champion else None,
        sharing=lineages.sharing(home, dataset, roles) if roles else {},
        refusal=trained_on.refusal(book, policy),
        has_champion=champion is not None or _has_champion(home, dataset),
    )


def _has_champion(home: Home, dataset: str) -> bool:
    """Whether anything serves; a damaged champion does."""
    try:
        return production.current(home, dataset) is not None
    except StoreError:
        return True


def _served(home: Home, policy: GatePolicy, dataset: str) -> _Served | None:
    """The model in production, as it was judged; ``None`` without a champion, or where its scores are damaged."""
    try:
        champion = production.current(home, dataset)
        if champion is None:
            return None
        unseen = version_arrays.out_of_fold(champion.folder) if policy.out_of_fold else None
        if unseen is not None:
            return _Served(len(unseen.labels), int((~paired.right(unseen.probabilities, unseen.labels)).sum()), 0)
        found, facts = version_folder.champion_scores(home, champion), manifest.read(champion.folder)
    except StoreError:
        return None
    fitted = facts.rows.train_size if facts.folds is None else 0
    return _Served(found.images, found.errors, fitted, facts.validation.accuracy)
