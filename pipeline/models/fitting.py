"""What a fit is given: rows, seed, and where progress and checkpoints go."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import FitProgress, Labels, no_progress
from pipeline.stored_images import ImageSource


@dataclass(frozen=True, eq=False)
class FitRequest:
    """The argument of ``Model.fit``.

    Attributes:
        train_images, validation_images: uint8 ``[N, H, W, C]``, in memory or read where they are indexed; there may be
            no validation image.
        train_labels, validation_labels: int64 ``[N]``.
        seed: The one seed of initial weights, order and augmentation.
        progress: Called after each epoch or boosting round.
        checkpoints: Folder for the weights of each epoch, made if it is missing; ``None`` keeps none.
        train_weights: How much each training image counts, float64 ``[N]``; ``None`` where all count the same. Only
            families in ``registry.WEIGHTED`` are given any.
    """

    train_images: ImageSource
    train_labels: Labels
    validation_images: ImageSource
    validation_labels: Labels
    seed: int
    progress: FitProgress = no_progress
    checkpoints: Path | None = None
    train_weights: NDArray[np.float64] | None = None
