"""Parameters of recipes as users override them: ``--set cnn.epochs=5``."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import SettingsError
from pipeline.models import ranges


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
        SettingsError: A parameter is unknown, of another type than its default, out of its range, or nothing that a
            manifest can hold.
    """
    parameters = dict(defaults)
    for name, value in overrides.items():
        if name not in defaults:
            raise SettingsError(f"{recipe} has no parameter {name!r}: {_known(defaults)}.")
        default, allowed = defaults[name], ranges.allowed(recipe, name, defaults[name])
        if not (_of_type(default, value) and (allowed is None or value == default or value in allowed)):
            expected = _expected(default, allowed)
            raise SettingsError(f"{recipe}.{name} is {value!r} but must be {expected}: {_known(defaults)}.")
        parameters[name] = float(value) if type(default) is float else value
    for name, value in parameters.items():
        _require_json(value, f"{recipe}.{name}")
    return parameters


def _of_type(default: Any, value: Any) -> bool:
    # A default of None says nothing about the type; bool is an int to Python, but not to a user.
    return default is None or type(value) is type(default) or (type(default) is float and type(value) is int)


def _expected(default: Any, allowed: ranges.Allowed | None) -> str:
    kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    words = kind.get(type(default), f"like {default!r}")
    if allowed is None:
        return words
    return f"{words} {allowed}" + ("" if default in allowed else f", or the default {default}")


def _require_json(value: Any, where: str) -> None:
    """A user's own recipe may have parameters of any kind, but they become part of a version's manifest."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{where} is {value!r} but must be of finite numbers, texts, true or false: a manifest holds nothing else."
        ) from error


def _known(defaults: Mapping[str, Any]) -> str:
    if not defaults:
        return "it has no parameters"
    return "its parameters are " + ", ".join(f"{name} ({value})" for name, value in defaults.items())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
