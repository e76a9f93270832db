"""Scores of how usual an image is to a champion, fitted only on images that it was trained on.

Each score is a fixed function of an image, so reference and served images remain exchangeable under it: how sure the
champion is, how far the image is from others in the champion's own features, how much ink it has, what of it other
images do not explain, how it slants, and an indicator for each class, which is 1 where that class was predicted.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Labels, Probabilities
from pipeline.monitoring.spaces import Space, fitted_space, flat

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]

CONFIDENCE, CLASS_DISTANCE, NEIGHBOUR_DISTANCE, INK, RESIDUAL, SLANT = GENERAL = (
    "confidence",
    "distance from its class",
    "distance from the nearest training images",
    "ink",
    "what training images do not explain",
    "slant",
)
"""The scores of every champion; after them comes the indicator of each class."""
WEIGHTS = tuple(0.6 if score == NEIGHBOUR_DISTANCE else 0.08 for score in GENERAL)
"""How these scores share the error probability: most changes show first in the distance from training images."""
MOST_NEIGHBOURS, MOST_HELD_BACK = 20_000, 10_000
"""Training images that served ones are compared with, and others from which scales and bins are made."""
HELD_BACK_SHARE = 5
"""At most one training image in so many is held back."""
FEWEST = 10
PIXEL_WEIGHT = 0.75
"""Of the distance to the nearest training images in pixels, beside that in the champion's features."""
QUANTILES = 1 / (1 + np.exp(-np.linspace(-7, 7, 99)))
"""Levels of the edges between bins: fine in both tails, where the evidence is."""
BEYOND = 0.25 * 1.35 ** np.arange(14)
"""Edges beyond the outermost quantiles, in spreads of the score: for images that are unlike any training image."""
BINS = len(QUANTILES) + 2 * len(BEYOND) + 1
BLOCK = 512
"""Images that are scored together: their distances to all neighbours have to fit into memory."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """The fitted scores of one champion.

    Attributes:
        features: The champion's features, each class with variance 1 in every direction.
        pixels: The principal components of grey levels.
        class_means: The mean of each class among the features, ``[C, Q]``.
        scales: The spread of the distance to the nearest training images, in features and in pixels, ``[2]``.
        edges: Between the bins of each general score, ascending, ``[6, BINS - 1]``.
        shares: How often each class was predicted for training images, ``[C]``.
    """

    features: Space
    pixels: Space
    class_means: Floats
    scales: Floats
    edges: Floats
    shares: Floats

    @property
    def vanishing(self) -> Floats:
        """Per score: for the indicator of a class its share among training images, else 0, ``[K]``."""
        return np.concatenate([np.zeros(len(GENERAL)), self.shares])


@dataclass(frozen=True, eq=False)
class Seen:
    """Images with what the champion made of them.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        features: The champion's features, ``[N, D]``.
        probabilities: ``[N, C]``.
    """

    images: Images
    features: NDArray[np.float32]
    probabilities: Probabilities

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: NDArray[np.int64] | slice) -> "Seen":
        """Return some of them."""
        return Seen(self.images[rows], self.features[rows], self.probabilities[rows])


def fit(training: Seen, labels: Labels, seed: int) -> Scorer:
    """Fit the scores on images that the champion was trained on.

    Args:
        training: At least ``FEWEST`` of them; of many, some are drawn.
        labels: Their classes, ``[N]``.
        seed: Of the draw.

    Raises:
        ValueError: There are fewer.
    """
    if len(training) < FEWEST:
        raise ValueError(f"Scores are fitted on at least {FEWEST} training images.")
    order = np.random.default_rng(seed).permutation(len(training))
    held_back = min(MOST_HELD_BACK, len(order) // HELD_BACK_SHARE)
    others, near = training.take(order[:held_back]), training.take(order[held_back:][:MOST_NEIGHBOURS])
    own = labels[order[held_back:][:MOST_NEIGHBOURS]]
    features = fitted_space(flat(near.features), own, seed)
    pixels = fitted_space(_grey(near.images), None, seed)
    classes = training.probabilities.shape[1]
    scorer = Scorer(
        features=features,
        pixels=pixels,
        class_means=_class_means(features, own, classes),
        scales=np.ones(2),
        edges=np.zeros((len(GENERAL), BINS - 1)),
        shares=np.bincount(others.probabilities.argmax(axis=1), minlength=classes) / len(others),
    )
    scorer = replace(scorer, scales=np.array([_spread(column) for column in _neighbour_distances(scorer, others).T]))
    return replace(scorer, edges=np.stack([_edges(column) for column in general_scores(scorer, others).T]))


def general_scores(scorer: Scorer, seen: Seen) -> Floats:
    """Return the scores that every champion has, in the order of ``GENERAL``, ``[N, 6]``; higher is less usual.

    Ink and slant have no usual side: bets are placed on both ends of every score.
    """
    blocks = [seen.take(slice(start, start + BLOCK)) for start in range(0, len(seen), BLOCK)]
    return np.concatenate([np.zeros((0, len(GENERAL))), *(_scores(scorer, block) for block in blocks)])


def bins(scorer: Scorer, seen: Seen) -> Bins:
    """Return the bin of each image in each score, ``[N, K]``: ``GENERAL``, then 0 or 1 for each class."""
    scores = general_scores(scorer, seen)
    columns = zip(scorer.edges, scores.T, strict=True)
    placed = np.stack([np.searchsorted(edges, column, side="right") for edges, column in columns], axis=1)
    predicted = seen.probabilities.argmax(axis=1)
    indicators = predicted[:, None] == np.arange(seen.probabilities.shape[1])
    return np.concatenate([placed, indicators], axis=1).astype(np.int64)


def _scores(scorer: Scorer, seen: Seen) -> Floats:
    grey = _grey(seen.images)
    placed = scorer.features.place(flat(seen.features))
    centred = grey - scorer.pixels.mean
    explained = (centred @ scorer.pixels.axes) @ scorer.pixels.axes.T
    doubt = seen.probabilities.sum(axis=1, dtype=np.float64) - seen.probabilities.max(axis=1)
    return np.stack(
        [
            np.log(np.maximum(doubt, 0) + 1e-9),
            ((placed[:, None] - scorer.class_means) ** 2).sum(axis=2).min(axis=1),
            _neighbour_distances(scorer, seen) / scorer.scales @ [1, PIXEL_WEIGHT],
            grey.mean(axis=1),
            ((centred - explained) ** 2).mean(axis=1),
            _slants(seen.images),
        ],
        axis=1,
    )


def _neighbour_distances(scorer: Scorer, seen: Seen) -> Floats:
    """The distance to the nearest training images, in features and in pixels, ``[N, 2]``."""
    spaces = ((scorer.features, flat(seen.features)), (scorer.pixels, _grey(seen.images)))
    return np.stack([space.distances(space.place(values)) for space, values in spaces], axis=1)


def _grey(images: Images) -> Floats:
    """Grey levels, 0 to 1, ``[N, H * W]``."""
    grey: Floats = images.mean(axis=3, dtype=np.float64).reshape(len(images), -1) / 255
    return grey


def _class_means(space: Space, labels: Labels, classes: int) -> Floats:
    """The mean of each class; one without images is nowhere near."""
    means = np.full((classes, space.near.shape[1]), 1e6)
    for label in np.unique(labels):
        means[label] = space.near[labels == label].mean(axis=0)
    return means


def _slants(images: Images) -> Floats:
    """How far the ink of each image leans: pixels sideways a row."""
    height, width = images.shape[1:3]
    ink = images.mean(axis=3, dtype=np.float64)
    mass = ink.sum(axis=(1, 2)) + 1e-9
    rows, columns = np.arange(height)[:, None], np.arange(width)
    down, across = ((ink * axis).sum(axis=(1, 2)) / mass for axis in (rows, columns))
    y, x = rows - down[:, None, None], columns - across[:, None, None]
    together, upright = ((ink * product).sum(axis=(1, 2)) / mass for product in (x * y, y * y))
    slants: Floats = together / (upright + 1e-9)
    return slants


def _spread(values: Floats) -> float:
    low, high = np.quantile(values, [0.16, 0.84])
    return float(high - low) + 1e-9


def _edges(scores: Floats) -> Floats:
    inner = np.quantile(scores, QUANTILES)
    spread = _spread(scores)
    return np.concatenate([inner[0] - spread * BEYOND[::-1], inner, inner[-1] + spread * BEYOND])
