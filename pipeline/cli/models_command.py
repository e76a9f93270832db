"""``models``: the recipes and their parameters."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.common import JsonOption, console, print_json

if TYPE_CHECKING:
    from pipeline.models.registry import Recipe


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("models", rich_help_panel="Train")(models)


def models(
    recipe: Annotated[
        str | None, typer.Argument(help="Describe this recipe's parameters: a name, or your package.module:function.")
    ] = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print every recipe and parameter as Markdown: docs/recipes.md.")
    ] = False,
) -> None:
    """List the recipes with their expected accuracy, or describe the parameters of one."""
    from pipeline.models import registry

    found = registry.RECIPES if recipe is None else (registry.find(recipe),)
    if as_json:
        print_json([_facts(one) for one in found])
    elif as_markdown:
        typer.echo(_page(found))
    elif recipe is None:
        _print_list(found)
    else:
        _print_one(found[0])


def _facts(recipe: "Recipe") -> dict[str, Any]:
    from dataclasses import asdict

    from pipeline.models.parameters import described

    return {
        "name": recipe.name,
        "family": recipe.family,
        "summary": recipe.summary,
        "parameters": recipe.defaults,
        "described": [asdict(parameter) for parameter in described(recipe.parameters)],
        "expected": recipe.expected,
        "deterministic": recipe.deterministic,
    }


def _page(recipes: tuple["Recipe", ...]) -> str:
    from pipeline.models import search_space
    from pipeline.models.parameters import described

    lines = ["# Recipes", "", "Written by `simulator.py models --markdown`; `run --set cnn.epochs=5` sets a parameter."]
    for recipe in recipes:
        lines += ["", f"## `{recipe.name}`", "", f"{recipe.summary}. Expected accuracy: {recipe.expected}."]
        if recipe.defaults:
            lines += ["", "| parameter | default | allowed values | searched by `tune` | what it does |"]
            lines.append("|---|---|---|---|---|")
        searched = search_space.in_words(recipe.parameters)
        lines += [
            f"| `{one.name}` | {one.default} | {one.allowed} | {searched.get(one.name, '')} | {one.help} |"
            for one in described(recipe.parameters)
        ]
    return "\n".join(lines)


def _print_list(recipes: tuple["Recipe", ...]) -> None:
    from rich.text import Text

    from pipeline.cli.facts import Facts

    for recipe in recipes:
        console.print(Text.assemble((recipe.name, "bold"), f": {recipe.summary}"))
        facts = (
            ("expected accuracy", recipe.expected),
            ("parameters", ", ".join(f"{name}={value}" for name, value in recipe.defaults.items()) or "none"),
            ("same seed, same model", "yes" if recipe.deterministic else "no"),
        )
        console.print(Facts(facts, indent=2))
        console.print()
    console.print("Set a parameter: run --set cnn.epochs=5. What each one does: models cnn.", style="dim")
    console.print("Your own recipe: run --models mypackage.mymodule:build (docs/own-model.md).", style="dim")


def _print_one(recipe: "Recipe") -> None:
    from rich.text import Text

    from pipeline.cli.facts import Facts
    from pipeline.models import search_space
    from pipeline.models.parameters import described

    console.print(Text.assemble((recipe.name, "bold"), f": {recipe.summary}"))
    console.print(f"Expected accuracy: {recipe.expected}")
    if not recipe.defaults:
        console.print("It has no parameters.")
        return
    searched = search_space.in_words(recipe.parameters)
    for one in described(recipe.parameters):
        facts = (
            ("what it does", one.help),
            ("allowed values", one.allowed),
            ("searched by tune", searched.get(one.name)),
        )
        console.print(Text.assemble("\n", (f"{one.name}={one.default}", "bold")))
        console.print(Facts([(name, value) for name, value in facts if value], indent=2))
