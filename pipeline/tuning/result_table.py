"""The result of a search as a table of ``pipeline.toml``, printed or merged into the file."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError
from pipeline.store import atomic

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def table(recipe: str, parameters: Mapping[str, Any]) -> str:
    """Return ``[recipe.NAME]`` and a line for each parameter."""
    return "\n".join([_header(recipe), *(_line(name, value) for name, value in parameters.items())])


def merge(path: Path, recipe: str, parameters: Mapping[str, Any], automatic: Mapping[str, Any]) -> None:
    """Set the parameters in a settings file, which is created if it is missing; all the rest stays as it is.

    Automatic parameters are set only where the file sets them to something else.

    Raises:
        SettingsError: The file is not TOML, or is written in a way that cannot be changed line by line.
        StoreError: The disk fails.
    """
    text = atomic.read_bytes(path).decode(errors="surrogateescape") if path.exists() else ""
    before = _parsed(path, text)
    known = before.get("recipe", {})
    known = known.get(recipe, {}) if isinstance(known, dict) else {}
    if isinstance(known, dict):
        parameters = {**parameters, **{name: value for name, value in automatic.items() if name in known}}
    after = _merged(text, recipe, {**known, **parameters} if isinstance(known, dict) else parameters)
    wanted = {**before, "recipe": {**before.get("recipe", {}), recipe: {**known, **parameters}}}
    try:
        same = tomllib.loads(after) == wanted
    except ValueError:
        same = False
    if not same:
        raise SettingsError(f"{path} cannot be changed line by line, so it stays as it is: add the table by hand.")
    atomic.write_text(path, after)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} cannot be read as TOML, so nothing was written to it: {error}.") from error


def _merged(text: str, recipe: str, values: Mapping[str, Any]) -> str:
    """The text with the lines of the recipe's table changed, missing ones added after them."""
    lines, left = text.splitlines(), dict(values)
    place = next((number for number, line in enumerate(lines) if _is_header(line, recipe)), None)
    if place is None:
        gap = "\n\n" if text.strip() else ""
        return f"{text.rstrip()}{gap}{table(recipe, values)}\n"
    end = next((n for n in range(place + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    for number in range(place + 1, end):
        name = lines[number].partition("=")[0].strip().strip("\"'")
        if name in left and "=" in lines[number]:
            lines[number] = _line(name, left.pop(name))
    while end > place + 1 and not lines[end - 1].strip():
        end -= 1
    lines[end:end] = [_line(name, value) for name, value in left.items()]
    return "\n".join(lines) + "\n"


def _is_header(line: str, recipe: str) -> bool:
    found = line.partition("#")[0].strip()
    return found in (_header(recipe), f"[recipe.{json.dumps(recipe)}]")


def _header(recipe: str) -> str:
    return f"[recipe.{_key(recipe)}]"


def _line(name: str, value: Any) -> str:
    # JSON's numbers, texts and truth values are TOML's.
    return f"{_key(name)} = {json.dumps(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)
