"""Measure a version again: what serves or one of its checkpoints, on its benchmark rows or on other images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import DEFAULT_COMPETITION
from pipeline.contracts import LabelledImages, Probabilities, Rows, Version
from pipeline.data import digests, sources, splits
from pipeline.errors import DataError
from pipeline.inference.predictor import OnnxPredictor
from pipeline.judging import metrics
from pipeline.models import native
from pipeline.store import role_records, versions
from pipeline.store.home import Home


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        name: Safe as a file name: version, checkpoint and dataset.
        what: Which form of the version, in words.
        images: Which images, in words.
        scores: As in ``scores.json``.
    """

    name: str
    what: str
    images: str
    scores: dict[str, Any]


def evaluate(
    home: Home,
    version: Version,
    *,
    checkpoint: int | None,
    dataset: str | None,
    data_dir: Path | None,
    notify: Callable[[str], None],
) -> Evaluation:
    """Score a version on labelled images that it was not fitted on.

    Args:
        home: The home folder.
        version: Which version; every file of it is verified first.
        checkpoint: The native model after so many epochs or rounds; ``None`` takes ``model.onnx``.
        dataset: As for a run; ``None`` takes the dataset and benchmark rows that the version was judged on.
        data_dir: Where local MNIST stands.
        notify: Shows a sentence that a person should see.

    Raises:
        StoreError: The version is damaged.
        DataError: The images or classes do not fit the version.
        ModelError: There is no such checkpoint.
    """
    whole = versions.require_whole(version)
    facts = whole.manifest["dataset"]
    data = sources.load(
        dataset or facts["name"],
        data_dir=data_dir,
        name=None if dataset else facts["name"],
        kaggle_dir=home.competition(DEFAULT_COMPETITION),
        notify=notify,
    )
    if list(data.shape) != facts["shape"] or list(data.classes) != facts["classes"]:
        raise DataError(
            f"{data.name} has {len(data.classes)} classes of {data.shape} images; {version.id} was trained on "
            f"{len(facts['classes'])} classes of {tuple(facts['shape'])}: the two cannot be compared."
        )
    rows = _rows(home, whole, data)
    _tell_of_leaks(whole, data, rows, notify)
    probabilities = _predict(whole, data.images[rows], checkpoint)
    scores = metrics.score(probabilities, data.labels[rows], data.classes)
    scores["benchmark_sha256"] = digests.set_digest(data.digests[rows])
    suffix = f"-checkpoint-{checkpoint}" if checkpoint else ""
    return Evaluation(
        name=f"{version.id}{suffix}-{data.name}",
        what=f"native model, checkpoint {checkpoint}" if checkpoint else "model.onnx, as served",
        images=f"{len(rows):,} images of {data.source}",
        scores=scores,
    )


def _rows(home: Home, version: Version, data: LabelledImages) -> Rows:
    """The benchmark rows of the dataset, or all rows of one that was never trained on here."""
    known = role_records.load(home, data.name)
    if known is None:
        return np.arange(len(data), dtype=np.int64)
    return splits.benchmark_rows(data, splits.assign_roles(data, known), version.manifest["rows"]["benchmark"])


def _tell_of_leaks(version: Version, data: LabelledImages, rows: Rows, notify: Callable[[str], None]) -> None:
    with np.load(version.folder / "training_images.npz", allow_pickle=False) as arrays:
        fitted = arrays["train"]
    leaked = digests.overlap(fitted, data.digests[rows])
    if leaked:
        notify(f"{version.id} was fitted on {leaked:,} of these {len(rows):,} images: its figures flatter it.")


def _predict(version: Version, images: Any, checkpoint: int | None) -> Probabilities:
    if checkpoint is None:
        return OnnxPredictor(versions.read_verified(version, "model.onnx")).predict(images)
    facts = version.manifest
    model = native.load(
        facts["native_format"],
        version.folder / facts["native_file"],
        shape=tuple(facts["dataset"]["shape"]),
        n_classes=len(facts["dataset"]["classes"]),
        checkpoint=checkpoint,
    )
    return model.predict(images)
