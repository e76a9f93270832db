"""Fifteen ways to spoil small images, after MNIST-C (Mu and Gilmer 2019), in our own words.

Every corruption takes grey levels as floats, 0 to 1, ``[N, H, W, C]``, and a random generator, and returns the same
shape; values may leave 0 to 1. Sizes are fractions of the image's smaller side, so any small image will do.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Corruption = Callable[[Pixels, np.random.Generator], Pixels]


def shot_noise(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Add shot noise: each pixel is a Poisson count of up to 8 photons."""
    return np.asarray(rng.poisson(images * 8) / 8, np.float32)


def impulse_noise(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Make one pixel in eight black or white."""
    hit = rng.random(images.shape[:3])[..., None] < 0.125
    return np.asarray(np.where(hit, rng.integers(0, 2, (*images.shape[:3], 1)), images), np.float32)


def gaussian_blur(images: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 every corruption has one signature
    """Blur by 4 % of the side."""
    from scipy.ndimage import gaussian_filter

    spread = 0.04 * _side(images)
    return np.asarray(gaussian_filter(images, (0, spread, spread, 0)), np.float32)


def glass_blur(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Take every pixel from a near one, as through rippled glass."""
    reach = max(round(0.04 * _side(images)), 1)
    count, height, width, _ = images.shape
    rows, columns = _grid(images)
    rows = np.clip(rows + rng.integers(-reach, reach + 1, (count, height, width)), 0, height - 1)
    columns = np.clip(columns + rng.integers(-reach, reach + 1, (count, height, width)), 0, width - 1)
    mixed: Pixels = np.array(images[np.arange(count)[:, None, None], rows, columns])
    return mixed


def motion_blur(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Blur along a sixth of the side in one direction for each image."""
    angle = rng.uniform(0, np.pi, len(images))
    steps = np.linspace(-1, 1, 5) * _side(images) / 12
    moved = [_shift(images, step * np.sin(angle), step * np.cos(angle)) for step in steps]
    return np.asarray(np.mean(moved, axis=0), np.float32)


def shear(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Slant by up to 0.6 of a pixel a row, to either side."""
    return _affine(images, slant=rng.choice([-1, 1], len(images)) * rng.uniform(0.3, 0.6, len(images)))


def scale(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Shrink to 60 to 80 % of the size."""
    return _affine(images, zoom=rng.uniform(0.6, 0.8, len(images)))


def rotate(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Rotate by 20 to 35 degrees, either way."""
    degrees = rng.choice([-1, 1], len(images)) * rng.uniform(20, 35, len(images))
    return _affine(images, angle=np.deg2rad(degrees))


def translate(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Move by up to an eighth of the side, in both directions."""
    most = _side(images) / 8
    down, right = rng.uniform(-most, most, (2, len(images)))
    return _shift(images, down, right)


def brightness(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Brighten the background by 30 to 50 % of white."""
    return images * 0.6 + rng.uniform(0.3, 0.5, (len(images), 1, 1, 1)).astype(np.float32)


def stripe(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Invert a band across the image."""
    rows, _ = _grid(images)
    height = images.shape[1]
    start = rng.uniform(0.1, 0.7, (len(images), 1, 1)) * height
    band = ((rows >= start) & (rows < start + max(0.15 * height, 1)))[..., None]
    return np.where(band, 1 - images, images)


def fog(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Overlay smooth random clouds."""
    from scipy.ndimage import gaussian_filter

    noise = rng.random((*images.shape[:3], 1), dtype=np.float32)
    clouds = np.asarray(gaussian_filter(noise, (0, _side(images) / 7, _side(images) / 7, 0), mode="wrap"))
    low, high = clouds.min(axis=(1, 2), keepdims=True), clouds.max(axis=(1, 2), keepdims=True)
    clouds = (clouds - low) / np.maximum(high - low, 1e-6)
    return np.asarray(images + 0.5 * clouds * (1 - images), np.float32)


def spatter(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Overlay drops of half-bright liquid, as on the lens."""
    from scipy.ndimage import gaussian_filter

    spread = 0.05 * _side(images)
    wet = np.asarray(
        gaussian_filter(rng.standard_normal((*images.shape[:3], 1), dtype=np.float32), (0, spread, spread, 0))
    )
    limit = np.quantile(wet, 0.92, axis=(1, 2), keepdims=True)
    return np.asarray(np.where(wet > limit, 0.6, images), np.float32)


def dotted_line(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Draw a dotted line across the image."""
    return _crossed(images, rng, waves=0.0, dotted=True)


def zigzag(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Draw a zigzag line across the image."""
    return _crossed(images, rng, waves=0.1, dotted=False)


CORRUPTIONS: tuple[Corruption, ...] = (
    shot_noise,
    impulse_noise,
    gaussian_blur,
    glass_blur,
    motion_blur,
    shear,
    scale,
    rotate,
    translate,
    brightness,
    stripe,
    fog,
    spatter,
    dotted_line,
    zigzag,
)


def _side(images: Pixels) -> int:
    return int(min(images.shape[1:3]))


def _grid(images: Pixels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    height, width = images.shape[1:3]
    return np.arange(height)[None, :, None], np.arange(width)[None, None, :]


def _crossed(images: Pixels, rng: np.random.Generator, waves: float, dotted: bool) -> Pixels:
    count, height, width, _ = images.shape
    rows, columns = _grid(images)
    left, right = rng.uniform(0.15, 0.85, (2, count, 1, 1)) * height
    line = left + (right - left) * columns / max(width - 1, 1)
    period = max(width // 3, 2)
    line = line + waves * height * (np.abs((columns % period) / period - 0.5) * 4 - 1)
    thickness = max(0.035 * height, 0.6)
    hit = np.abs(rows - line) <= thickness
    if dotted:
        hit &= columns % 4 < 2
    return np.where(hit[..., None], np.float32(1), images)


def _shift(images: Pixels, down: NDArray[np.float64], right: NDArray[np.float64]) -> Pixels:
    rows, columns = _grid(images)
    return _sample(images, rows - down[:, None, None], columns - right[:, None, None])


def _affine(
    images: Pixels,
    angle: NDArray[np.float64] | float = 0.0,
    zoom: NDArray[np.float64] | float = 1.0,
    slant: NDArray[np.float64] | float = 0.0,
) -> Pixels:
    """Turn, shrink and slant each image about its centre; arguments are ``[N]`` or one for all."""
    rows, columns = _grid(images)
    y, x = rows - (images.shape[1] - 1) / 2, columns - (images.shape[2] - 1) / 2
    turn, size, lean = (np.broadcast_to(v, len(images))[:, None, None] for v in (angle, zoom, slant))
    x = x + lean * y
    source_y, source_x = (np.cos(turn) * y - np.sin(turn) * x) / size, (np.sin(turn) * y + np.cos(turn) * x) / size
    return _sample(images, source_y + (images.shape[1] - 1) / 2, source_x + (images.shape[2] - 1) / 2)


def _sample(images: Pixels, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Pixels:
    """Bilinear samples at fractional places, ``[N, H, W]`` each; black outside."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = images.shape[1:3]
    rows, columns = np.clip(rows + 1, 0, height + 0.999), np.clip(columns + 1, 0, width + 0.999)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, right = (rows - top)[..., None].astype(np.float32), (columns - left)[..., None].astype(np.float32)
    number = np.arange(len(images))[:, None, None]
    upper = padded[number, top, left] * (1 - right) + padded[number, top, left + 1] * right
    lower = padded[number, top + 1, left] * (1 - right) + padded[number, top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)
