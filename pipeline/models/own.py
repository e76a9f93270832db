"""A user's own recipe: ``package.module:function`` that returns a model of a known library."""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.models.protocol import Model

FIT_PARAMETERS = {"epochs": 10, "batch_size": 32, "patience": 3}
"""How a Keras network is fitted where the function does not name these parameters itself."""


def function(name: str) -> Callable[..., Any]:
    """The function that ``package.module:function`` names, looked for in the current folder too.

    Raises:
        ModelError: There is no such module or function, or the module fails when imported.
    """
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module_name), function_name, None)
    except Exception as error:  # importing a user's module runs a user's code
        raise ModelError(f"{module_name} cannot be imported ({error}): name it as package.module:function.") from error
    if not callable(found):
        raise ModelError(f"{module_name} has no function {function_name!r}.")
    return found  # type: ignore[no-any-return]


def defaults(build: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a user's function: its keywords after ``shape`` and ``n_classes``, with their defaults.

    Raises:
        ModelError: A parameter has no default.
    """
    parameters = list(inspect.signature(build).parameters.values())[2:]
    named = [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    for parameter in named:
        if parameter.default is inspect.Parameter.empty:
            raise ModelError(f"The parameter {parameter.name!r} of your function has no default: give it one.")
    return {parameter.name: parameter.default for parameter in named}


def create(
    name: str, parameters: Mapping[str, Any], shape: tuple[int, int, int], n_classes: int
) -> tuple[Model, dict[str, Any]]:
    """What a user's function returns, behind the ``Model`` protocol, and the parameters that were used.

    Raises:
        ModelError: The function fails, or returns something that is no classifier of a known library.
    """
    user_function = function(name)

    def build() -> Any:
        try:
            return user_function(shape, n_classes, **parameters)
        except Exception as error:  # a user's code raises anything
            raise ModelError(f"{name} failed: {type(error).__name__}: {error}") from error

    made = build()
    library = _library(made)
    if library == "keras":
        return _keras(build, parameters, shape, n_classes)
    if library == "xgboost":
        return _xgboost(made, shape, n_classes), dict(parameters)
    if library == "sklearn":
        from pipeline.models.sklearn_family import SklearnModel

        return SklearnModel(shape, n_classes, made), dict(parameters)
    raise ModelError(
        f"{name} returned {type(made).__name__}: return a Keras model, an XGBClassifier, or a scikit-learn "
        "classifier with predict_proba."
    )


def _library(made: Any) -> str | None:
    # A model's library is loaded already, or there would be no model: nothing is imported to find out.
    if "keras" in sys.modules and isinstance(made, sys.modules["keras"].Model):
        return "keras"
    if "xgboost" in sys.modules and isinstance(made, sys.modules["xgboost"].XGBClassifier):
        return "xgboost"
    if hasattr(made, "predict_proba") and hasattr(made, "fit") and hasattr(made, "get_params"):
        return "sklearn"
    return None


def _keras(
    build: Callable[[], Any], parameters: Mapping[str, Any], shape: tuple[int, int, int], n_classes: int
) -> tuple[Model, dict[str, Any]]:
    from pipeline.models.keras_family import KerasModel, array_training

    used = {**FIT_PARAMETERS, **parameters}
    fit = {name: used[name] for name in FIT_PARAMETERS}

    def compiled() -> Any:
        # Called again within the seed of the fit, so that the initial weights follow from it.
        network = build()
        if not network.compiled:
            network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        elif network.loss in ("categorical_crossentropy", "binary_crossentropy"):
            raise ModelError(f"Labels are class numbers: compile with sparse_{network.loss}, or do not compile.")
        return network

    return KerasModel(shape, n_classes, array_training(compiled, **fit)), used


def _xgboost(classifier: Any, shape: tuple[int, int, int], n_classes: int) -> Model:
    from pipeline.models.xgboost_family import XGBoostModel
    from pipeline.models.xgboost_training import Boosting

    settings = classifier.get_xgb_params()
    if callable(settings.get("objective")):
        raise ModelError("An XGBClassifier with an objective of its own is not supported: leave the objective out.")
    ignored = ("objective", "num_class", "eval_metric", "random_state", "seed")
    parameters = {name: value for name, value in settings.items() if value is not None and name not in ignored}
    rounds, patience = classifier.get_num_boosting_rounds(), classifier.early_stopping_rounds or 0
    return XGBoostModel(shape, n_classes, Boosting(parameters, rounds, patience))
