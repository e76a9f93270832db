"""Which images a page shows: the most confident mistakes, and what a challenger fixed and broke."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities, Rows
from pipeline.reports import style
from pipeline.reports.html import picture_of
from pipeline.stored_images import ImageSource

MOST_COMPARED = 12
LEAST_FALL = 0.05
"""A fall in probability below this is marked in proportion, not in full: little depends on that part."""
Explain = Callable[[NDArray[np.uint8], int], NDArray[np.float32]]
"""From an image ``[H, W, C]`` and an answer to how much of the answer depends on each pixel, ``[H, W]``."""


@dataclass(frozen=True)
class Tile:
    """One entry of a gallery.

    Attributes:
        pictures: One or two pictures as data URIs.
        caption: The line below it.
        detail: A quieter second line, or empty.
        alt: What it shows, for people who cannot see it.
    """

    pictures: tuple[str, ...]
    caption: str
    detail: str
    alt: str


@dataclass(frozen=True)
class MistakeComparison:
    """Champion against challenger, image by image: how many, and the most decided of them as tiles."""

    both_right: int
    both_wrong: int
    fixed: int
    broken: int
    fixed_tiles: tuple[Tile, ...]
    broken_tiles: tuple[Tile, ...]


def mistakes(
    images: ImageSource,
    labels: Labels,
    probabilities: Probabilities,
    classes: Sequence[str],
    limit: int = 24,
    *,
    explain: Explain | None = None,
) -> tuple[Tile, ...]:
    """Return the wrong predictions made with the highest confidence, highest first.

    Args:
        images: uint8 ``[N, H, W, C]``.
        labels: The truth, ``[N]``.
        probabilities: ``[N, K]``.
        classes: The class names.
        limit: The most that are returned.
        explain: Tells on which parts an answer hangs; each image then stands beside itself with these marked.
    """
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    tiles = []
    for row in rows:
        caption = f"{classes[labels[row]]}, taken for {classes[predicted[row]]}"
        marked = (picture_of(_marked(images[row], explain(images[row], predicted[row]))),) if explain else ()
        pictures = (picture_of(images[row]), *marked)
        tiles.append(Tile(pictures, caption, f"{100 * confidence[row]:.1f} % sure", f"Image: {caption}"))
    return tuple(tiles)


def _marked(image: NDArray[np.uint8], falls: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image with orange where the answer depends on it; unchanged where it depends on no part."""
    strength = np.clip(falls, 0, None) / max(float(falls.max()), LEAST_FALL) * 0.75
    orange = np.array([int(style.ORANGE[at : at + 2], 16) for at in (1, 3, 5)], np.float32)
    colours = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    return np.asarray(colours + strength[..., None] * (orange - colours), dtype=np.uint8)


def comparison(
    images: ImageSource,
    labels: Labels,
    probabilities: Probabilities,
    champion: Probabilities,
    classes: Sequence[str],
) -> MistakeComparison:
    """Return what the challenger gets right that the champion got wrong, and the reverse."""
    right, before = probabilities.argmax(axis=1) == labels, champion.argmax(axis=1) == labels
    everyone = np.arange(len(labels))
    gain = probabilities[everyone, labels] - champion[everyone, labels]
    fixed, broken = _ordered(right & ~before, -gain), _ordered(~right & before, gain)
    names = np.asarray(classes, dtype=object)
    was, now = names[champion.argmax(axis=1)], names[probabilities.argmax(axis=1)]
    return MistakeComparison(
        both_right=int((right & before).sum()),
        both_wrong=int((~right & ~before).sum()),
        fixed=len(fixed),
        broken=len(broken),
        fixed_tiles=tuple(
            _tile(images, row, f"{now[row]}, right", f"champion: {was[row]}") for row in fixed[:MOST_COMPARED]
        ),
        broken_tiles=tuple(
            _tile(images, row, f"{names[labels[row]]}, now {now[row]}", "champion: right")
            for row in broken[:MOST_COMPARED]
        ),
    )


def near_copies(
    benchmark: ImageSource,
    training: ImageSource,
    labels: tuple[Labels, Labels],
    classes: Sequence[str],
    limit: int = 24,
) -> tuple[Tile, ...]:
    """Return benchmark images, each beside the training image that it nearly equals, as they come.

    Args:
        benchmark, training: The pairs, uint8 ``[N, H, W, C]`` each.
        labels: Of the two, ``[N]`` each.
        classes: The class names.
        limit: The most pairs that are shown.
    """
    named = zip(benchmark[:limit], training[:limit], *(each[:limit].tolist() for each in labels), strict=True)
    return tuple(
        Tile(
            (picture_of(image), picture_of(copy)),
            classes[label] if label == other else f"{classes[label]} and {classes[other]}",
            "benchmark, training",
            f"Benchmark image of class {classes[label]} next to a training image of class {classes[other]}",
        )
        for image, copy, label, other in named
    )


def _ordered(chosen: NDArray[np.bool_], rank: NDArray[np.floating]) -> Rows:
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(rank[rows], kind="stable")]


def _tile(images: ImageSource, row: int, caption: str, detail: str) -> Tile:
    return Tile((picture_of(images[row]),), caption, detail, f"Image: {caption}")
