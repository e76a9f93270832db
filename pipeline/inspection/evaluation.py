"""Measure a version again: what serves or one of its checkpoints, on its benchmark rows or on other images."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.contracts import LabelledImages, Probabilities, Rows, Version
from pipeline.data import digests, splits
from pipeline.errors import DataError
from pipeline.facts.score_facts import Scores
from pipeline.inference import checked_model
from pipeline.inspection import datasets
from pipeline.judging import disclosure, metrics
from pipeline.models import native
from pipeline.store import role_records, version_arrays, versions
from pipeline.store.home import Home
from pipeline.stored_images import ImageSource

CHECKPOINTS = "native/checkpoints/"


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        name: Safe as a file name: version, checkpoint and dataset.
        what: Which form of the version, in words.
        images: Which images, in words.
        scores: What was measured.
    """

    name: str
    what: str
    images: str
    scores: Scores


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
        checkpoint: The native model after this many epochs or rounds; ``None`` takes ``model.onnx``.
        dataset: As for a run; ``None`` takes the dataset and benchmark rows that the version was judged on.
        data_dir: Folder with local MNIST files.
        notify: Called with each sentence that a person should read.

    Raises:
        StoreError: The version is damaged.
        DataError: The images or classes do not fit the version, its own dataset has changed or is not recorded, or
            it was refused and its policy discloses no benchmark figures.
        ModelError: There is no such checkpoint.
    """
    whole = versions.require_whole(version)
    data = _load(home, whole, dataset, data_dir, notify)
    rows = _rows(home, whole, data)
    if digests.overlap(version_arrays.predictions(whole).digests, data.digests[rows]):
        disclosure.require_shown(whole)
    _warn_of_leaks(whole, data, rows, notify)
    probabilities = _predict(whole, data.at(rows), checkpoint)
    figures = metrics.score(probabilities, data.labels[rows], data.classes)
    scores = Scores(**dict(figures), benchmark_sha256=digests.set_digest(data.digests[rows]))
    suffix = f"-checkpoint-{checkpoint}" if checkpoint else ""
    return Evaluation(
        name=f"{version.id}{suffix}-{data.name}",
        what=f"native model, checkpoint {checkpoint}" if checkpoint else "model.onnx, as served",
        images=f"{len(rows):,} images of {data.source}",
        scores=scores,
    )


def _load(
    home: Home, version: Version, dataset: str | None, data_dir: Path | None, notify: Callable[[str], None]
) -> LabelledImages:
    """The version's own dataset, unchanged, or another of the same classes and shape."""
    facts = version.manifest.dataset
    spec, name = (
        datasets.source_of(home, dataset) if dataset else (datasets.recorded_source(version.manifest), facts.name)
    )
    # What the pixels of a CSV or pictures were made into, where the version's own dataset is read again.
    shape = None if dataset else facts.shape
    data = datasets.load(home, spec, name=name, data_dir=data_dir, notify=notify, shape=shape)
    if dataset is None and data.sha256 != facts.sha256:
        raise _changed(version)
    if (data.shape, data.classes) != (facts.shape, facts.classes):
        raise DataError(
            f"{data.name} has {len(data.classes)} classes of {data.shape} images; {version.id} was trained on "
            f"{len(facts.classes)} classes of {facts.shape}: the two cannot be compared."
        )
    return data


def _changed(version: Version) -> DataError:
    origin = version.manifest.dataset.origin
    if not origin:
        return datasets.unrecorded(version.manifest)
    return DataError(
        f"{origin} has changed since {version.id} was trained on it: give --dataset {origin} to evaluate on its "
        "current images."
    )


def _rows(home: Home, version: Version, data: LabelledImages) -> Rows:
    """The benchmark rows of a dataset that was trained on here, under either name; else all rows."""
    for name in (version.manifest.dataset.name, data.name):
        known = role_records.load(home, name)
        if known is not None and digests.overlap(data.digests, known.digests):
            roles = splits.assign_roles(data, known)
            return splits.benchmark_rows(data, roles, version.manifest.rows.benchmark)
    return np.arange(len(data), dtype=np.int64)


def _warn_of_leaks(version: Version, data: LabelledImages, rows: Rows, notify: Callable[[str], None]) -> None:
    leaked = digests.overlap(version_arrays.training_images(version).train, data.digests[rows])
    if leaked:
        notify(f"{version.id} was fitted on {leaked:,} of these {len(rows):,} images: its figures are too optimistic.")


def _predict(version: Version, images: ImageSource, checkpoint: int | None) -> Probabilities:
    if checkpoint is None:
        return checked_model.load(version.folder, version.manifest.digest).predictor.predict(images)
    facts = version.manifest
    with tempfile.TemporaryDirectory(prefix="pipeline-native-") as folder:
        _copy_native(version, Path(folder))
        model = native.load(
            facts.native_format,
            Path(folder) / facts.native_file,
            shape=facts.dataset.shape,
            n_classes=len(facts.dataset.classes),
            checkpoint=checkpoint,
        )
        return model.predict(images)


def _copy_native(version: Version, folder: Path) -> None:
    """Copy what the manifest lists of the native model, each file verified as it is read: nothing else is loaded."""
    listed = [name for name in version.manifest.files if name.startswith(CHECKPOINTS)]
    for name in (version.manifest.native_file, *listed):
        content = versions.read_verified(version, name)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
