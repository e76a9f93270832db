"""The paired comparison of the challenger with another model on the benchmark, as counts and figures."""

from dataclasses import dataclass

from pipeline.contracts import PairedResult
from pipeline.judging import paired
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.intervals import gain_interval
from pipeline.judging.words import counted


@dataclass(frozen=True, eq=False)
class PairedComparison:
    """Challenger against another model on the benchmark.

    Attributes:
        fixed: Images of each class that only the challenger gets right, ``[K]``.
        made: Images of each class that only the other gets right, ``[K]``.
        images: All images.
        other_errors: Images that the other gets wrong: no more can be fixed.
    """

    fixed: paired.Counts
    made: paired.Counts
    images: int
    other_errors: int

    @property
    def gain(self) -> float:
        """Gain in accuracy, a fraction."""
        return float(self.fixed.sum() - self.made.sum()) / self.images

    @property
    def disagreement(self) -> float:
        """Share of the images that exactly one of the two gets right."""
        return float(self.fixed.sum() + self.made.sum()) / self.images

    def result(self) -> PairedResult:
        """Return what a verdict records of it."""
        return paired_result(int(self.fixed.sum()), int(self.made.sum()), self.images)


def paired_result(fixed: int, made: int, images: int) -> PairedResult:
    """Return the gain with its 95 % interval and the one-sided test, from counts."""
    low, high = gain_interval(fixed, made, images)
    return PairedResult(
        fixed=fixed,
        made=made,
        gain_pp=100 * (fixed - made) / images,
        gain_low_pp=100 * float(low),
        gain_high_pp=100 * float(high),
        p_value=float(paired.p_better(fixed, made)),
    )


def compare(evidence: Evidence, other: Contender) -> PairedComparison:
    """Compare the challenger with another contender on the benchmark."""
    mine, theirs = (paired.right(c.benchmark, evidence.labels) for c in (evidence.challenger, other))
    fixed, made = paired.count_by_class(mine, theirs, evidence.labels, len(evidence.classes))
    return PairedComparison(fixed, made, len(evidence.labels), int((~theirs).sum()))


def in_words(result: PairedResult) -> str:
    """Return the counts and the gain with its interval, as the beginning of a sentence."""
    return (
        f"fixed {counted(result.fixed, 'error')}, made {counted(result.made, 'new one')}: "
        f"{result.gain_pp:+.2f} points (95 %: {result.gain_low_pp:+.2f} to {result.gain_high_pp:+.2f})"
    )
