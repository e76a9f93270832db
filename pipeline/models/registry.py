"""The recipes by name: what can be trained, with which parameters, and what to expect of it.

Listing loads no heavy library; a recipe's own module is imported when a model is created.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ModelError
from pipeline.models import own
from pipeline.models.overrides import merged
from pipeline.models.protocol import Model
from pipeline.models.runtime import import_keras, import_xgboost

_CNN_AGAIN = "(MNIST, 54,000 training images; measured again on 2 cores, one seed)"
_AT_2018 = "(2018, 33,600 of Kaggle's images)"
_TEST_SET = "(MNIST's test set, 54,000 training images, mean of 5 seeds)"
_OF_42_000 = "(33,600 of MNIST's first 42,000 images, tested on the others, mean of 5 seeds)"
_HELD_OUT = "(MNIST, {} training images, on 6,000 images held out of them, one seed)"
_LIBRARIES: Mapping[str, Callable[[], object]] = {"keras": import_keras, "xgboost": import_xgboost}
_CNN: Mapping[str, Any] = {
    "effort": "standard",
    "epochs": 0,
    "batch_size": 0,
    "learning_rate": 0.12,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "distortion": 1.0,
}


@dataclass(frozen=True)
class Recipe:
    """One way to train a model.

    Attributes:
        name: How it is asked for.
        family: ``keras``, ``xgboost``, ``scikit-learn``, or ``own`` for a user's.
        summary: What it is, in a line.
        parameters: Every parameter with its default.
        expected: The accuracy to expect, in words, with its source.
        deterministic: Whether the same rows and seed give the same model again, bit by bit, on one machine's
            CPU with the same number of threads.
        factory: ``package.module:function``, called as ``function(shape, n_classes, **parameters)``.
    """

    name: str
    family: str
    summary: str
    parameters: Mapping[str, Any]
    expected: str
    deterministic: bool
    factory: str


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "cnn",
        "keras",
        "Our own CNN: four or five convolutions, random affine copies, Muon, one cycle of learning rate (the default)",
        _CNN,
        f"99.67 %, with effort quick 99.39 %, with effort max 99.71 % {_TEST_SET}",
        True,
        "pipeline.models.cnn:build",
    ),
    Recipe(
        "cnn_ensemble",
        "keras",
        "Several of our own CNN, probabilities averaged, in one file; it keeps no checkpoints",
        {"members": 3, **_CNN},
        f"99.71 % {_TEST_SET}",
        True,
        "pipeline.models.cnn:build",
    ),
    Recipe(
        "cnn_baseline",
        "keras",
        "First of the three iterative CNNs: one convolution",
        {"epochs": 5, "batch_size": 32, "patience": 5},
        f"98.43 % {_CNN_AGAIN}; 97.5 % on validation rows was claimed for it",
        True,
        "pipeline.models.classic_cnn:build_baseline",
    ),
    Recipe(
        "cnn_dropout",
        "keras",
        "Second of the three iterative CNNs: two convolutions and dropout",
        {"epochs": 10, "batch_size": 32, "patience": 5},
        f"99.18 % {_CNN_AGAIN}; 98.5 % on validation rows was claimed for it",
        True,
        "pipeline.models.classic_cnn:build_dropout",
    ),
    Recipe(
        "cnn_batchnorm",
        "keras",
        "Third of the three iterative CNNs: batch normalisation as well",
        {"epochs": 12, "batch_size": 32, "patience": 5},
        f"99.15 % {_TEST_SET}; 99.2 % on validation rows was claimed for it",
        True,
        "pipeline.models.classic_cnn:build_batchnorm",
    ),
    Recipe(
        "mlp",
        "keras",
        "The multi-layer perceptron of the 2018 pipeline; as there, it runs all epochs and keeps the last",
        {"units": 396, "epochs": 50, "batch_size": 128, "patience": 0},
        f"97.90 % {_AT_2018}",
        True,
        "pipeline.models.mlp:build",
    ),
    Recipe(
        "xgboost",
        "xgboost",
        "Our own boosted trees: on the directions of strokes, with early stopping",
        {
            "effort": "standard",
            "rounds": 0,
            "patience": 20,
            "shifts": -1,
            "learning_rate": 0.0,
            "max_depth": 5,
            "max_bin": 32,
            "min_child_weight": 0.1,
            "subsample": 0.5,
            "colsample_bytree": 0.3,
            "features": "gradients",
        },
        f"98.44 % {_OF_42_000}; more with shifts=4",
        True,
        "pipeline.models.trees:build",
    ),
    Recipe(
        "xgboost_2018",
        "xgboost",
        "The boosted trees of the 2018 pipeline",
        {"rounds": 9, "max_depth": 9, "learning_rate": 0.375, "gamma": 0.9},
        f"94.82 % {_AT_2018}",
        True,
        "pipeline.models.trees:build_2018",
    ),
    Recipe(
        "logistic",
        "scikit-learn",
        "Logistic regression, the linear baseline",
        {"C": 0.1, "max_iter": 100},
        f"92.0 % {_HELD_OUT.format('30,240')}",
        True,
        "pipeline.models.baselines:build_logistic",
    ),
    Recipe(
        "dummy",
        "scikit-learn",
        "The floor: always the most frequent class",
        {},
        "11.35 % (MNIST's test set; the share of its most frequent class)",
        True,
        "pipeline.models.baselines:build_dummy",
    ),
)


def find(name: str) -> Recipe:
    """The recipe of this name, or a user's own ``package.module:function``.

    Raises:
        ModelError: There is none; the message names close matches.
    """
    if ":" in name:
        parameters = own.defaults(own.function(name))
        return Recipe(name, "own", "A user's own", parameters, "unknown", False, name)
    known = {recipe.name: recipe for recipe in RECIPES}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ModelError(f"There is no model {name!r}: {hint}`simulator.py models` lists all of them.")
    return known[name]


def parameters_of(recipe: Recipe, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe's parameters with some of them replaced.

    Raises:
        SettingsError: A parameter is unknown or impossible; the message names those there are.
    """
    return merged(recipe.name, recipe.parameters, overrides)


def create(
    recipe: Recipe, overrides: Mapping[str, Any], *, shape: tuple[int, int, int], n_classes: int
) -> tuple[Model, dict[str, Any]]:
    """An untrained model, and every parameter it was made with.

    Raises:
        SettingsError: An override is unknown or impossible.
        ModelError: The model cannot be built so.
    """
    parameters = parameters_of(recipe, overrides)
    if recipe.family == "own":
        return own.create(recipe.factory, parameters, shape, n_classes)
    # Loading a library takes seconds that are no part of a fit.
    _LIBRARIES.get(recipe.family, lambda: None)()
    module, _, name = recipe.factory.partition(":")
    build: Callable[..., Model] = getattr(importlib.import_module(module), name)
    return build(shape, n_classes, **parameters), parameters
