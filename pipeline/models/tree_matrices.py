"""The features of images as XGBoost takes them: in memory, or on disk in blocks where there are too many."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels
from pipeline.errors import ModelError
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import import_xgboost
from pipeline.models.shifting import copies_at, shifted_copies
from pipeline.models.tree_features import Features, TreeFeatures
from pipeline.stored_images import ImageSource, Pixels, StoredImages

BLOCK = 32_768
"""Images whose features are in memory at the same time; their bins make one block on disk."""
MOST_BINS = 256


@contextmanager
def scratch(request: FitRequest) -> Iterator[Path | None]:
    """Yield a folder for the blocks, beside the checkpoints where there are any; ``None`` where none is needed."""
    if not (isinstance(request.train_images, StoredImages) or isinstance(request.validation_images, StoredImages)):
        yield None
        return
    beside = None if request.checkpoints is None else request.checkpoints.parent
    with tempfile.TemporaryDirectory(prefix="xgboost-", dir=beside) as folder:
        yield Path(folder)


def matrices(
    request: FitRequest, features: TreeFeatures, copies: int, parameters: Mapping[str, Any], folder: Path | None
) -> list[tuple[Any, str]]:
    """Return the training rows and, where there are any, the validation rows, with their names in the log.

    With a folder they go through XGBoost's external memory (``ExtMemQuantileDMatrix``): features are put into bins
    block by block, a byte each, and the bins stay on disk, from where every round reads them. Their limits are
    estimated block by block too, so that trees may differ a little from those of an array. The files go with the
    matrices, which must be gone before the folder is.

    Args:
        request: The rows.
        features: What the trees see.
        copies: Moved copies to add to the training rows; see ``shifting``.
        parameters: As ``xgboost.train`` takes them.
        folder: What ``scratch`` yields.

    Raises:
        ModelError: The images are too many for memory, and the tree method takes no others.
    """
    xgboost = import_xgboost()
    if folder is not None:
        return _on_disk(request, features, copies, parameters, folder)
    images, labels = shifted_copies(request.train_images[:], request.train_labels, copies)
    train_rows = _in_memory(features.of(images), labels, _weights(request, copies), parameters)
    if len(request.validation_labels) == 0:
        return [(train_rows, "train")]
    held_out = xgboost.DMatrix(features.of(request.validation_images[:]), request.validation_labels)
    return [(train_rows, "train"), (held_out, "validation")]


def _in_memory(
    features: Features, labels: Labels, weights: NDArray[np.float64] | None, parameters: Mapping[str, Any]
) -> Any:
    xgboost = import_xgboost()
    if not _binned(parameters):
        return xgboost.DMatrix(features, labels, weight=weights)
    # A byte a value, where a DMatrix takes eight.
    return xgboost.QuantileDMatrix(features, labels, weight=weights, max_bin=_bins(parameters))


def _binned(parameters: Mapping[str, Any]) -> bool:
    return parameters.get("tree_method", "hist") in ("hist", "auto")


def _bins(parameters: Mapping[str, Any]) -> int:
    return int(parameters.get("max_bin", MOST_BINS))


def _weights(request: FitRequest, copies: int) -> NDArray[np.float64] | None:
    """The weights of the images and of their shifted copies."""
    weights = request.train_weights
    return None if weights is None else np.concatenate([weights, weights[np.arange(copies) % len(weights)]])


def _on_disk(
    request: FitRequest, features: TreeFeatures, copies: int, parameters: Mapping[str, Any], folder: Path
) -> list[tuple[Any, str]]:
    if not _binned(parameters):
        raise ModelError(
            f"tree_method {parameters['tree_method']} needs all {len(request.train_labels):,} images in memory at "
            "once: leave it out, or train on fewer."
        )
    xgboost, bins = import_xgboost(), _bins(parameters)
    train = _Rows(request.train_images, request.train_labels, request.train_weights, copies)
    train_rows = xgboost.ExtMemQuantileDMatrix(_iterator(train, features, folder / "train"), max_bin=bins)
    if len(request.validation_labels) == 0:
        return [(train_rows, "train")]
    held_out = _Rows(request.validation_images, request.validation_labels)
    blocks = _iterator(held_out, features, folder / "validation")
    return [(train_rows, "train"), (xgboost.ExtMemQuantileDMatrix(blocks, max_bin=bins, ref=train_rows), "validation")]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Images, and behind them moved copies of them, read a block at a time."""

    images: ImageSource
    labels: Labels
    weights: NDArray[np.float64] | None = None
    copies: int = 0

    def __len__(self) -> int:
        return len(self.labels) + self.copies

    def block(self, start: int) -> tuple[Pixels, Labels, NDArray[np.float64] | None]:
        """Return the images, labels and weights from a place on."""
        places = np.arange(start, min(start + BLOCK, len(self)))
        own, rows = places < len(self.labels), places % len(self.labels)
        moved = copies_at(self.images, places[~own] - len(self.labels), self.copies)
        weights = None if self.weights is None else self.weights[rows]
        return np.concatenate([self.images[rows[own]], moved]), self.labels[rows], weights


def _iterator(rows: _Rows, features: TreeFeatures, cache: Path) -> Any:
    xgboost = import_xgboost()

    class Blocks(xgboost.DataIter):  # type: ignore[misc, name-defined]
        """Hands over one block of rows after the other, as often as XGBoost asks."""

        def __init__(self) -> None:
            super().__init__(cache_prefix=str(cache), release_data=True)
            self.reset()

        def reset(self) -> None:
            self.start = 0

        def next(self, input_data: Callable[..., None]) -> bool:
            if self.start >= len(rows):
                return False
            images, labels, weights = rows.block(self.start)
            input_data(data=features.of(images), label=labels, weight=weights)
            self.start += BLOCK
            return True

    return Blocks()
