"""What a fit is given, bundled: rows, seed, and where progress and checkpoints go."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import FitProgress, Images, Labels


@dataclass(frozen=True, eq=False)
class FitRequest:
    """The arguments of ``Model.fit``; see there.

    Attributes:
        train_images, validation_images: uint8 ``[N, H, W, C]``; validation may have no row.
        train_labels, validation_labels: int64 ``[N]``.
        seed: The one seed of initial weights, order and augmentation.
        progress: Called after each epoch or boosting round.
        checkpoints: Folder for the weights of each epoch, or ``None``.
    """

    train_images: Images
    train_labels: Labels
    validation_images: Images
    validation_labels: Labels
    seed: int
    progress: FitProgress
    checkpoints: Path | None = None
