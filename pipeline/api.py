"""The Python API: versions and champions from a program, without TensorFlow.

``from pipeline import load_champion; load_champion("mnist").predict(images)``
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.contracts import Images, Probabilities, Version
from pipeline.errors import DataError, StoreError
from pipeline.inference import checked_model
from pipeline.inference.predictor import OnnxPredictor
from pipeline.store import production
from pipeline.store import versions as store
from pipeline.store.home import Home


@dataclass(frozen=True)
class LoadedModel:
    """A verified model, ready to predict.

    Attributes:
        version_id: Which version it is.
        dataset: The name of the dataset it was trained for.
        classes: The class names, in the order of the probabilities.
        shape: Height, width and channels of the images it takes.
    """

    version_id: str
    dataset: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    _predictor: OnnxPredictor = field(repr=False)

    def predict(self, images: ArrayLike) -> NDArray[np.str_]:
        """Return the most probable class name of each image, ``[N]``.

        Args:
            images: uint8 ``[N, H, W, C]``, or ``[N, H, W]`` where the model takes one channel; prepared as the
                training images were.

        Raises:
            DataError: The images have another type or shape.
        """
        names: NDArray[np.str_] = np.array(self.classes)[self.predict_proba(images).argmax(axis=1)]
        return names

    def predict_proba(self, images: ArrayLike) -> Probabilities:
        """Return class probabilities, float32 ``[N, K]``; arguments and errors as in ``predict``."""
        return self._predictor.predict(self._as_batch(np.asarray(images)))

    def _as_batch(self, images: NDArray) -> Images:
        if images.ndim == 3 and self.shape[2] == 1:
            images = images[..., None]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self.shape:
            raise DataError(
                f"The images are {images.dtype} of shape {images.shape}, but {self.version_id} takes uint8 of shape "
                f"(N, {', '.join(map(str, self.shape))})."
            )
        return images


def load_champion(dataset: str, home: str | Path | None = None) -> LoadedModel:
    """Load the model that is in production for a dataset.

    Args:
        dataset: The dataset's name, ``mnist`` for instance.
        home: The home folder; by default ``PIPELINE_HOME``, else the checkout, else the current folder.

    Raises:
        StoreError: Nothing is in production for this dataset, or its files are missing or damaged.
    """
    place = Home.find(home)
    champion = production.current(place, dataset)
    if champion is None:
        known = ", ".join(production.datasets(place)) or "none"
        raise StoreError(
            f"Nothing is in production for '{dataset}' in {place.root} (datasets with a champion: {known})."
        )
    return _load(champion.folder, champion.digest)


def load_version(version: str, home: str | Path | None = None) -> LoadedModel:
    """Load any version, passed or failed, by its id, a part of it, or an alias: ``champion``, ``previous``, ``latest``.

    ``mnist@champion`` names the dataset, where several have a champion.

    Raises:
        StoreError: No version or several match, or its files are missing or damaged.
        DeployError: Nothing has the alias.
    """
    found = store.require_whole(store.find(Home.find(home), version))
    return _load(found.folder, found.manifest.digest)


def list_versions(home: str | Path | None = None) -> Sequence[Version]:
    """Return every version with its typed manifest, scores and verdict, oldest first."""
    return store.list_versions(Home.find(home))


def _load(folder: Path, digest: str) -> LoadedModel:
    model = checked_model.load(folder, digest)
    facts = model.facts.dataset
    return LoadedModel(model.facts.id, facts.name, facts.classes, facts.shape, model.predictor)
