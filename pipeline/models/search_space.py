"""Which parameters of a recipe a search may vary, and between which bounds.

A field of the recipe's parameters that is annotated with ``Searched`` takes part::

    learning_rate: Annotated[float, Searched(0.03, 0.4, log=True)] = Field(0.12, ge=1e-9, le=1e9)
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from pipeline.errors import ModelError
from pipeline.facts.tuning_facts import Choice, NumberRange
from pipeline.models.parameters import Parameters

Space = dict[str, NumberRange | Choice]


@dataclass(frozen=True)
class Searched:
    """Marks a parameter that a search varies.

    Attributes:
        low, high: The bounds, where the allowed range (``ge``, ``le``) is wider than what makes sense.
        log: Whether equal ratios, not equal differences, are equally likely.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False


def space(recipe: str, model: type[Parameters], fixed: Collection[str] = ()) -> Space:
    """Return what is searched of a recipe, by parameter, without those that are fixed.

    Raises:
        ModelError: A marked field has no bounds, or none that can be searched; or nothing is left to search.
    """
    known = marked(model)
    found = {name: _values(f"{recipe}.{name}", field) for name, field in known.items() if name not in fixed}
    if not found:
        why = "all of its searched parameters are set" if known else "none of its parameters is marked to be searched"
        raise ModelError(f"There is nothing to search for {recipe}: {why}.")
    return found


def in_words(model: type[Parameters]) -> dict[str, str]:
    """Return what is searched of each marked parameter, for a person: ``0.03 to 0.6, log scale``."""
    return {name: _words(_values(name, field)) for name, field in marked(model).items()}


def marked(model: type[Parameters]) -> dict[str, FieldInfo]:
    """Return the fields that are marked to be searched, by parameter."""
    return {field.alias or name: field for name, field in model.model_fields.items() if _marker(field)}


def _marker(field: FieldInfo) -> Searched | None:
    return next((one for one in field.metadata if isinstance(one, Searched)), None)


def _values(name: str, field: FieldInfo) -> NumberRange | Choice:
    if field.annotation is bool:
        return Choice(kind="choice", values=(False, True))
    if get_origin(field.annotation) is Literal:
        return Choice(kind="choice", values=get_args(field.annotation))
    marker = _marker(field) or Searched()
    low = _bound(marker.low, [one.ge for one in field.metadata if hasattr(one, "ge")])
    high = _bound(marker.high, [one.le for one in field.metadata if hasattr(one, "le")])
    if low is None or high is None or not low < high or (marker.log and low <= 0):
        least = "a lower bound above 0" if marker.log else "a lower bound"
        raise ModelError(f"{name} cannot be searched: give its field {least} and an upper one above that.")
    kind: Literal["integer", "number"] = "integer" if field.annotation is int else "number"
    return NumberRange(kind=kind, low=float(low), high=float(high), log=marker.log)


def _bound(marked: float | None, allowed: list[Any]) -> float | None:
    return marked if marked is not None else next(iter(allowed), None)


def _words(values: NumberRange | Choice) -> str:
    if isinstance(values, Choice):
        return ", ".join(map(str, values.values))
    return f"{values.low:g} to {values.high:g}{', log scale' if values.log else ''}"
