"""Benchmark images that nearly equal a training image: shifted by a pixel, recompressed, or with a little noise.

Identical images share a role, so none is on both sides of a split; near copies are not identical, and a digest does
not find them. Two images are near copies if the correlation of their pixels is at least 0.985 when one of them is
shifted by up to one pixel in either direction. On MNIST that finds all copies that are shifted by one pixel, brightened
or rotated by 1 degree, 99.6 to 100 % of those recompressed (JPEG, quality 50 to 90), 99.4 % of those enlarged and
reduced again, and 99.8 % of those with noise of 10 grey levels; it misses most with noise of 25, shifts of 2 pixels,
rotations of 3 degrees, and negatives. 0.23 % of the benchmark are found although they are not copies, all of them ones:
see ``near_copy_chance``.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Rows
from pipeline.stored_images import ImageSource, Pixels, blocks, view

CORRELATION = 0.985
SHIFTS = tuple((down, right) for down in (0, -1, 1) for right in (0, -1, 1))
"""In pixels; no shift comes first, so that it is reported where a shift is no better."""
COMPONENTS = 64
SAMPLE = 4_000
"""Training images that the principal components are computed from."""
ROUNDING = 1e-4
"""Generous allowance for how far rounding in single precision may put a bound below the truth."""
LEVELS, GROUPS = 4, 6
"""Components by which pairs are ruled out before any product, and groups of queries for each."""
TILE, PAIRS = 4_096, 8_192
"""Training images in one matrix product, and pairs that are compared pixel by pixel together."""
SEARCHED, QUERIES = 262_144, 32_768
"""Training and benchmark images whose components are in memory at the same time: about 150 MB."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Benchmark images with a near copy among the training images, and the nearest such copy.

    Attributes:
        benchmark: Positions in the benchmark images, increasing, ``[K]``.
        training: Position of the most correlated training image, ``[K]``.
        correlation: Pearson correlation of the two images' pixels, ``[K]``, at least ``CORRELATION``.
        shifts: Pixels down and right that bring the benchmark image onto the training image, ``[K, 2]``.
    """

    benchmark: Rows
    training: Rows
    correlation: NDArray[np.float64]
    shifts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.benchmark)


@dataclass(frozen=True, eq=False)
class Searched:
    """Images that others are compared with; what the search needs of each is computed once.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        basis: Orthonormal, ``[H * W * C, at most COMPONENTS]``.
        coordinates: In that basis, and the length of the rest, ``[N, components + 1]``: 260 bytes an image.
        levels: The components in which the images differ most.
    """

    images: ImageSource
    basis: Vectors
    coordinates: Vectors
    levels: tuple[int, ...]


def searched(images: ImageSource, basis: Vectors | None = None) -> Searched:
    """Prepare images to be searched more than once; takes 260 bytes of memory for each."""
    basis = _principal_components(images) if basis is None else basis
    coordinates = np.concatenate([_coordinates(_units(block), basis) for block in blocks(images, TILE)])
    return Searched(images, basis, coordinates, tuple(np.argsort(-coordinates.std(axis=0))[:LEVELS].tolist()))


def near_copies(train_images: ImageSource | Searched, benchmark_images: ImageSource) -> NearCopies:
    """Find the benchmark images that nearly equal a training image.

    No pair is missed and none is estimated: an upper bound of each pair's correlation (exact in 64 principal
    components; by the Cauchy-Schwarz inequality in the rest) rules out nearly all pairs, and the others are compared
    pixel by pixel. An image of one grey level correlates with nothing. On all cores, takes about 6 s of processor time
    for 60,000 x 10,000 images of 28 x 28, and 0.25 GB of memory, which hardly grows with more; time grows with the
    product.

    Args:
        train_images: uint8 ``[N, H, W, C]``, or what ``searched`` made of them.
        benchmark_images: uint8 ``[M, H, W, C]``; an identical image counts, too.

    Returns:
        The near copies, in the order of the benchmark images.
    """
    images = train_images.images if isinstance(train_images, Searched) else train_images
    best = _Pairs(np.empty((0, 3), np.int64), np.empty(0))
    if len(images) == 0 or len(benchmark_images) == 0:
        return best.as_copies()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # The products are so small that the threads of one would mostly wait for each other, and they spin while they do.
    with threadpool_limits(1):
        for start, train in _parts(train_images):
            for first in range(0, len(benchmark_images), QUERIES):
                found = _found(train, benchmark_images[first : first + QUERIES])
                best = best.better_of(found.moved(first, start))
    return best.as_copies()


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Near copies ``(benchmark row, training row, shift)``, ``[n, 3]``, and their correlations, ``[n]``."""

    rows: NDArray[np.int64]
    correlations: NDArray[np.float64]

    def moved(self, benchmark: int, training: int) -> "_Pairs":
        """Return the pairs with their rows offset, those of a part as rows of the whole."""
        return _Pairs(self.rows + np.array([benchmark, training, 0]), self.correlations)

    def better_of(self, others: "_Pairs") -> "_Pairs":
        """Return the best pair of each benchmark image; of equal ones, the first training image without a shift."""
        rows = np.concatenate([self.rows, others.rows])
        correlations = np.concatenate([self.correlations, others.correlations])
        order = np.lexsort((rows[:, 1], rows[:, 2], -correlations, rows[:, 0]))
        rows, correlations = rows[order], correlations[order]
        first = np.unique(rows[:, 0], return_index=True)[1]
        return _Pairs(rows[first], correlations[first])

    def as_copies(self) -> NearCopies:
        shifts = np.array(SHIFTS)[self.rows[:, 2]].reshape(-1, 2)
        return NearCopies(self.rows[:, 0], self.rows[:, 1], self.correlations, shifts)


