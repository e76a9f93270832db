"""Names and values on a terminal and in a pipe, and the lists of recipes made of them."""

import io
from typing import Any

import pytest
from rich.console import Console

from pipeline.cli import models_command
from pipeline.cli.facts import Facts
from pipeline.models import registry

FACTS = Facts([("recipe", "logistic"), ("label", " ".join(["word"] * 60))], indent=2)


def printed(what: Any, *, terminal: bool, width: int = 80) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=terminal, color_system=None, soft_wrap=not terminal).print(what)
    return file.getvalue().splitlines()


def test_in_a_pipe_a_fact_is_one_line_without_trailing_blanks() -> None:
    first, second = printed(FACTS, terminal=False)
    assert first == "  recipe  logistic"
    assert second == "  label   " + " ".join(["word"] * 60)


def test_on_a_terminal_a_value_wraps_beside_its_name() -> None:
    lines = printed(FACTS, terminal=True)
    assert lines[0].rstrip() == "  recipe  logistic" and len(lines) > 4
    assert all(line.startswith(" " * 10 + "word") and len(line) <= 80 for line in lines[2:])


@pytest.mark.parametrize("name", [None, "cnn"])
def test_recipes_fit_a_terminal_of_80_columns_without_a_broken_word(name: str | None, monkeypatch: Any) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None, markup=False, highlight=False)
    monkeypatch.setattr(models_command, "console", console)
    models_command.models(name)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    words = {word.rstrip(",") for line in lines for word in line.split()}
    assert "label_smoothing=0.1" in words
    assert name or {recipe.name + ":" for recipe in registry.RECIPES} <= words
