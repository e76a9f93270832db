"""The trainer: training rows and a recipe become a candidate."""

import contextlib
import itertools
import os
import platform
import time
from collections.abc import Container
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import moments
from pipeline.contracts import (
    Candidate,
    Cell,
    FitProgress,
    History,
    LabelledImages,
    Rows,
    Split,
    no_progress,
)
from pipeline.data import class_balance, folds
from pipeline.facts.manifest_facts import (
    DatasetFacts,
    Machine,
    Manifest,
    RowFacts,
    Timings,
    Validation,
)
from pipeline.inference import parity
from pipeline.inference.predictor import OnnxPredictor
from pipeline.judging import scalar_figures
from pipeline.models import registry
from pipeline.models.cross_fitting import CrossFittedModel, SeedAveragedModel
from pipeline.models.fitting import FitRequest
from pipeline.models.protocol import Model
from pipeline.models.runtime import granted_threads
from pipeline.store import atomic, manifest, training_history, version_arrays
from pipeline.store.versions import candidate_of

LIBRARIES = (
    "numpy",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "xgboost",
    "xgboost-cpu",
    "scikit-learn",
    "onnx",
    "onnxruntime",
)


@dataclass(frozen=True)
class Trainer:
    """Builds candidates in ``staging``.

    Attributes:
        staging: The folder in which each candidate gets its own.
        taken: Ids that other versions have.
    """

    staging: Path
    taken: Container[str] = ()

    def run(self, data: LabelledImages, cell: Cell, progress: FitProgress = no_progress) -> Candidate:
        """Fit, save, export and prove one candidate; its manifest is written last.

        Raises:
            ModelError: The recipe cannot be built or fitted, or its ONNX file does not equal it.
            StoreError: The disk fails.
        """
        folder = self.claim(version_id(cell))
        try:
            return _train(folder, data, cell, progress)
        except BaseException:
            atomic.remove_tree(folder)
            raise

    def claim(self, wanted: str) -> Path:
        """Create the candidate's folder; two trainings of one cell in one second get different ids."""
        for number in itertools.count(1):
            folder = self.staging / (wanted if number == 1 else f"{wanted}-{number}")
            if folder.name in self.taken or folder.exists():
                continue
            with atomic.disk_errors(folder):
                atomic.make_folder(folder.parent)
                with contextlib.suppress(FileExistsError):
                    folder.mkdir()
                    return folder
        raise AssertionError  # A counter never ends.


def version_id(cell: Cell) -> str:
    """Return a new version's id, which starts with the time now: ``20261121-134502-cnn-33600-7f3a``."""
    name = cell.recipe.replace(":", "-").replace(".", "-")
    return f"{moments.id_now()}-{name}-{cell.train_size}-{cell.digest[:4]}"


def _train(folder: Path, data: LabelledImages, cell: Cell, progress: FitProgress) -> Candidate:
    recipe, split = registry.find(cell.recipe), cell.split
    model, parameters = _untrained(recipe, data, cell)
    history, native_file, timings = _fitted(folder, model, data, cell, progress)
    predictor = OnnxPredictor(folder / "model.onnx")
    images = parity.images(data, split)
    proof = parity.proven(model.predict(images), predictor.predict(images))
    training_history.write(folder, history.rows)
    unseen = _out_of_fold(model, data, split)
    _write_arrays(folder, data, split, unseen)
    facts = Manifest(
        format=manifest.FORMAT,
        id=folder.name,
        created_at=moments.now(),
        cell=cell.digest,
        recipe=cell.recipe,
        family=recipe.family,
        native_format=model.native_format,
        native_file=native_file.relative_to(folder).as_posix(),
        parameters=dict(parameters),
        seed=split.seed,
        weights=model.weights,
        best_step=history.best_step,
        dataset=describe_dataset(data),
        rows=_describe_rows(cell),
        validation=_validate(predictor, data, split, unseen),
        parity=proof,
        timings=timings,
        libraries=library_versions(),
        machine=Machine(
            cores=os.cpu_count(), threads=granted_threads() or os.cpu_count(), platform=platform.platform()
        ),
        digest="",
        files={},
    )
    made = {
        "folds": cell.folds,
        "tuned": cell.tuned,
        "refit": cell.refit,
        "test_shifts": history.test_shifts,
        "automatic": dict(history.automatic) or None,
    }
    manifest.create(folder, facts.model_copy(update={name: value for name, value in made.items() if value is not None}))
    return candidate_of(folder)


