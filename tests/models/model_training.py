"""Small digits, quick parameters, and a recipe trained as a version would be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import History, Images, Labels, Probabilities
from pipeline.facts.manifest_facts import ModelFormat
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.models.protocol import Model

QUICK: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"effort": "quick", "epochs": 8},
    "cnn_ensemble": {"effort": "quick", "epochs": 8, "members": 2},
    "cnn_baseline": {"epochs": 3},
    "cnn_dropout": {"epochs": 3},
    "cnn_batchnorm": {"epochs": 4, "batch_size": 8},
    "mlp": {"epochs": 6},
    "xgboost": {"rounds": 12, "learning_rate": 0.5},
    "logistic": {"max_iter": 20},
}
"""Parameters with which each recipe learns the small digits in a second or so."""


@dataclass(frozen=True)
class Digits:
    """scikit-learn's digits at 28 x 28, in three parts."""

    train: Images
    train_labels: Labels
    validation: Images
    validation_labels: Labels
    test: Images
    test_labels: Labels

    def first(self, images: int) -> "Digits":
        """With so many training images only."""
        return replace(self, train=self.train[:images], train_labels=self.train_labels[:images])

    def validating(self, images: int) -> "Digits":
        """With so many validation images only."""
        return replace(self, validation=self.validation[:images], validation_labels=self.validation_labels[:images])

    def of_classes(self, n_classes: int) -> "Digits":
        """With the images of the first classes only."""
        parts: list[Any] = []
        for images, labels in (
            (self.train, self.train_labels),
            (self.validation, self.validation_labels),
            (self.test, self.test_labels),
        ):
            kept = labels < n_classes
            parts += [images[kept], labels[kept]]
        return Digits(*parts)


@dataclass
class Fitted:
    """A fitted model with what it reported."""

    model: Model
    history: History
    reported: list[tuple[int, int, dict[str, float]]]


def fit(
    name: str,
    digits: Digits,
    overrides: Mapping[str, Any],
    *,
    seed: int = 0,
    n_classes: int = 10,
    checkpoints: Path | None = None,
) -> Fitted:
    """A recipe, fitted; overrides that it does not know are left out."""
    recipe = registry.find(name)
    known = {key: value for key, value in overrides.items() if key in recipe.defaults}
    model, _ = registry.create(
        recipe, registry.parameters_of(recipe, known), shape=digits.train.shape[1:], n_classes=n_classes
    )
    reported: list[tuple[int, int, dict[str, float]]] = []
    request = FitRequest(
        digits.train,
        digits.train_labels,
        digits.validation,
        digits.validation_labels,
        seed=seed,
        progress=lambda step, steps, metrics: reported.append((step, steps, dict(metrics))),
        checkpoints=checkpoints,
    )
    history = model.fit(request)
    return Fitted(model, history, reported)


@dataclass
class Trained(Fitted):
    """A fitted model with the files of a version."""

    native_format: ModelFormat
    native_file: Path
    onnx: Path


def train(name: str, digits: Digits, folder: Path, overrides: Mapping[str, Any], *, n_classes: int = 10) -> Trained:
    """A recipe, fitted, saved as a version would be, and exported."""
    fitted = fit(name, digits, overrides, n_classes=n_classes, checkpoints=folder / "native" / "checkpoints")
    native = fitted.model.save(folder / "native")
    fitted.model.export_onnx(folder / "model.onnx")
    return Trained(
        fitted.model, fitted.history, fitted.reported, fitted.model.native_format, native, folder / "model.onnx"
    )


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Share of the images whose most probable class is theirs."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))
