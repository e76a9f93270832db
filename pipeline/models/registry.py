"""The recipes by name: what can be trained, with which parameters, and what to expect of it.

Listing loads no heavy library: the recipes' modules import theirs when a model is built.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.contracts import Shape
from pipeline.errors import LONGEST_ECHO, ModelError, shown
from pipeline.models import baselines, classic_cnn, cnn, mlp, own, trees
from pipeline.models.cnn_parameters import CnnParameters, EnsembleParameters
from pipeline.models.parameters import Parameters, defaults, validated
from pipeline.models.protocol import Model
from pipeline.models.runtime import import_keras, import_xgboost

_CNN_AGAIN = "(MNIST, 54,000 training images; measured again on 2 cores, one seed)"
_AT_2018 = "(2018, 33,600 of Kaggle's images)"
_TEST_SET = "(MNIST's test set, 54,000 training images, mean of 5 seeds)"
_OF_42_000 = "(33,600 of MNIST's first 42,000 images, tested on the others, mean of 5 seeds)"
_HELD_OUT = "(MNIST, {} training images, on 6,000 images held out of them, one seed)"
_LIBRARIES: Mapping[str, Callable[[], object]] = {"keras": import_keras, "xgboost": import_xgboost}


@dataclass(frozen=True)
class Recipe:
    """One way to train a model.

    Attributes:
        name: How it is asked for.
        family: ``keras``, ``xgboost``, ``scikit-learn``, or ``own`` for a user's.
        summary: What it is, in a line.
        parameters: Every parameter with its type, default, range and help.
        expected: The expected accuracy, in words, with its source.
        deterministic: Whether the same rows and seed give the same model again, bit by bit, on one machine's
            CPU with the same number of threads.
        build: Makes the untrained model from shape, number of classes and parameters; ``None`` for a user's own.
    """

    name: str
    family: str
    summary: str
    parameters: type[Parameters]
    expected: str
    deterministic: bool
    build: Callable[[Shape, int, Any], Model] | None

    @property
    def defaults(self) -> dict[str, Any]:
        """Every parameter with its default."""
        return defaults(self.parameters)


WEIGHTED = frozenset({"xgboost", "scikit-learn"})
"""Families whose fit takes a weight for each training image."""
RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "cnn",
        "keras",
        "Our own CNN: four to seven convolutions, affine augmentation, Muon, a one-cycle learning rate (the default)",
        CnnParameters,
        f"99.67 %, with effort quick 99.39 %, with effort max 99.71 % {_TEST_SET}",
        True,
        cnn.build,
    ),
    Recipe(
        "cnn_ensemble",
        "keras",
        "Several of our own CNN with averaged probabilities, in one file; it keeps no checkpoints",
        EnsembleParameters,
        f"99.71 % {_TEST_SET}",
        True,
        cnn.build_ensemble,
    ),
    Recipe(
        "cnn_baseline",
        "keras",
        "First of the three iterative CNNs: one convolution",
        classic_cnn.BaselineParameters,
        f"98.43 % {_CNN_AGAIN}; 97.5 % on validation rows was originally reported",
        True,
        classic_cnn.build_baseline,
    ),
    Recipe(
        "cnn_dropout",
        "keras",
        "Second of the three iterative CNNs: two convolutions and dropout",
        classic_cnn.DropoutParameters,
        f"99.18 % {_CNN_AGAIN}; 98.5 % on validation rows was originally reported",
        True,
        classic_cnn.build_dropout,
    ),
    Recipe(
        "cnn_batchnorm",
        "keras",
        "Third of the three iterative CNNs: batch normalisation as well",
        classic_cnn.BatchnormParameters,
        f"99.15 % {_TEST_SET}; 99.2 % on validation rows was originally reported",
        True,
        classic_cnn.build_batchnorm,
    ),
    Recipe(
        "mlp",
        "keras",
        "The multi-layer perceptron of the 2018 pipeline; as in 2018, it runs all epochs and keeps the last",
        mlp.MlpParameters,
        f"97.90 % {_AT_2018}",
        True,
        mlp.build,
    ),
    Recipe(
        "xgboost",
        "xgboost",
        "Our own boosted trees: on the directions of strokes, with early stopping",
        trees.XgboostParameters,
        f"98.44 % {_OF_42_000}; more with shifts=4",
        True,
        trees.build,
    ),
    Recipe(
        "xgboost_2018",
        "xgboost",
        "The boosted trees of the 2018 pipeline",
        trees.Xgboost2018Parameters,
        f"94.82 % {_AT_2018}",
        True,
        trees.build_2018,
    ),
    Recipe(
        "logistic",
        "scikit-learn",
        "Logistic regression, the linear baseline",
        baselines.LogisticParameters,
        f"92.0 % {_HELD_OUT.format('30,240')}",
        True,
        baselines.build_logistic,
    ),
    Recipe(
        "dummy",
        "scikit-learn",
        "The floor: always predicts the most frequent class",
        baselines.DummyParameters,
        "11.35 % (MNIST's test set; the share of its most frequent class)",
        True,
        baselines.build_dummy,
    ),
)


def find(name: str) -> Recipe:
    """Return the recipe of this name, or a user's own ``package.module:function``.

    Raises:
        ModelError: There is none; the message names close matches.
    """
    if ":" in name:
        parameters = own.parameters(own.function(name))
        return Recipe(name, "own", "A user's own", parameters, "unknown", False, None)
    known = {recipe.name: recipe for recipe in RECIPES}
    if name not in known:
        own_one = own.suggestion(name)
        close = [own_one] if own_one else difflib.get_close_matches(name[:LONGEST_ECHO], known, n=3)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ModelError(f"There is no model {shown(name)}: {hint}`simulator.py models` lists all of them.")
    return known[name]


def parameters_of(recipe: Recipe, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's parameters with some of them replaced.

    Raises:
        SettingsError: A parameter is unknown or impossible; the message names the known ones.
    """
    return validated(recipe.name, recipe.parameters, overrides)


def create(
    recipe: Recipe, parameters: Mapping[str, Any], *, shape: Shape, n_classes: int
) -> tuple[Model, dict[str, Any]]:
    """Return an untrained model, and every parameter it was made with.

    Args:
        recipe: What to make.
        parameters: As ``parameters_of`` returns them; they are not checked again. One left out has its default.
        shape: Height, width and channels.
        n_classes: How many classes there are.

    Raises:
        ModelError: The model cannot be built so.
    """
    if recipe.build is None:
        return own.create(recipe.name, {**recipe.defaults, **parameters}, shape, n_classes)
    # Loading a library takes seconds that are no part of a fit.
    _LIBRARIES.get(recipe.family, lambda: None)()
    values = recipe.parameters.model_construct(**parameters)
    return recipe.build(shape, n_classes, values), values.model_dump()
