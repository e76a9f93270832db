"""A user's own recipe: ``package.module:function`` that returns a model of a known library."""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_type_hints

from pydantic import Field, InstanceOf, PydanticUserError, TypeAdapter, create_model

from pipeline.contracts import Shape
from pipeline.errors import ModelError, shortened, shown
from pipeline.models.keras_fitting import FitParameters
from pipeline.models.parameters import INT64, Parameters
from pipeline.models.protocol import Model
from pipeline.models.runtime import quiet_tensorflow

FIT_PARAMETERS = FitParameters().model_dump()
"""How a Keras network is fitted where the function does not name these parameters itself."""
_INTEGER = Annotated[int, Field(ge=INT64[0], le=INT64[1])]
_FLOAT = Annotated[float, Field(ge=-1e300, le=1e300)]
_TYPES: Mapping[type, Any] = {bool: bool, int: _INTEGER, float: _FLOAT, str: str}


def function(name: str) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` names, looked for in the current folder too.

    Raises:
        ModelError: There is no such module or function, or the module fails when imported.
    """
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        with quiet_tensorflow():
            found = getattr(importlib.import_module(module_name), function_name, None)
    except ModuleNotFoundError as error:
        missing = f"{module_name}.".startswith(f"{error.name}.")
        advice = "name it as package.module:function" if missing else "install it, or correct the import"
        raise ModelError(f"{shortened(module_name)} cannot be imported ({shortened(str(error))}): {advice}.") from error
    except Exception as error:  # importing a user's module runs a user's code
        raise ModelError(f"{shortened(module_name)} cannot be imported{_why(error, _file_of(module_name))}.") from error
    if not callable(found):
        raise ModelError(f"{shortened(module_name)} has no function {shown(function_name)}.")
    return found  # type: ignore[no-any-return]


def suggestion(name: str) -> str | None:
    """Return the recipe that ``my_model`` or ``my_model.py`` means where such a file is here; ``None`` without one."""
    module_name = name.removesuffix(".py")
    try:
        source = Path(f"{module_name.replace('.', '/')}.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    functions = re.findall(r"^def (\w+)\(", source, re.MULTILINE)
    return f"{module_name}:{'build' if 'build' in functions or not functions else functions[0]}"


def _file_of(module_name: str) -> str | None:
    try:
        found = importlib.util.find_spec(module_name)
    except Exception:  # finding it imports the packages that it is in
        return None
    return found.origin if found else None


def _why(error: Exception, file: str | None) -> str:
    """The place in a user's module, if it is there, and the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    words = str(error)
    if isinstance(error, SyntaxError):
        file, lines, words = error.filename, [error.lineno], error.msg
    place = f" at {file}, line {lines[-1]}" if lines else ""
    return f"{place}: {type(error).__name__}: {shortened(words)}".rstrip(".")


def source_sha256(name: str) -> str | None:
    """Return the digest of the source of the module that ``package.module:function`` names, as it was imported.

    ``None`` for a recipe that is no user's own, and for a module without Python source. What the module imports is
    not looked at.

    Raises:
        ModelError: There is no such module or function, or the module fails when imported.
    """
    if ":" not in name:
        return None
    function(name)
    return _source_sha256(sys.modules[name.partition(":")[0]])


@cache
def _source_sha256(module: ModuleType) -> str | None:
    # Once for each module: a file that is edited later is not what this process trains.
    try:
        return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def parameters(build: Callable[..., Any]) -> type[Parameters]:
    """Return the model of a user's parameters: the function's keywords after ``shape`` and ``n_classes``.

    A parameter is of its annotation's type, or of its default's without one. What cannot be checked may be anything
    that a manifest can hold.

    Raises:
        ModelError: A parameter has no default.
    """
    signature = list(inspect.signature(build).parameters.values())[2:]
    hints = _hints(build)
    fields = {}
    for number, parameter in enumerate(signature):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise ModelError(f"The parameter {parameter.name!r} of your function has no default: give it one.")
        kind = _kind(parameter.name, parameter.default, hints.get(parameter.name))
        # A user may choose a name that a pydantic model has itself.
        fields[f"parameter_{number}"] = (kind, Field(parameter.default, alias=parameter.name))
    return create_model("OwnParameters", __base__=Parameters, **fields)  # type: ignore[call-overload, no-any-return]


def _hints(build: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(build, include_extras=True)
    except Exception:  # an annotation may name what only a type checker imports
        return {}


def _kind(name: str, default: Any, hint: Any) -> Any:
    if name in FIT_PARAMETERS and type(default) is int:
        field = FitParameters.model_fields[name]
        return Annotated[field.annotation, *field.metadata]
    if hint is not None:
        try:
            TypeAdapter(hint)
        except PydanticUserError:
            return Any
        return _TYPES.get(hint, hint) if isinstance(hint, type) else hint
    return _TYPES.get(type(default), Any if default is None else InstanceOf[type(default)])  # type: ignore[misc]


def create(name: str, values: Mapping[str, Any], shape: Shape, n_classes: int) -> tuple[Model, dict[str, Any]]:
    """Return what a user's function returns, behind the ``Model`` protocol, and the parameters that were used.

    Raises:
        ModelError: The function fails, or returns something that is no classifier of a known library.
    """
    user_function = function(name)

    def build() -> Any:
        try:
            with quiet_tensorflow():
                return user_function(shape, n_classes, **values)
        except Exception as error:  # a user's code raises anything
            raise ModelError(f"{name} failed{_why(error, _file_of(name.partition(':')[0]))}.") from error

    made = build()
    library = _library(made)
    if library == "keras":
        return _keras(build, values, shape, n_classes)
    if library == "xgboost":
        return _xgboost(made, shape, n_classes), dict(values)
    if library == "sklearn":
        from pipeline.models.sklearn_family import SklearnModel

        return SklearnModel(shape, n_classes, made), dict(values)
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
    build: Callable[[], Any], values: Mapping[str, Any], shape: Shape, n_classes: int
) -> tuple[Model, dict[str, Any]]:
    from pipeline.models.keras_family import KerasModel, array_training

    used = {**FIT_PARAMETERS, **values}
    fit = FitParameters.model_construct(**{name: used[name] for name in FIT_PARAMETERS})

    def compiled() -> Any:
        # Called again within the seed of the fit, so that the initial weights follow from it.
        network = build()
        if not network.compiled:
            network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        elif network.loss in ("categorical_crossentropy", "binary_crossentropy"):
            raise ModelError(f"Labels are class numbers: compile with sparse_{network.loss}, or do not compile.")
        return network

    return KerasModel(shape, n_classes, array_training(compiled, fit)), used


def _xgboost(classifier: Any, shape: Shape, n_classes: int) -> Model:
    from pipeline.models.xgboost_family import XGBoostModel
    from pipeline.models.xgboost_training import Boosting

    settings = classifier.get_xgb_params()
    if callable(settings.get("objective")):
        raise ModelError("An XGBClassifier with an objective of its own is not supported: leave the objective out.")
    ignored = ("objective", "num_class", "eval_metric", "random_state", "seed")
    parameters = {name: value for name, value in settings.items() if value is not None and name not in ignored}
    rounds, patience = classifier.get_num_boosting_rounds(), classifier.early_stopping_rounds or 0
    return XGBoostModel(shape, n_classes, Boosting(parameters, rounds, patience))
