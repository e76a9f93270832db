"""The arrays of a version: ``predictions.npz``, ``training_images.npz`` and ``out_of_fold.npz``."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import Deployment, Digests, Labels, Probabilities, Refit, Version
from pipeline.errors import StoreError
from pipeline.store import manifest, typed_files

PREDICTIONS = "predictions.npz"
TRAINING_IMAGES = "training_images.npz"
OUT_OF_FOLD = "out_of_fold.npz"


@dataclass(frozen=True, eq=False)
class BenchmarkPredictions:
    """What a version answered on the benchmark when it was judged.

    Attributes:
        probabilities: Float32 ``[N, K]``.
        labels: The truth, int64 ``[N]``.
        digests: One digest per image, ``[N]``.
        champion_probabilities: The champion's on the same rows, ``[N, K]``; ``None`` without a champion.
    """

    probabilities: Probabilities
    labels: Labels
    digests: Digests
    champion_probabilities: Probabilities | None = None


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """The digests of the images that a version was fitted on (``train``) and validated with, each ``[n]``."""

    train: Digests
    validation: Digests


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What the members of a cross-fitted version answered for the images that they never saw.

    Attributes:
        probabilities: Float32 ``[n, K]``, one row for each image that the version was made from.
        labels: The truth, int64 ``[n]``.
        digests: One digest per image, ``[n]``.
    """

    probabilities: Probabilities
    labels: Labels
    digests: Digests


def predictions(version: Version | Deployment) -> BenchmarkPredictions:
    """Return the predictions of a version, checked against its manifest.

    Raises:
        StoreError: They are missing, damaged or changed.
    """
    return parse_predictions(manifest.read_checked(version.folder, PREDICTIONS), version.folder / PREDICTIONS)


def training_images(version: Version | Deployment | Refit) -> TrainingImages:
    """Return the training images of a version, checked against its manifest.

    Raises:
        StoreError: They are missing, damaged or changed.
    """
    return training_images_in(version.folder)


def training_images_in(folder: Path) -> TrainingImages:
    """Return the training images of the version or bundle in a folder, checked against its manifest.

    Raises:
        StoreError: They are missing, damaged or changed.
    """
    return parse_training_images(manifest.read_checked(folder, TRAINING_IMAGES), folder / TRAINING_IMAGES)


def out_of_fold(folder: Path) -> OutOfFold | None:
    """Return the out-of-fold predictions of a version or bundle; ``None`` if nothing in it is cross-fitted.

    Raises:
        StoreError: They are missing, damaged or changed.
    """
    facts = manifest.read(folder)
    if facts.folds is None and OUT_OF_FOLD not in facts.files:
        return None
    return parse_out_of_fold(manifest.read_checked(folder, OUT_OF_FOLD), folder / OUT_OF_FOLD)


def parse_predictions(content: bytes, path: Path) -> BenchmarkPredictions:
    """Return the predictions in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: An array is missing, or has another type or length than its neighbours.
    """
    needed = ("probabilities", "labels", "digests")
    found = typed_files.parse_arrays(content, path, needed, optional=("champion_probabilities",))
    return BenchmarkPredictions(**_checked(found, path))


def parse_out_of_fold(content: bytes, path: Path) -> OutOfFold:
    """Return the out-of-fold predictions in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: An array is missing, or has another type or length than its neighbours.
    """
    return OutOfFold(**_checked(typed_files.parse_arrays(content, path, ("probabilities", "labels", "digests")), path))


def _checked(found: dict[str, Any], path: Path) -> dict[str, Any]:
    images = len(found["labels"]) if found["labels"].ndim == 1 else -1
    for name, array in found.items():
        dimensions = 2 if name.endswith("probabilities") else 1
        if array.ndim != dimensions or len(array) != images:
            raise StoreError(f"{path} is damaged: '{name}' has the shape {array.shape}.")
    _require_kind(found["labels"], "iu", "labels", path)
    for name in found.keys() & {"probabilities", "champion_probabilities"}:
        _require_kind(found[name], "f", name, path)
    return {**found, "digests": _digests(found["digests"], "digests", path)}


def parse_training_images(content: bytes, path: Path) -> TrainingImages:
    """Return the training images in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: An array is missing or holds no digests.
    """
    found = typed_files.parse_arrays(content, path, ("train", "validation"))
    return TrainingImages(**{name: _digests(array, name, path) for name, array in found.items()})


def predictions_content(predictions: BenchmarkPredictions) -> bytes:
    """Return ``predictions.npz``."""
    return _compressed(predictions)


def out_of_fold_content(predictions: OutOfFold) -> bytes:
    """Return ``out_of_fold.npz``."""
    return _compressed(predictions)


def training_images_content(images: TrainingImages) -> bytes:
    """Return ``training_images.npz``."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, train=images.train, validation=images.validation)
    return buffer.getvalue()


def _compressed(answers: BenchmarkPredictions | OutOfFold) -> bytes:
    arrays = {name: array for name, array in vars(answers).items() if array is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _digests(array: Digests, name: str, path: Path) -> Digests:
    if array.dtype != np.dtype("V16") or array.ndim != 1:
        raise StoreError(f"{path} is damaged: '{name}' holds {array.dtype} of shape {array.shape}, not digests.")
    return array


def _require_kind(array: Labels | Probabilities, kinds: str, name: str, path: Path) -> None:
    if array.dtype.kind not in kinds:
        raise StoreError(f"{path} is damaged: '{name}' holds {array.dtype}.")
