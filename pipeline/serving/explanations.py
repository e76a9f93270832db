"""Why the champion answers as it does, for a few images of one request."""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Probabilities
from pipeline.inference import occlusion
from pipeline.serving.champion import Champion
from pipeline.serving.refusals import MOST_EXPLAINED, RequestRefusal

DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Explanation:
    """What is known of the answers for some images.

    Attributes:
        why: On which parts each answer rests, ``[N, H, W]``; as ``occlusion`` returns it, rounded.
        far: Which images are far from the training images, ``[N]``.
    """

    why: NDArray[np.float64]
    far: NDArray[np.bool_]


def require_few(images: Images) -> None:
    """Refuse to explain too many images.

    Raises:
        RequestRefusal: There are more than ``MOST_EXPLAINED``.
    """
    if len(images) > MOST_EXPLAINED:
        raise RequestRefusal(
            413,
            f"{len(images):,} images are too many to explain at once: send at most {MOST_EXPLAINED}, or leave out "
            "`explain`.",
        )


async def of(champion: Champion, images: Images, probabilities: Probabilities) -> Explanation:
    """Explain the answers for a few images; the copies of one after the other are predicted as any request's images.

    Args:
        champion: Who answered.
        images: uint8 ``[N, H, W, C]``.
        probabilities: The answers, ``[N, K]``.
    """
    far = await asyncio.to_thread(champion.doubts.far, images)
    why = []
    for image, answer in zip(images, probabilities.argmax(axis=1).tolist(), strict=True):
        found = await champion.batcher.predict(occlusion.covered(image))
        why.append(occlusion.falls(found, answer, champion.shape[:2]))
    rounded: NDArray[np.float64] = np.round(np.asarray(why, np.float64), DECIMALS)
    return Explanation(rounded, far)
