"""How Keras networks are fitted: epochs, early stopping, checkpoints, progress and history."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from pipeline.contracts import History
from pipeline.errors import ModelError
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_batches import stored_batches
from pipeline.models.parameters import Parameters
from pipeline.models.runtime import import_keras
from pipeline.models.search_space import Searched
from pipeline.stored_images import StoredImages

CHECKPOINT = "epoch-{epoch:03d}.weights.h5"

Epochs = Annotated[int, Field(ge=1, le=10_000, description="Maximum number of passes over the training images.")]
BatchSize = Annotated[int, Searched(16, 512, log=True), Field(ge=1, le=1_000_000, description="Images per step.")]
Patience = Annotated[
    int,
    Field(ge=0, le=100_000, description="Epochs without a better validation loss before training ends; 0 runs all."),
]


class FitParameters(Parameters):
    """How ``fit_arrays`` fits a network; recipes have defaults of their own."""

    epochs: Epochs = 10
    batch_size: BatchSize = 32
    patience: Patience = 3


def fit_arrays(network: Any, request: FitRequest, parameters: FitParameters) -> History:
    """Fit a compiled network on the rows as they are, uint8 until the batch, and on disk until then if they are many.

    Training ends after ``epochs``, or once the validation loss has not improved for ``patience`` epochs; the
    weights of the best epoch are kept. With ``patience`` 0 or no validation rows every epoch is run and the
    last weights are kept.
    """
    watch = early_stopping(request, parameters.patience)
    size = parameters.batch_size
    result = network.fit(
        **_training_rows(request, size),
        epochs=parameters.epochs,
        validation_data=_validation_rows(request, size),
        validation_batch_size=size,
        callbacks=[*watch, *observers(request, parameters.epochs)],
        verbose=0,
    )
    return history_of(result.history, watch)


def _training_rows(request: FitRequest, size: int) -> dict[str, Any]:
    """The arguments of ``fit`` that hold the training rows."""
    images, labels = request.train_images, request.train_labels
    if isinstance(images, StoredImages):
        return {"x": stored_batches(images, labels, size, shuffled=True), "shuffle": False}
    return {"x": images, "y": labels, "batch_size": size}


def _validation_rows(request: FitRequest, size: int) -> Any:
    images, labels = request.validation_images, request.validation_labels
    if len(labels) == 0:
        return None
    if isinstance(images, StoredImages):
        return stored_batches(images, labels, size, shuffled=False)
    return images, labels


def early_stopping(request: FitRequest, patience: int) -> list[Any]:
    """Return the callback that restores the best epoch by validation loss; none without validation rows or patience."""
    if patience == 0 or len(request.validation_labels) == 0:
        return []
    keras = import_keras()
    return [keras.callbacks.EarlyStopping("val_loss", mode="min", patience=patience, restore_best_weights=True)]


def observers(request: FitRequest, epochs: int) -> list[Any]:
    """Return the callbacks that report each epoch and write its checkpoint."""
    keras = import_keras()

    def report(epoch: int, logs: Mapping[str, float] | None) -> None:
        request.progress(epoch + 1, epochs, renamed(logs or {}))

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=report)]
    if request.checkpoints is not None:
        request.checkpoints.mkdir(parents=True, exist_ok=True)
        path = str(request.checkpoints / CHECKPOINT)
        # Written before progress is reported, so that a reported epoch always has its checkpoint.
        callbacks.insert(0, keras.callbacks.ModelCheckpoint(path, save_weights_only=True))
    return callbacks


def history_of(logs: Mapping[str, Sequence[float]], watch: Sequence[Any]) -> History:
    """Return Keras' history as rows, one per epoch.

    Raises:
        ModelError: The training loss is no longer a number.
    """
    names = list(logs)
    epochs = zip(*logs.values(), strict=True)
    rows = tuple({"step": step, **renamed(dict(zip(names, row, strict=True)))} for step, row in enumerate(epochs, 1))
    if not rows or not math.isfinite(rows[-1]["loss"]):
        raise ModelError("Training diverged (the loss is not a number): lower the learning rate or scale the pixels.")
    best = watch[0].best_epoch + 1 if watch else len(rows)
    return History(rows, best)


def renamed(logs: Mapping[str, float]) -> dict[str, float]:
    """Return Keras' metrics under the names of ``History``, without the learning rate."""
    return {
        name.replace("val_", "validation_", 1) if name.startswith("val_") else name: float(value)
        for name, value in logs.items()
        if name != "learning_rate"
    }


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Keras, whose generators are global, and restore Python's and NumPy's states afterwards."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    import_keras().utils.set_random_seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def checkpoint_path(folder: Path, epoch: int) -> Path:
    """Return where the weights of an epoch, counted from 1, are written; create the folder if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / CHECKPOINT.format(epoch=epoch)


def checkpoint_file(folder: Path, epoch: int) -> Path:
    """Return where the weights of an epoch, counted from 1, are kept.

    Raises:
        ModelError: There is no checkpoint of this epoch; the message names those that exist.
    """
    path = folder / CHECKPOINT.format(epoch=epoch)
    if not path.is_file():
        found = sorted(int(file.name[6:-11]) for file in folder.glob("epoch-*.weights.h5"))
        have = f"it has {_ranges(found)}" if found else "it has none"
        raise ModelError(f"This version has no checkpoint {epoch}: {have}.")
    return path


def _ranges(numbers: Sequence[int]) -> str:
    gapless = list(numbers) == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} to {numbers[-1]}" if gapless and len(numbers) > 2 else ", ".join(map(str, numbers))
