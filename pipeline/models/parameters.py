"""The parameters of recipes: declared as fields of one model per recipe, set by users, checked once.

A field holds everything there is to say about a parameter: its type, default, range and help. ``--set``,
``pipeline.toml``, ``simulator.py models``, the manifest and docs/recipes.md follow from it.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from pipeline.errors import SettingsError, shortened, shown

INT64 = -(2**63), 2**63 - 1
"""The range of a whole number that a recipe does not limit."""
_KINDS = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "text"}


class Parameters(BaseModel):
    """Base of every recipe's parameters: nothing unknown, nothing converted but a whole number to a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Described:
    """One parameter in words.

    Attributes:
        name: How it is set.
        default: Its value unless it is set.
        allowed: What it may be: ``a whole number from 1 to 10,000``.
        help: What it does; empty for a user's own recipe.
    """

    name: str
    default: Any
    allowed: str
    help: str


def defaults(model: type[Parameters]) -> dict[str, Any]:
    """Return every parameter with its default."""
    return {field.alias or name: field.default for name, field in model.model_fields.items()}


def described(model: type[Parameters]) -> list[Described]:
    """Return every parameter in words, in the order of their fields."""
    known = model.model_json_schema(schema_generator=_WithoutDefaults)["properties"] if model.model_fields else {}
    return [
        Described(name, default, _allowed(known[name], default), known[name].get("description", ""))
        for name, default in defaults(model).items()
    ]


def validated(recipe: str, model: type[Parameters], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter of a recipe, the given ones in the place of their defaults.

    Raises:
        SettingsError: A parameter is unknown, of another type, out of its range, or nothing that a manifest can hold.
    """
    try:
        values = model.model_validate(dict(given)).model_dump(by_alias=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        raise SettingsError(_refusal(recipe, model, str(problem["loc"][0]), given)) from None
    for name, value in values.items():
        _require_json(value, f"{recipe}.{name}")
    return values


def parse_overrides(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return ``["cnn.epochs=5", "cnn.effort=max"]`` as ``{"cnn": {"epochs": 5, "effort": "max"}}``.

    Values are TOML's; anything else is text. If a parameter is given twice, the later value counts.

    Raises:
        SettingsError: A text is not of the form ``recipe.parameter=value``.
    """
    overrides: dict[str, dict[str, Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        # A user's own recipe has dots in its name, so the parameter is what follows the last one.
        recipe, _, parameter = key.strip().rpartition(".")
        if not (equals and recipe and parameter and value.strip()):
            raise SettingsError(f"{shown(text)} sets no parameter: write recipe.parameter=value, as in cnn.epochs=5.")
        overrides.setdefault(recipe, {})[parameter] = _value(value.strip())
    return overrides


class _WithoutDefaults(GenerateJsonSchema):
    """A user's default need not be JSON, nor its type, so the schema leaves both out."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        return {}


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A second line would be a second setting, dropped without a word.
    return table["value"] if len(table) == 1 else text


def _refusal(recipe: str, model: type[Parameters], name: str, given: Mapping[str, Any]) -> str:
    known = {one.name: one for one in described(model)}
    listed = ", ".join(f"{one.name} ({shortened(str(one.default), 60)})" for one in known.values())
    others = f"its parameters are {listed}" if known else "it has no parameters"
    if name not in known:
        return f"{shown(recipe)[1:-1]} has no parameter {shown(name)}: {others}."
    allowed = known[name].allowed
    if type(given[name]) is int and allowed == _KINDS["integer"]:
        allowed += " of at most 64 bits"
    return f"{recipe}.{name} is {shown(given[name])} but must be {allowed}: {others}."


def _allowed(schema: Mapping[str, Any], default: Any) -> str:
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kind = _KINDS.get(schema.get("type", ""), f"like {shown(default, 60)}")
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None or most is None or (least, most) == INT64:
        return kind
    return f"{kind} from {_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _require_json(value: Any, where: str) -> None:
    """A user's own recipe may have parameters of any kind, but they become part of a version's manifest."""
    try:
        json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise SettingsError(
            f"{where} is {shown(value)} but must be made of finite numbers, text, true or false: "
            "a manifest holds nothing else."
        ) from None
