"""Why the champion answers as it does, for the first few images of a request."""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Probabilities
from pipeline.inference import occlusion
from pipeline.serving.champion import Champion

MOST_EXPLAINED = 8
"""Images of one request: each takes dozens of predictions."""
DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Explanation:
    """What is known of the answers for the first images of a request.

    Attributes:
        why: On which parts each answer rests, ``[M, H, W]``; as ``occlusion`` returns it, rounded.
        far: Which images are far from the training images, ``[M]``.
    """

    why: NDArray[np.float64]
    far: NDArray[np.bool_]


async def of(champion: Champion, images: Images, probabilities: Probabilities) -> Explanation:
    """Explain the answers for the first images; the copies of each are predicted as any request's images.

    Args:
        champion: Who answered.
        images: uint8 ``[N, H, W, C]``.
        probabilities: The answers, ``[N, K]``.
    """
    first, answers = images[:MOST_EXPLAINED], probabilities[:MOST_EXPLAINED].argmax(axis=1)
    far = await asyncio.to_thread(champion.doubts.far, first)
    why = []
    for image, answer in zip(first, answers.tolist(), strict=True):
        found = await champion.batcher.predict(occlusion.covered(image))
        why.append(occlusion.falls(found, answer, champion.shape[:2]))
    rounded: NDArray[np.float64] = np.asarray(why, np.float64).round(DECIMALS)
    return Explanation(rounded, far)
