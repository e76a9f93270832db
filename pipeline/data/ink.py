"""Find the ink of a handwritten sign in a grey picture, whatever the light and the paper."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError

Grey = NDArray[np.float32]
BLANK = "The picture is blank: draw or photograph one digit with clear contrast."
GRID = 48
"""The paper's brightness is estimated on a grid of about this many pixels per side."""
WIDEST_STROKE = 0.4
"""Anything wider than this share of the longer side is not a stroke but a shadow, or the paper itself."""
PLANE_TOLERANCES = (64.0, 45.0, 32.0, 23.0, 16.0, 11.0, 8.0)
"""Grey levels: from what a shadow changes down to the grain of paper, so that the fit settles on one brightness."""
DARKEST_PAPER = 40.0
"""Ink in a shadow is scaled up by how dark the paper is there; paper below this grey level counts as this level."""
LEAST_CONTRAST = 14.0
"""Grey levels of 255 between paper and ink; less is a blank page."""
SMALLEST_PART = 0.03
"""Parts of less than this share of the largest one are dirt."""
EDGE_WEIGHT = 0.03
"""Weight of ink that touches the picture's edge: a table, a shadow, a neighbour's stroke."""


def find_ink(grey: Grey, paper: float | None = None) -> Grey:
    """Return how much ink is on each pixel around the sign, float32 ``[h, w]``, 0 (paper, exactly) to 1.

    Ink is darker than the paper, or lighter, whichever explains the picture better, by two estimates of the paper
    at once: a plane over the whole picture, and the brightness nearby (morphological closing, which follows
    hard shadows; dark ink in a shadow counts as much as in the light). The rest is split by a threshold (Otsu 1979),
    and dirt and whatever enters from the edge are removed.

    Args:
        grey: 0 to 255, ``[h, w]``.
        paper: The paper's brightness where it is known to be the same all over; it is not estimated then.

    Raises:
        DataError: There is no ink.
    """
    contrasts = _contrasts(grey) if paper is None else [_contrast_on(paper, grey)]
    best, score = max((_ink_of(contrast) for contrast in contrasts), key=lambda candidate: candidate[1])
    if score <= 0:
        raise DataError(BLANK)
    return best


def _contrast_on(paper: float, grey: Grey) -> Grey:
    """How far each pixel is from even paper, in the direction of most ink."""
    return paper - grey if grey.mean() < paper else grey - paper


def _contrasts(grey: Grey) -> list[Grey]:
    """How far each pixel is from the paper, were the ink dark and were it light."""
    plane, nearby = _plane(grey), _nearby(grey)
    dark = np.minimum(plane - grey, nearby - grey) * (np.median(nearby) / np.maximum(nearby, DARKEST_PAPER))
    light = np.minimum(grey - plane, grey + _nearby(-grey))
    return [dark, light]


def _ink_of(contrast: Grey) -> tuple[Grey, float]:
    """The ink if it is the brighter side, and how convincing it is (its mass)."""
    positive = np.clip(contrast, 0, None)
    threshold = otsu(positive)
    mask = positive > threshold
    if not mask.any() or _too_faint(contrast, mask):
        return positive, 0.0
    kept, mass = _sign(mask, positive)
    levels = positive[kept]
    full = float(np.partition(levels, int(0.75 * (len(levels) - 1)))[int(0.75 * (len(levels) - 1))])
    soft = np.clip((positive - 0.4 * threshold) / (full - 0.4 * threshold), 0, 1)
    return np.where(_grown(kept), soft, 0).astype(np.float32), mass


def _too_faint(contrast: Grey, mask: NDArray[np.bool_]) -> bool:
    sample = contrast[::2, ::2][~mask[::2, ::2]]
    noise = 1.4826 * float(np.median(np.abs(sample))) if sample.size else 0.0
    return float(np.median(contrast[mask])) < max(LEAST_CONTRAST, 3 * noise)


def _sign(mask: NDArray[np.bool_], strength: Grey) -> tuple[NDArray[np.bool_], float]:
    """The parts that make the sign, and their mass; what enters from the edge only if there is nothing better."""
    from scipy import ndimage

    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    masses = np.bincount(parts.ravel(), weights=strength.ravel(), minlength=count + 1).astype(np.float64)
    masses[0] = 0
    at_edge = np.zeros(count + 1, bool)
    at_edge[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = True
    masses[at_edge] *= EDGE_WEIGHT
    chosen = masses >= SMALLEST_PART * masses.max()
    if not at_edge[masses.argmax()]:
        chosen[at_edge] = False
    chosen[0] = False
    return chosen[parts], float(masses[chosen].sum())


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One pixel more all around: the soft edge of a stroke."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    grown = wide.copy()
    grown[:, 1:] |= wide[:, :-1]
    grown[:, :-1] |= wide[:, 1:]
    return grown


def _plane(grey: Grey) -> Grey:
    """The paper as a tilted plane: least squares, reweighted against outliers (Cauchy)."""
    height, width = grey.shape
    small = _shrunk(grey)
    terms = _plane_terms(*small.shape)
    seen = small.ravel().astype(np.float64)
    frame = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    fitted: NDArray[np.float64] = np.full_like(seen, np.median(frame))
    coefficients: NDArray[Any] = np.zeros(3)
    for tolerance in PLANE_TOLERANCES:
        weighted = terms / (1 + ((seen - fitted) / tolerance) ** 2)[:, None]
        coefficients = np.linalg.lstsq(weighted.T @ terms, weighted.T @ seen, rcond=None)[0]
        fitted = terms @ coefficients
    plane: NDArray[np.float64] = _plane_terms(height, width) @ coefficients
    return plane.reshape(grey.shape).astype(np.float32)


def _nearby(grey: Grey) -> Grey:
    """The paper as the light surroundings of each pixel: dark strokes are closed, wide shadows stay."""
    from scipy import ndimage

    small = _shrunk(grey)
    closed = ndimage.grey_closing(small, size=max(3, round(WIDEST_STROKE * max(small.shape))))
    return _resized(closed, grey.shape)


def _shrunk(grey: Grey) -> Grey:
    scale = min(1.0, GRID / max(grey.shape))
    height, width = grey.shape
    return _resized(grey, (max(1, round(height * scale)), max(1, round(width * scale))))


def _resized(grey: Grey, shape: tuple[int, ...]) -> Grey:
    from PIL import Image

    return np.asarray(Image.fromarray(grey).resize((shape[1], shape[0]), Image.Resampling.BILINEAR), np.float32)


def _plane_terms(height: int, width: int) -> NDArray[np.float64]:
    """The three terms of a plane at every pixel, ``[height * width, 3]``."""
    down, across = (axis.ravel() for axis in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j])
    return np.stack([np.ones_like(down), down, across], axis=1)


def otsu(values: NDArray[Any]) -> float:
    """Return the threshold that maximizes the between-class variance of a histogram (Otsu 1979)."""
    counts = np.bincount(np.clip(values, 0, 255).astype(np.uint8).ravel(), minlength=256)
    middles = np.arange(256) + 0.5
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return float(middles[int(np.nan_to_num(between).argmax())])
