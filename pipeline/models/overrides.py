"""Parameters of recipes as users override them: ``--set cnn.epochs=5``."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import SettingsError


def parse_overrides(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """``["cnn.epochs=5", "cnn.effort=max"]`` as ``{"cnn": {"epochs": 5, "effort": "max"}}``.

    Values are TOML's; a bare word is a string. Of two values for one parameter the later counts.

    Raises:
        SettingsError: A text is not of the form ``recipe.parameter=value``.
    """
    overrides: dict[str, dict[str, Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        # A user's own recipe has dots in its name, so the parameter is what follows the last one.
        recipe, _, parameter = key.strip().rpartition(".")
        if not (equals and recipe and parameter and value.strip()):
            raise SettingsError(f"{text!r} sets no parameter: write recipe.parameter=value, as in cnn.epochs=5.")
        overrides.setdefault(recipe, {})[parameter] = _value(value.strip())
    return overrides


def merged(recipe: str, defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults with overrides in their place, an integer taken as a number where a number is meant.

    Raises:
        SettingsError: A parameter is unknown or of another type than its default.
    """
    parameters = dict(defaults)
    for name, value in overrides.items():
        if name not in defaults:
            raise SettingsError(f"{recipe} has no parameter {name!r}: {_known(defaults)}.")
        parameters[name] = _as_type_of(defaults[name], value, f"{recipe}.{name}", defaults)
    return parameters


def _as_type_of(default: Any, value: Any, where: str, defaults: Mapping[str, Any]) -> Any:
    # A default of None says nothing about the type; bool is an int to Python, but not to a user.
    if default is None or type(value) is type(default):
        return value
    if type(default) is float and type(value) is int:
        return float(value)
    kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    expected = kind.get(type(default), f"like {default!r}")
    raise SettingsError(f"{where} is {value!r} but must be {expected}: {_known(defaults)}.")


def _known(defaults: Mapping[str, Any]) -> str:
    if not defaults:
        return "it has no parameters"
    return "its parameters are " + ", ".join(f"{name} ({value})" for name, value in defaults.items())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
