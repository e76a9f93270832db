"""A ``pipeline.toml`` with every setting and its default, made from what declares them."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config import Settings
from pipeline.judging import rules
from pipeline.judging.policy import PRESETS, GatePolicy
from pipeline.models import registry
from pipeline.models.parameters import described

WIDTH = 116
UNSET = '"…"'
"""Stands for a value where a setting has none by default: TOML, and no value that any setting takes unnoticed."""
HEAD = """\
Settings of `simulator.py run`, and of the commands that judge. Options on the command line override this file.
A line that starts with # and a name, no space between, shows a default: to change it, remove the #, and that of the
[table] above it. "…" stands where there is no default: replace it with a value.
`simulator.py config show` prints what is in force and where it came from."""
GATE = f"""\
The rules of the gate: a preset ({", ".join(PRESETS)}), and what differs from it.
The defaults are those of 'guarded'; "off" switches a rule off. N is the limit. docs/gate.md explains the rules."""


def template() -> str:
    """Return the file: every line of it is a comment but ``[run]``, so that it changes nothing."""
    recipes = [line for recipe in registry.RECIPES for line in _recipe(recipe)]
    return "\n".join([*_comment(HEAD), "", "[run]", *_run(), "", *_comment(GATE), "#[gate]", *_gate(), *recipes, ""])


def _run() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name in ("gate", "overrides"):
            continue  # tables of their own
        yield from ("", *_comment(field.description or ""), _line(name, _toml(field.default, unset=UNSET)))


def _gate() -> Iterator[str]:
    words = {rule.field: f"{re.sub(r'{[^}]*}', 'N', rule.words)} {rule.why}" for rule in rules.registered().values()}
    for name, field in GatePolicy.model_fields.items():
        about = " ".join((words.get(name) or field.description or "").replace("``", "'").split())
        yield from ("", *_comment(about), _line(name, _toml(field.default, unset='"off"')))


def _recipe(recipe: registry.Recipe) -> Iterator[str]:
    yield from ("", *_comment(f"{recipe.summary}."), f"#[recipe.{recipe.name}]")
    for one in described(recipe.parameters):
        yield from ("", *_comment(f"{one.help} It is {one.allowed}."), _line(one.name, _toml(one.default, unset=UNSET)))


def _comment(text: str) -> list[str]:
    return [f"# {line}" for part in text.splitlines() for line in textwrap.wrap(part, WIDTH, break_on_hyphens=False)]


def _line(name: str, value: str) -> str:
    return f"#{name} = {value}"


def _toml(value: Any, *, unset: str) -> str:
    # JSON's lists, numbers, texts and truth values are TOML's.
    return unset if value is None else json.dumps(value, ensure_ascii=False)


def origins_of_run(table: Mapping[str, Any], options: Mapping[str, str], file: Path) -> dict[str, str]:
    """Return where the value of each setting of ``[run]`` came from.

    Args:
        table: What the settings file holds.
        options: The option or environment variable that gave a setting, by the setting's name.
        file: The settings file, as it is named.
    """
    run = table.get("run", {})
    return {
        name: options.get(name) or (str(file) if name in run else "default")
        for name in Settings.model_fields
        if name not in ("gate", "overrides")
    }


def origins_of_gate(
    policy: GatePolicy, table: Mapping[str, Any], options: Mapping[str, str], file: Path
) -> dict[str, str]:
    """Return where each rule of a policy came from; arguments as in ``origins_of_run``."""
    given, usual = table.get("gate", {}), GatePolicy()
    found = {}
    for name in GatePolicy.model_fields:
        of_preset = "default" if getattr(policy, name) == getattr(usual, name) else f"preset {policy.preset}"
        found[name] = str(file) if name in given else of_preset
    if "gate" in options:
        found["preset"] = options["gate"]
    return found


def origins_of_recipe(
    recipe: str, settings: Settings, table: Mapping[str, Any], given: Mapping[str, Any], effort: str, file: Path
) -> dict[str, str]:
    """Return where each parameter of a recipe came from.

    Args:
        recipe: Its name.
        settings: Those in force.
        table: What the settings file holds.
        given: Parameters given on the command line.
        effort: Where the setting ``effort`` came from.
        file: The settings file, as it is named.
    """
    in_file = table.get("recipe", {}).get(recipe, {})
    found = {}
    for name in registry.find(recipe).defaults:
        of_effort = effort if name == "effort" and settings.effort is not None else "default"
        found[name] = "--set" if name in given else str(file) if name in in_file else of_effort
    return found
