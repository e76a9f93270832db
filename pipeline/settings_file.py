"""Reading settings: those of ``pipeline.toml``, and those of the command line, which win."""

import difflib
import tomllib
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config import Settings
from pipeline.errors import LONGEST_ECHO, SettingsError, shortened, shown

SETTINGS_FILE = "pipeline.toml"
MOST_PROBLEMS = 5
"""That many are named at once."""


def read_settings(file: Path | None, options: Mapping[str, Any]) -> Settings:
    """Return the settings of ``pipeline.toml`` and of the command line, which win.

    Args:
        file: The TOML file; ``None`` takes ``pipeline.toml`` of the working folder if there is one.
        options: Fields by name; ``None`` means not given.

    Raises:
        SettingsError: The file is missing or not TOML, or a field is unknown or impossible.
    """
    table = read_table(file)
    fields = dict(table.get("run", {}))
    for name, instead in (("gate", "[gate]"), ("overrides", "[recipe.NAME]")):
        if name in fields:
            raise SettingsError(f"[run] has no setting '{name}': use the table {instead}.")
    fields["gate"] = {**table.get("gate", {}), **(options.get("gate") or {})}
    fields["overrides"] = _merge(table.get("recipe", {}), options.get("overrides") or {})
    given = {key: value for key, value in options.items() if value is not None and key not in ("gate", "overrides")}
    try:
        return Settings(**{**fields, **given})
    except (ValidationError, TypeError) as error:
        raise SettingsError(
            _in_one_sentence(error, file or Path(SETTINGS_FILE), fields.keys() - given.keys())
        ) from None


def read_table(file: Path | None) -> dict[str, Any]:
    """Return the tables of a settings file as they are; nothing where there is no file and none is named.

    Raises:
        SettingsError: The file is missing or not TOML, or has an unknown table.
    """
    path = file or Path(SETTINGS_FILE)
    if file is None and not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise SettingsError(f"{path} cannot be read as TOML: its brackets are nested too deeply.") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {shortened(str(error))}.") from error
    for name in table.keys() - {"run", "gate", "recipe"}:
        what = "table" if isinstance(table[name], dict) else "key"
        raise SettingsError(
            f"{path} has the unknown {what} {shown(name)}: its tables are [run], [gate] and [recipe.NAME], and every "
            "setting is in one of them."
        )
    _require_tables(path, table)
    _require_tables(path, table.get("recipe", {}), "recipe.")
    if "gate" in table and not table["gate"]:
        raise SettingsError(f"{path} has an empty [gate]: name a preset or a rule, or leave the table out.")
    return table


def _require_tables(path: Path, tables: Mapping[str, Any], prefix: str = "") -> None:
    for name, value in tables.items():
        if not isinstance(value, dict):
            full = prefix + shortened(name)
            raise SettingsError(f"{path} has {full} = {shown(value)}, but [{full}] is a table of settings.")


def _merge(base: Mapping[str, Mapping[str, Any]], over: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {**base.get(name, {}), **over.get(name, {})} for name in {**base, **over}}


def _in_one_sentence(error: Exception, file: Path, of_file: Container[str]) -> str:
    if not isinstance(error, ValidationError):
        return f"The settings cannot be used: {shortened(str(error))}."
    words = {"extra_forbidden": "There is no such setting", "string_pattern_mismatch": "Give mlflow or mlflow:URI"}
    words |= {"too_short": "Name at least one", "tuple_type": 'Write it as a list, as in ["100", "all"]'}
    problems = []
    for problem in error.errors(include_input=False)[:MOST_PROBLEMS]:
        place, said = problem["loc"], words.get(problem["type"], problem["msg"])
        if problem["type"] == "extra_forbidden" and len(place) == 1:
            close = difflib.get_close_matches(str(place[0])[:LONGEST_ECHO], Settings.model_fields, n=1)
            said += f", did you mean {close[0]}?" if close else ""
        problems.append(f"{_setting(place, file, of_file)}: {said}")
    return f"The settings cannot be used: {'; '.join(problems)}. Options: `simulator.py run --help`."


def _setting(place: tuple[int | str, ...], file: Path, of_file: Container[str]) -> str:
    """Return a setting as a user wrote it: its name in the file, or its option."""
    name = ".".join(map(str, place))
    if place and place[0] in of_file and place[0] not in ("gate", "overrides"):
        return f"{shown(name)} in [run] of {file}"
    return f"--{name.replace('_', '-')}" if len(place) == 1 and name in Settings.model_fields else shown(name)
