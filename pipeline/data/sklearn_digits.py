"""scikit-learn's 1,797 real digits, enlarged from 8 x 8 to MNIST's format; available offline."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.raw import RawPart, RawSet

SIDE = 28
BOX = 20
"""MNIST's makers fitted each digit into 20 x 20 pixels and centred it by mass in 28 x 28."""
OVERSAMPLING = 4
INK = (0.25, 0.75)
"""Grey below the first is paper, above the second ink: sharpens the strokes that 8 x 8 pixels blur."""


def read() -> RawSet:
    """Return the digits as uint8 ``[1797, 28, 28]`` with labels 0 to 9."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.stack([enlarge(image) for image in digits.images])
    part = RawPart("scikit-learn's digits", "scikit-learn's digits", images, digits.target)
    classes = tuple(str(label) for label in range(10))
    return RawSet("digits", "scikit-learn's digits, enlarged from 8 x 8", part, classes=classes, origin="digits")


def enlarge(digit: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return one digit of 8 x 8 counts of ink, 0 to 16, as MNIST would show it: uint8 ``[28, 28]``."""
    from PIL import Image

    grey = Image.fromarray(np.rint(digit * (255 / 16)).astype(np.uint8))
    large = grey.resize((BOX * OVERSAMPLING, BOX * OVERSAMPLING), Image.Resampling.BICUBIC)
    paper, ink = INK
    sharp = np.clip((np.asarray(large) / 255 - paper) / (ink - paper), 0, 1) * 255
    box = Image.fromarray(np.rint(sharp).astype(np.uint8)).resize((BOX, BOX), Image.Resampling.BOX)
    return _centred(np.asarray(box))


def _centred(box: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (_offset(box.sum(axis=axis, dtype=np.float64)) for axis in (1, 0))
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + BOX, left : left + BOX] = box
    return image


def _offset(mass: NDArray[np.float64]) -> int:
    centre = np.average(np.arange(BOX), weights=mass)
    return int(np.clip(round((SIDE - 1) / 2 - centre), 0, SIDE - BOX))
