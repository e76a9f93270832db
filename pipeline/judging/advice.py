"""What helps where a benchmark cannot prove a likely gain: how many more images, and the exact commands."""

import math
from dataclasses import dataclass

from pipeline.contracts import Verdict
from pipeline.judging import paired, power, trained_on
from pipeline.judging.policy import PRESETS

LACK_OF_PROOF = {"proven_better", "within_reach"}
"""Checks on which a challenger fails although it may be better."""
LIKELY_SHARE = 0.5
"""Of the champion's errors: so large a gain counts as likely where none was measured."""
BENCHMARK_SHARE = 5
"""Of a dataset that is one pool, one image in so many is a benchmark image."""
CHANCE = "which promotes on a lead that may be due to chance"
FOLDS = "which compares on all images, is approximate, and trains on the benchmark for good"


@dataclass(frozen=True)
class Lack:
    """A gain that some images cannot prove.

    Attributes:
        gain: A fraction.
        disagreement: Share of the images that exactly one of the two models gets right.
        images: How many there are.
        level: The p-value that is needed.
        out_of_fold: Whether they are all images of the dataset, answered out of fold.
    """

    gain: float
    disagreement: float
    images: int
    level: float
    out_of_fold: bool = False

    def more_images(self) -> str:
        """Return how many more images prove the gain 4 times in 5, in words."""
        needed = power.images_needed(self.gain, self.disagreement, self.level)
        if needed is None:
            return "more images than anybody has"
        more = power.rounded(max(needed - self.images, 1))
        if self.out_of_fold:
            return f"about {more:,} more labelled images"
        pool = power.rounded(BENCHMARK_SHARE * more)
        return f"about {more:,} more benchmark images (of a dataset that is one pool, {pool:,} more labelled images)"


def of_verdict(verdict: Verdict) -> str | None:
    """Return what helps where only the proof of a gain is lacking, in a sentence; ``None`` where more is wrong."""
    lacking = {check.name for check in verdict.checks if check.outcome != "pass"}
    lack = _lack(verdict)
    if verdict.outcome != "fail" or not lacking <= LACK_OF_PROOF or lack is None:
        return None
    kind = "images out of fold" if verdict.out_of_fold else "benchmark images"
    ways = [lack.more_images(), *_commands(verdict, lack)]
    return f"{verdict.benchmark_images:,} {kind} cannot prove a gain of {100 * lack.gain:.2g} points. {_joined(ways)}"


def of_benchmark(lack: Lack) -> str:
    """Return what helps on a dataset whose images cannot prove a likely gain, in a sentence."""
    ways = [lack.more_images()]
    if not lack.out_of_fold:
        ways.append("`--gate growing`, for the champion's recipe trained on more images")
        ways += [f"`run … --folds 5 --gate cross-fit`, {FOLDS}"] if _is_small(lack) else []
        ways.append(f"`--gate as-good`, {CHANCE}")
    return (
        f"It cannot prove a likely gain, such as half of the champion's errors ({100 * lack.gain:.2g} points). "
        f"{_joined(ways)}"
    )


def likely(images: int, errors: int, level: float, *, out_of_fold: bool = False) -> Lack | None:
    """Return the gain of a challenger with half the champion's errors; ``None`` where the champion makes none."""
    if errors == 0:
        return None
    gain = LIKELY_SHARE * errors / images
    return Lack(gain, max(sum(power.rates(1 - errors / images, gain)), gain), images, level, out_of_fold)


def _lack(verdict: Verdict) -> Lack | None:
    found, images = verdict.comparison, verdict.benchmark_images
    if found is not None and verdict.ledger is not None and found.gain_pp > 0:
        disagreement = (found.fixed + found.made) / images
        return Lack(found.gain_pp / 100, disagreement, images, verdict.ledger.level, verdict.out_of_fold)
    impossible = next((check for check in verdict.checks if check.name == "within_reach"), None)
    if found is not None or impossible is None or not impossible.value or not impossible.limit:
        return None
    # If no error is made, each error that is fixed halves the p-value of "better"; another claim's is no power of two.
    errors = round(-math.log2(impossible.value))
    if not math.isclose(impossible.value, 2.0**-errors, rel_tol=1e-9):
        return None
    return likely(images, errors, impossible.limit, out_of_fold=verdict.out_of_fold)


def _commands(verdict: Verdict, lack: Lack) -> list[str]:
    if verdict.out_of_fold:
        return []
    judge, growing, ways = f"simulator.py judge {verdict.candidate_id}", PRESETS["growing"], []
    if verdict.grown and verdict.comparison is not None:
        counts = verdict.comparison.fixed, verdict.comparison.made
        if float(paired.p_non_inferior(*counts, lack.images, growing.margin)) <= lack.level:
            claim = f"which takes less proof: with more images, less than {growing.margin_pp:g} points worse"
            ways.append(f"`{judge} --gate growing`, {claim}")
    if _is_small(lack):
        ways.append(f"the same run with `--folds 5 --gate cross-fit`, {FOLDS}")
    return [*ways, f"`{judge} --gate as-good`, {CHANCE}"]


def _is_small(lack: Lack) -> bool:
    return lack.images <= trained_on.LARGEST_BENCHMARK


def _joined(ways: list[str]) -> str:
    return f"What helps: {'; or '.join(ways)}."
