"""What can be known of labelled images before anything is trained: balance, copies, doubtful labels, a map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Rows
from pipeline.stored_images import ImageSource, Pixels, blocks, view

Features = NDArray[np.float32]

COMPONENTS = 48
NEIGHBOURS = 10
MOST_COMPARED = 80_000
"""Every image is compared with every other up to here; beyond, a seeded subset is."""
MOST_FITTED = 10_000
MOST_MAPPED = 1_500
LONGEST_SIDE = 32
RELIABLE = 0.8
"""Share of right suggestions from which on what neighbours suggest says something about a label."""
_CHUNK = 8_192


@dataclass(frozen=True)
class ClassBalance:
    """How evenly the classes are filled.

    Attributes:
        counts: Images of each class, in label order.
        chi_square, p_value: Pearson's test against equal counts.
        ratio: Largest class over smallest; infinite where one is empty.
        sentence: What that means, for a person.
    """

    counts: tuple[int, ...]
    chi_square: float
    p_value: float
    ratio: float
    sentence: str


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest other images of each image, by Euclidean distance of features.

    Attributes:
        rows: Which images were compared, ``[n]``.
        nearest: For each of them its nearest others as row numbers, ``[n, k]``, nearest first.
        distances: How far they are, ``[n, k]``.
    """

    rows: Rows
    nearest: NDArray[np.int64]
    distances: Features


@dataclass(frozen=True)
class Twins:
    """Two images that are nearly the same.

    Attributes:
        first, second: Their rows.
        difference: The mean absolute difference of their pixels, 0 to 1; 0 where they are identical.
        closeness: Their distance over what is usual between nearest neighbours of the first one's class.
    """

    first: int
    second: int
    difference: float
    closeness: float


@dataclass(frozen=True)
class Suspect:
    """An image whose neighbours nearly all carry another label than its own.

    Attributes:
        row: Which image.
        suggested: The label that its neighbours carry.
        agreement: The weighted share of neighbours that carry it, 0 to 1.
    """

    row: int
    suggested: int
    agreement: float


def balance(labels: Labels, classes: Sequence[str]) -> ClassBalance:
    """Test whether the classes are equally filled (Pearson's chi-square), and say how much they differ."""
    from scipy.stats import chisquare

    counts = np.bincount(labels, minlength=len(classes))
    statistic, p_value = (float(value) for value in chisquare(counts))
    smallest, largest = int(counts.argmin()), int(counts.argmax())
    ratio = float(counts[largest] / counts[smallest]) if counts[smallest] else float("inf")
    uneven = "more than chance explains" if p_value < 0.05 else "no more than chance explains"
    size = "a small difference in practice" if ratio < 1.5 else "enough to look at each class on its own"
    sentence = (
        f"Class {classes[largest]} has the most images ({counts[largest]:,}) and class {classes[smallest]} the "
        f"fewest ({counts[smallest]:,}): {ratio:.2f} to 1, {uneven}, and {size}."
    )
    if counts[smallest] == counts[largest]:
        sentence = f"Every class has {counts[smallest]:,} images."
    return ClassBalance(tuple(counts.tolist()), statistic, p_value, ratio, sentence)


def features(images: ImageSource, rows: Rows, seed: int) -> Features:
    """Return principal components of some images, float32 ``[n, at most 48]``, fitted on a seeded subset of all.

    They carry most of what distinguishes small images, in a tenth of the numbers.
    """
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(seed)
    fitted = _flat(images[subset(len(images), MOST_FITTED, rng)])
    model = PCA(min(COMPONENTS, *fitted.shape), svd_solver="randomized", random_state=seed).fit(fitted)
    parts = [model.transform(_flat(part)) for part in blocks(view(images, rows), _CHUNK)]
    return np.concatenate(parts).astype(np.float32)