def _parts(train: ImageSource | Searched) -> Iterator[tuple[int, Searched]]:
    """The training images, as many at a time as fit into memory easily, each part with its first row."""
    if isinstance(train, Searched):
        yield 0, train
        return
    basis = _principal_components(train)
    for start in range(0, len(train), SEARCHED):
        part = train if len(train) <= SEARCHED else view(train, np.arange(start, min(start + SEARCHED, len(train))))
        yield start, searched(part, basis)


def _found(train: Searched, benchmark: Pixels) -> _Pairs:
    import joblib

    # By shift, then by image: row s * M + i is image i under shift s.
    queries = np.concatenate(
        [
            _coordinates(_units(_shifted(block, shift)), train.basis)
            for shift in SHIFTS
            for block in blocks(benchmark, TILE)
        ]
    )
    every = np.arange(len(queries)), np.arange(len(train.coordinates))
    first, *others = train.levels
    groups = _neighbourhoods(queries, train.coordinates, *every, [first])

    def matches(group: tuple[Rows, Rows]) -> _Pairs:
        rows, correlations = [np.empty((0, 3), np.int64)], [np.empty(0)]
        for pairs in _candidates(queries, train.coordinates, *group, others):
            shift, image = np.divmod(pairs[:, 0], len(benchmark))
            compared = np.stack([image, pairs[:, 1], shift], axis=1)
            exact = _exact(train.images, benchmark, compared)
            rows.append(compared[exact >= CORRELATION])
            correlations.append(exact[exact >= CORRELATION])
        return _Pairs(np.concatenate(rows), np.concatenate(correlations))

    with ThreadPoolExecutor(joblib.cpu_count()) as threads:
        found = list(threads.map(matches, groups))
    return _Pairs(np.concatenate([one.rows for one in found]), np.concatenate([one.correlations for one in found]))


def _principal_components(images: ImageSource) -> Vectors:
    """An orthonormal basis ``[H * W * C, at most COMPONENTS]`` that holds most of the images; any basis is lossless."""
    from sklearn.utils.extmath import randomized_svd

    sample = _units(images[:: max(1, len(images) // SAMPLE)])
    components = min(COMPONENTS, *sample.shape)
    return np.ascontiguousarray(randomized_svd(sample, components, n_iter=2, random_state=0)[2].T)


def _units(images: Pixels) -> Vectors:
    """Images as vectors of mean 0 and length 1, ``[n, H * W * C]``, whose products are correlations."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # One pixel that differs by 1 gives a length of at least 0.7; rounding alone gives far less.
    units: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0.5)
    return units


def _coordinates(units: Vectors, basis: Vectors) -> Vectors:
    """Principal components and the length of the rest, ``[n, components + 1]``: products bound correlations."""
    inside = units @ basis
    outside = np.sqrt(np.maximum((units**2).sum(axis=1) - (inside**2).sum(axis=1), 0))
    return np.concatenate([inside, outside[:, None]], axis=1)


def _shifted(images: Pixels, shift: tuple[int, int]) -> Pixels:
    """Images moved down and right, their edge repeated in the pixels that become free."""
    down, right = shift
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def _candidates(
    queries: Vectors, train: Vectors, rows: Rows, columns: Rows, components: Sequence[int]
) -> Iterator[NDArray[np.int64]]:
    """Pairs of a query and a training row, among those given, that may correlate enough, ``[n, 2]`` each."""
    for near, others in _neighbourhoods(queries, train, rows, columns, components):
        for start in range(0, len(others), TILE):
            tile = others[start : start + TILE]
            row, column = np.nonzero(queries[near] @ train[tile].T >= CORRELATION - ROUNDING)
            if len(row):
                yield np.stack([near[row], tile[column]], axis=1)


def _neighbourhoods(
    queries: Vectors, train: Vectors, rows: Rows, columns: Rows, components: Sequence[int]
) -> Iterator[tuple[Rows, Rows]]:
    """Groups of queries that lie close together, each with all training rows that are within reach.

    Vectors of length 1 with a correlation of c are sqrt(2 - 2c) apart, so no further in any component: most pairs are
    ruled out by the few components in which images differ most, one after the other.
    """
    if len(components) == 0 or len(rows) < GROUPS or len(columns) < GROUPS:
        yield rows, columns
        return
    reach = np.sqrt(2 - 2 * CORRELATION) + ROUNDING
    own, other = queries[rows, components[0]], train[columns, components[0]]
    for group in np.array_split(np.argsort(own), GROUPS):
        low, high = own[group[0]] - reach, own[group[-1]] + reach
        near = columns[(other >= low) & (other <= high)]
        yield from _neighbourhoods(queries, train, rows[group], near, components[1:])


def _exact(train: ImageSource, benchmark: Pixels, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Correlation of each pair ``(benchmark row, training row, shift)``, ``[n]``."""
    result = np.empty(len(pairs))
    for start in range(0, len(pairs), PAIRS):
        part = pairs[start : start + PAIRS]
        left = np.empty((len(part), *benchmark.shape[1:]), np.uint8)
        for number in np.unique(part[:, 2]):
            own = part[:, 2] == number
            left[own] = _shifted(benchmark[part[own, 0]], SHIFTS[number])
        products = np.einsum("nd,nd->n", _units(left), _units(train[part[:, 1]]), dtype=np.float64)
        result[start : start + PAIRS] = products
    return result
