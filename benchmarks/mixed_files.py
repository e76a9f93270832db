"""Picture files of mixed kinds made from labelled images: sizes, formats, polarities, noise, gradients, full-bleed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

KINDS = ("clean", "noise", "gradient", "full-bleed")
SMALLEST_SIDE, LARGEST_SIDE = 64, 400
GREATEST_NOISE = 16.0
"""Standard deviation in grey levels."""


@dataclass(frozen=True)
class Made:
    """One file.

    Attributes:
        path: Where it was written, in a folder named after its class.
        row: The image it was made from.
        kind: One of ``KINDS``.
        inverted: Whether it is dark on light.
    """

    path: Path
    row: int
    kind: str
    inverted: bool


def write(images: NDArray[np.uint8], names: list[str], folder: Path, seed: int) -> Iterator[Made]:
    """Write one file for each image, in folders named after the classes.

    Args:
        images: Light on dark, uint8 ``[N, H, W]``.
        names: The class name of each image.
        folder: Where the classes' folders go.
        seed: Decides every file.
    """
    rng = np.random.default_rng(seed)
    for row, (image, name) in enumerate(zip(images, names, strict=True)):
        kind, inverted = KINDS[row % len(KINDS)], bool(rng.random() < 0.5)
        picture = _picture(image, kind, inverted, rng)
        suffix = ".png" if rng.random() < 0.5 else ".jpg"
        path = folder / name / f"{row:06d}-{kind}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=int(rng.integers(70, 96)))
        yield Made(path, row, kind, inverted)


def _picture(image: NDArray[np.uint8], kind: str, inverted: bool, rng: np.random.Generator) -> Image.Image:
    longest = int(rng.integers(SMALLEST_SIDE, LARGEST_SIDE + 1))
    source = Image.fromarray(_cropped(image) if kind == "full-bleed" else image)
    scale = longest / max(source.size)
    size = (round(source.width * scale), round(source.height * scale))
    grey = np.asarray(source.resize(size, Image.Resampling.BICUBIC), np.float64)
    if inverted:
        grey = 255 - grey
    if kind == "noise":
        grey = grey + rng.normal(0, rng.uniform(4, GREATEST_NOISE), grey.shape)
    if kind == "gradient":
        grey = _lit(grey, inverted, rng)
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))


def _cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part around the ink: the strokes touch two opposite edges, or all four where the sign is wide enough."""
    rows, columns = np.flatnonzero(image.max(axis=1) > 50), np.flatnonzero(image.max(axis=0) > 50)
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    least = max(height, width) // 2
    down, across = (max(0, least - side) // 2 for side in (height, width))
    return image[
        max(0, rows[0] - down) : rows[-1] + 1 + down,
        max(0, columns[0] - across) : columns[-1] + 1 + across,
    ]


def _lit(grey: NDArray[np.float64], inverted: bool, rng: np.random.Generator) -> NDArray[np.float64]:
    """Uneven light: a tilted plane that takes up to half of the contrast's range."""
    down, across = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(40, 110)
    plane = (np.cos(angle) * down + np.sin(angle) * across) / 2 + 0.5
    lit: NDArray[np.float64] = grey - depth * plane if inverted else grey * (1 - depth / 255) + depth * plane
    return lit