def neighbours(vectors: Features, rows: Rows) -> Neighbours:
    """Return the ten nearest others of each image, by the features and row numbers of those that are compared."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(rows) - 1), algorithm="brute").fit(vectors)
    distances, nearest = model.kneighbors()
    return Neighbours(rows, rows[nearest], distances.astype(np.float32))


def near_duplicates(images: ImageSource, labels: Labels, found: Neighbours, limit: int = 18) -> list[Twins]:
    """Return the pairs that are closest for their class, closest first; an image is in one pair at most.

    Measured against what is usual in the class, as thin strokes would otherwise take every place: two of
    them differ little only because they have little ink.
    """
    nearest = found.distances[:, 0]
    closeness = nearest / _by_class(nearest, labels[found.rows])
    kept: list[Twins] = []
    seen: set[int] = set()
    for place in np.argsort(closeness, kind="stable"):
        first, second = sorted((int(found.rows[place]), int(found.nearest[place, 0])))
        if not {first, second} & seen:
            kept.append(Twins(first, second, _difference(images[first], images[second]), float(closeness[place])))
            seen |= {first, second}
        if len(kept) == limit:
            break
    return kept


def suspects(labels: Labels, found: Neighbours) -> list[Suspect]:
    """Return images whose neighbours disagree with their label, the most doubtful first.

    The label is predicted from the nearest *other* images, so each prediction is out of sample: an image never
    speaks for itself. Ties go to the image that lies closest to its neighbours, measured by what is usual in
    the suggested class. A class that neighbours suggest wrongly in more than one case of five (``RELIABLE``) is
    suggested to nobody: there they are uninformative. After Northcutt and others 2021 (confident learning),
    section 3, in its simplest form.
    """
    own = labels[found.rows]
    votes = _votes(labels[found.nearest], found.distances, int(labels.max()) + 1)
    suggested = votes.argmax(axis=1)
    reliable = reliability(labels, found) >= RELIABLE
    places = np.flatnonzero((suggested != own) & reliable[suggested])
    lead = np.round(votes[places, suggested[places]] - votes[places, own[places]], 2)
    closeness = found.distances.mean(axis=1) / _by_class(found.distances.mean(axis=1), suggested)
    order = np.lexsort((closeness[places], -lead))
    return [
        Suspect(int(found.rows[place]), int(suggested[place]), float(votes[place, suggested[place]]))
        for place in places[order]
    ]


def reliability(labels: Labels, found: Neighbours) -> NDArray[np.float64]:
    """Return for each class how often an image whose neighbours suggest it does carry it, ``[K]``; 0 if none does."""
    classes = int(labels.max()) + 1
    suggested = _votes(labels[found.nearest], found.distances, classes).argmax(axis=1)
    right = np.bincount(suggested[suggested == labels[found.rows]], minlength=classes)
    return np.asarray(right / np.maximum(np.bincount(suggested, minlength=classes), 1), dtype=np.float64)


def embedding(vectors: Features, seed: int) -> NDArray[np.float32]:
    """Return a t-SNE map of the features of some images, ``[n, 2]`` (van der Maaten and Hinton 2008)."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    perplexity = min(30.0, max(2.0, (len(vectors) - 1) / 4))
    model = TSNE(2, perplexity=perplexity, init="pca", max_iter=500, random_state=seed)
    # Few points: threads would wait for each other longer than they compute.
    with threadpool_limits(1):
        return np.asarray(model.fit_transform(vectors), dtype=np.float32)


def subset(total: int, most: int, rng: np.random.Generator) -> Rows:
    """Return all row numbers, or ``most`` of them drawn without replacement and sorted."""
    if total <= most:
        return np.arange(total)
    return np.sort(rng.choice(total, most, replace=False))


def _by_class(values: Features, labels: NDArray[np.int64]) -> Features:
    """The median value of its class, for each image; never 0."""
    medians = np.ones(int(labels.max()) + 1, dtype=np.float32)
    for label in np.unique(labels):
        medians[label] = max(float(np.median(values[labels == label])), 1e-6)
    return medians[labels]


def _votes(neighbour_labels: NDArray[np.int64], distances: Features, classes: int) -> Features:
    width = max(float(np.median(distances)), 1e-9)
    weights = np.exp(-((distances / width) ** 2)) + 1e-12
    votes = np.stack([(weights * (neighbour_labels == label)).sum(axis=1) for label in range(classes)], axis=1)
    return np.asarray(votes / votes.sum(axis=1, keepdims=True), dtype=np.float32)


def _flat(images: Pixels) -> Features:
    step = -(-max(images.shape[1:3]) // LONGEST_SIDE)
    count, height, width, channels = images.shape
    rows, columns = height // step, width // step
    blocks = images[:, : rows * step, : columns * step].reshape(count, rows, step, columns, step, channels)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1) / 255, dtype=np.float32)


def _difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(np.abs(first.astype(np.int16) - second).mean() / 255)