def _fitted(
    folder: Path, model: Model, data: LabelledImages, cell: Cell, progress: FitProgress
) -> tuple[History, Path, Timings]:
    """Fit, save and export a model; returns what happened, its native file, and how long both took."""
    native = folder / "native"
    with atomic.disk_errors(folder):
        native.mkdir()
        request = _request(data, cell, progress, native / "checkpoints")
        started = time.perf_counter()
        history = model.fit(request)
        fitted = time.perf_counter()
        native_file = model.save(native)
        model.export_onnx(folder / "model.onnx")
        exported = time.perf_counter()
    return history, native_file, Timings(fit_seconds=fitted - started, export_seconds=exported - fitted)


def _untrained(recipe: registry.Recipe, data: LabelledImages, cell: Cell) -> tuple[Model, dict[str, Any]]:
    made = [
        registry.create(recipe, cell.parameters, shape=data.shape, n_classes=len(data.classes))
        for _ in range(cell.folds or (cell.refit.seeds if cell.refit else 1))
    ]
    model, parameters = made[0]
    if cell.refit is not None:
        return SeedAveragedModel([member for member, _ in made], len(data.classes)), parameters
    if cell.folds is None:
        return model, parameters
    rows = _rows_of_folds(cell.split)
    fold_of_row = folds.assign(data.digests[rows], data.labels[rows], cell.folds, cell.split.seed)
    return CrossFittedModel([member for member, _ in made], len(data.classes), fold_of_row), parameters


def _rows_of_folds(split: Split) -> Rows:
    """The rows of a cross-fitted version in the order in which its model is given them."""
    return np.concatenate([split.train, split.validation])


def _out_of_fold(model: Model, data: LabelledImages, split: Split) -> version_arrays.OutOfFold | None:
    if not isinstance(model, CrossFittedModel) or isinstance(model, SeedAveragedModel):
        return None
    rows = _rows_of_folds(split)
    return version_arrays.OutOfFold(model.out_of_fold, data.labels[rows], data.digests[rows])


def _request(data: LabelledImages, cell: Cell, progress: FitProgress, checkpoints: Path) -> FitRequest:
    split = cell.split
    rows = class_balance.oversampled(data, split) if cell.balance == "oversample" else split.train
    return FitRequest(
        data.at(rows),
        data.labels[rows],
        data.at(split.validation),
        data.labels[split.validation],
        split.seed,
        progress,
        checkpoints,
        class_balance.weights(data.labels[rows]) if cell.balance == "weights" else None,
    )


def _validate(
    predictor: OnnxPredictor, data: LabelledImages, split: Split, unseen: version_arrays.OutOfFold | None
) -> Validation:
    if len(split.validation) == 0:
        return Validation(accuracy=None, log_loss=None)
    if unseen is None:
        probabilities = predictor.predict(data.at(split.validation))
    else:
        probabilities = unseen.probabilities[len(split.train) :]
    labels = data.labels[split.validation]
    return Validation(
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        log_loss=scalar_figures.log_loss(probabilities, labels),
    )


def _write_arrays(folder: Path, data: LabelledImages, split: Split, unseen: version_arrays.OutOfFold | None) -> None:
    seen = version_arrays.TrainingImages(data.digests[split.train], data.digests[split.validation])
    if unseen is not None:
        # Each row is fitted by all members but one.
        seen = version_arrays.TrainingImages(unseen.digests, unseen.digests[:0])
        atomic.write_bytes(folder / version_arrays.OUT_OF_FOLD, version_arrays.out_of_fold_content(unseen))
    atomic.write_bytes(folder / version_arrays.TRAINING_IMAGES, version_arrays.training_images_content(seen))


def describe_dataset(data: LabelledImages) -> DatasetFacts:
    """Return what a manifest says of a dataset."""
    return DatasetFacts(
        name=data.name,
        source=_text(data.source),
        origin=_text(data.origin),
        sha256=data.sha256,
        images=len(data),
        classes=data.classes,
        shape=data.shape,
        preparation=data.preparation,
    )


def _text(text: str) -> str:
    """Return a text with what is not Unicode, as in a path of other bytes, escaped."""
    return text.encode(errors="backslashreplace").decode()


def _describe_rows(cell: Cell) -> RowFacts:
    split = cell.split
    # What is as usual is left out, so that it adds nothing to the digest.
    added: dict[str, Any] = {} if cell.balance == "none" else {"balance": cell.balance}
    if split.benchmark_in_folds:
        added["benchmark_in_folds"] = True
    return RowFacts(
        **added,
        train=len(split.train),
        validation=len(split.validation),
        train_size=split.train_size,
        benchmark=len(split.benchmark),
        train_sha256=split.train_sha256,
        validation_sha256=split.validation_sha256,
        benchmark_sha256=split.benchmark_sha256,
    )


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that matter, by name."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name.removesuffix("-cpu")] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
