"""How many near copies chance explains: images of one class resemble each other, most of all ones."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels


@dataclass(frozen=True)
class Chance:
    """Near copies among the benchmark images, compared with those among images that are equally new to the model.

    Attributes:
        found: Benchmark images with a near copy among the training images.
        expected: How many there would be at the reference images' rate in each class.
        p_value: Probability of at least ``found`` if benchmark and reference images are alike within each class.
    """

    found: int
    expected: float
    p_value: float


def chance(
    benchmark_copies: NDArray[np.bool_],
    benchmark_labels: Labels,
    reference_copies: NDArray[np.bool_],
    reference_labels: Labels,
) -> Chance:
    """Compare the benchmark's near copies with those of a reference: all images with the role validation.

    More reference images can prove more. On MNIST, with 54,000 fitted and 10,000 benchmark images, chance makes 21 near
    copies (p = 0.54). With 6,000 reference images, 32 copies planted at random are always found at p = 0.001 (200
    draws); with 600 of them, 100 planted copies are found in 22 % of the draws.

    Exact and conditional on the near copies of each class, as in Fisher's test: under the null hypothesis the
    benchmark's part of them is hypergeometric, independently for each class (Agresti, Categorical Data Analysis, 2013,
    section 7.3.5). It assumes that nothing links the reference images to the training images either: where a whole
    pool holds shifted copies of its images, reference and benchmark hold as many, and the p-value stays large.

    Args:
        benchmark_copies: Whether each benchmark image has a near copy among the training images, ``[M]``.
        benchmark_labels: Its class, ``[M]``.
        reference_copies: The same for images that were not trained on either, ``[R]``.
        reference_labels: Their classes, ``[R]``.
    """
    classes = int(max(benchmark_labels.max(initial=0), reference_labels.max(initial=0))) + 1
    copies, images, other_copies, other_images = (
        np.bincount(labels, weights, classes).astype(np.int64)
        for labels, weights in (
            (benchmark_labels, benchmark_copies),
            (benchmark_labels, None),
            (reference_labels, reference_copies),
            (reference_labels, None),
        )
    )
    found = int(copies.sum())
    rates = np.divide(other_copies, other_images, out=np.zeros(classes), where=other_images > 0)
    tables = zip((copies + other_copies).tolist(), images.tolist(), other_images.tolist(), strict=True)
    parts = (_benchmark_part(total, own, other) for total, own, other in tables if total)
    distribution = reduce(np.convolve, parts, np.ones(1))
    return Chance(found, float((rates * images).sum()), float(min(1.0, distribution[found:].sum())))


def _benchmark_part(total: int, images: int, other_images: int) -> NDArray[np.float64]:
    """Probabilities of 0 to ``total`` of a class's near copies being in the benchmark, by chance alone."""
    from scipy import stats

    probabilities: NDArray[np.float64] = stats.hypergeom.pmf(np.arange(total + 1), images + other_images, total, images)
    return probabilities
