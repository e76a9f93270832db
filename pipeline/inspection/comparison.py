"""Compare two versions on the images that both were judged on."""

from dataclasses import dataclass

import numpy as np

from pipeline.contracts import Version
from pipeline.errors import DataError
from pipeline.judging import disclosure, paired
from pipeline.judging.comparisons import paired_result
from pipeline.store import version_arrays, versions


@dataclass(frozen=True)
class ClassComparison:
    """One class of a ``VersionComparison``: how many images, and how many of them each version gets wrong alone."""

    name: str
    images: int
    fixed: int
    made: int


@dataclass(frozen=True)
class VersionComparison:
    """A paired comparison of version B with version A.

    Attributes:
        first, second: The ids of A and B.
        images: Images that both were judged on.
        first_accuracy, second_accuracy: On these images.
        fixed: Errors of A that B gets right.
        made: Errors of B that A gets right.
        both_wrong: Errors of both.
        gain_pp: B's accuracy less A's, in percentage points, with its 95 % interval (Tango 1998).
        gain_low_pp, gain_high_pp: The interval.
        p_second_better, p_first_better: Exact one-sided paired tests.
        by_class: The same for each true class.
    """

    first: str
    second: str
    images: int
    first_accuracy: float
    second_accuracy: float
    fixed: int
    made: int
    both_wrong: int
    gain_pp: float
    gain_low_pp: float
    gain_high_pp: float
    p_second_better: float
    p_first_better: float
    by_class: tuple[ClassComparison, ...]


def _answers(version: Version) -> version_arrays.BenchmarkPredictions | version_arrays.OutOfFold:
    """What a version answered for images it was not trained on: of folds with the benchmark among them, all images."""
    unseen = version_arrays.out_of_fold(version.folder) if version.manifest.rows.benchmark_in_folds else None
    return version_arrays.predictions(version) if unseen is None else unseen


def compare(first: Version, second: Version) -> VersionComparison:
    """Return what each version fixed and broke, with the test, on all images that both answered unseen.

    Raises:
        StoreError: One of them is damaged.
        DataError: They were not judged on the same images, or one was refused and its policy discloses no figures.
    """
    for one in (first, second):
        disclosure.require_shown(one)
    a, b = (_answers(versions.require_whole(one)) for one in (first, second))
    _, rows_a, rows_b = np.intersect1d(a.digests, b.digests, return_indices=True)
    if len(rows_a) == 0:
        raise DataError(
            f"{first.id} and {second.id} were judged on different images: compare versions of the same dataset."
        )
    labels = a.labels[rows_a]
    right_a = paired.right(a.probabilities[rows_a], labels)
    right_b = paired.right(b.probabilities[rows_b], labels)
    classes = first.manifest.dataset.classes
    fixed_by_class, made_by_class = paired.count_by_class(right_b, right_a, labels, len(classes))
    fixed, made, images = int(fixed_by_class.sum()), int(made_by_class.sum()), len(labels)
    result = paired_result(fixed, made, images)
    counts = np.bincount(labels, minlength=len(classes))
    return VersionComparison(
        first=first.id,
        second=second.id,
        images=images,
        first_accuracy=float(right_a.mean()),
        second_accuracy=float(right_b.mean()),
        fixed=fixed,
        made=made,
        both_wrong=int((~right_a & ~right_b).sum()),
        gain_pp=result.gain_pp,
        gain_low_pp=result.gain_low_pp,
        gain_high_pp=result.gain_high_pp,
        p_second_better=result.p_value,
        p_first_better=float(paired.p_better(made, fixed)),
        by_class=tuple(
            ClassComparison(name, int(counts[k]), int(fixed_by_class[k]), int(made_by_class[k]))
            for k, name in enumerate(classes)
        ),
    )
