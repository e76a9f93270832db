"""Measure a version again: what serves or one of its checkpoints, on its benchmark rows or on other images."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.contracts import LabelledImages, Probabilities, Rows, Version
from pipeline.data import digests, preparation, snapshots, sources, splits
from pipeline.errors import DataError, shortened, shown
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
    beside: Sequence[Version] = (),
) -> Evaluation:
    """Score a version on labelled images that it was not fitted on.

    The images may be few, and of some of its classes. None is taken that a version was trained or validated on; of a
    dataset that has a name, such as ``mnist`` or a growing one, none that others may be trained or validated on.

    Args:
        home: The home folder.
        version: Which version; every file of it is verified first.
        checkpoint: The native model after this many epochs or rounds; ``None`` takes ``model.onnx``.
        dataset: As for a run; ``None`` takes the dataset and benchmark rows that the version was judged on.
        data_dir: Folder with local MNIST files.
        notify: Called with each sentence that a person should read.
        beside: Versions that it is compared with: no image of ``dataset`` is taken that trained one of them.

    Raises:
        StoreError: The version is damaged.
        DataError: The images or classes do not fit the version, none of them is new to it, its own dataset has changed
            or is not recorded, or it was refused and its policy discloses no benchmark figures.
        ModelError: There is no such checkpoint.
    """
    whole = versions.require_whole(version)
    data = _load(home, whole, dataset, data_dir, notify)
    rows = _own_benchmark(home, whole, data) if dataset is None else _unseen(home, (whole, *beside), data, dataset)
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
        images=f"{_counted(rows, data)} of {data.source}",
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
    own = dataset is None or facts.origin in (spec, sources.origin_of(Path(spec)))
    if own or snapshots.refers(spec, home.datasets) or not sources.is_picture_folder(spec):
        # What the pixels of a CSV or pictures were made into, where the version's own dataset is read again.
        shape = facts.shape if own else None
        data = datasets.load(
            home, spec, name=name, data_dir=data_dir, notify=notify, shape=shape, to_train=dataset is None
        )
    else:
        declared = preparation.recorded_in(facts)
        data = sources.load_prepared(spec, declared, name=name, notify=notify)
        notify(f"The pictures in {spec} were prepared for {version.id} as `predict` does it: {declared.words}.")
    if dataset is None and data.sha256 != facts.sha256:
        raise _changed(version)
    if data.shape != facts.shape:
        raise DataError(
            f"{data.name} has images of {data.shape}; {version.id} was trained on images of {facts.shape}: the two "
            "cannot be compared."
        )
    return _as_classes_of(version, data)


def _as_classes_of(version: Version, data: LabelledImages) -> LabelledImages:
    """The same images, labelled in the version's classes."""
    classes = version.manifest.dataset.classes
    if data.classes == classes:
        return data
    unknown = [name for name in data.classes if name not in classes]
    if unknown:
        raise DataError(
            f"{data.name} has the class {shown(unknown[0])}; {version.id} was trained on {len(classes)} classes: "
            f"{shortened(', '.join(classes))}."
        )
    index = np.array([classes.index(name) for name in data.classes])
    return replace(data, classes=classes, labels=index[data.labels])


def _changed(version: Version) -> DataError:
    origin = version.manifest.dataset.origin
    if not origin:
        return datasets.unrecorded(version.manifest)
    return DataError(
        f"{origin} has changed since {version.id} was trained on it: give --dataset {origin} to evaluate on its "
        "current images."
    )


def _own_benchmark(home: Home, version: Version, data: LabelledImages) -> Rows:
    roles = splits.assign_roles(data, role_records.load(home, version.manifest.dataset.name))
    return splits.benchmark_rows(data, roles, version.manifest.rows.benchmark)


def _unseen(home: Home, compared: Sequence[Version], data: LabelledImages, spec: str) -> Rows:
    """The rows that no version which is compared was trained or validated on; of a named dataset, none to train on."""
    unseen = np.ones(len(data), bool)
    named = sources.is_built_in(spec) or snapshots.refers(spec, home.datasets) or not sources.expanded(spec).exists()
    for name in {data.name, *(version.manifest.dataset.name for version in compared)} if named else ():
        if (known := role_records.load(home, name)) is not None:
            unseen &= splits.free_of_training(data, known)
    for version in compared:
        images = version_arrays.training_images(version)
        unseen &= ~digests.contained(data.digests, np.concatenate([images.train, images.validation]))
    if not unseen.any():
        names = " and ".join(dict.fromkeys(one.id for one in compared))
        what = "is a benchmark image or new" if named else "is new"
        raise DataError(
            f"None of the {len(data):,} images of {data.source} {what} to {names}: give --dataset with others."
        )
    return np.flatnonzero(unseen)


def _counted(rows: Rows, data: LabelledImages) -> str:
    few = f"{len(rows):,} images"
    return few if len(rows) == len(data) else f"{few}, new among the {len(data):,},"


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
