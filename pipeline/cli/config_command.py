"""``init`` and ``config show``: the settings file, and what is in force."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.columns import Column, print_columns
from pipeline.cli.common import ConfigOption, JsonOption, console, notice, print_json
from pipeline.cli.settings_options import SettingsCommand, flag_of, notice_idle, settings_given, with_settings
from pipeline.errors import SettingsError
from pipeline.settings_file import SETTINGS_FILE, read_settings, read_table

PANEL = "Train"
COLUMNS = (Column("setting"), Column("value"), Column("from"))
Shown = dict[str, dict[str, dict[str, Any]]]
"""By table of the settings file and name: the value, and where it came from."""

app = typer.Typer(help="Show the settings in force.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the commands to the command line."""
    parent.command("init", rich_help_panel=PANEL)(init)
    app.command("show", cls=SettingsCommand)(show)
    parent.add_typer(app, name="config", rich_help_panel=PANEL)


def init(
    file: Annotated[
        Path, typer.Argument(help="File to write; `run` reads pipeline.toml in the current folder by default.")
    ] = Path(SETTINGS_FILE),
) -> None:
    """Write a pipeline.toml with every setting, its meaning and its default, all commented out."""
    from pipeline.cli.settings_template import template
    from pipeline.store import atomic

    if file.exists():
        raise SettingsError(f"{file} already exists and was not changed: name another file, or move it away.")
    atomic.write_text(file, template())
    console.print(f"{file} has every setting with its default; `simulator.py config show` prints what is in force.")


@with_settings
def show(*, ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False, **given: Any) -> None:
    """Show every setting of a run with these options: its value, and where that came from."""
    from pipeline.cli import settings_template
    from pipeline.judging.policy import from_table
    from pipeline.planning.cells import recipes_of

    options = settings_given(given)
    settings, table, file = read_settings(config, options), read_table(config), config or Path(SETTINGS_FILE)
    sources = _sources(ctx, given)
    policy = from_table(settings.gate or None)
    run = settings_template.origins_of_run(table, sources, file)
    notice_idle(settings, options, notice)
    found: Shown = {
        "run": _with_origins(settings.model_dump(mode="json"), run),
        "gate": _with_origins(
            _off(policy.model_dump()), settings_template.origins_of_gate(policy, table, sources, file)
        ),
    }
    for recipe, parameters in recipes_of(settings).items():
        in_options = options["overrides"].get(recipe, {})
        origins = settings_template.origins_of_recipe(recipe, settings, table, in_options, run["effort"], file)
        found[f"recipe.{recipe}"] = _with_origins(parameters, origins)
    if as_json:
        print_json(found)
        return
    for number, (name, values) in enumerate(found.items()):
        rows = [(setting, _in_words(one["value"]), one["from"]) for setting, one in values.items()]
        print_columns(console, COLUMNS, rows, ("\n" if number else "") + f"[{name}]")


def _off(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "off" if value is None else value for name, value in rules.items()}


def _with_origins(values: Mapping[str, Any], origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {name: {"value": values.get(name), "from": origin} for name, origin in origins.items()}


def _sources(ctx: typer.Context, given: Mapping[str, Any]) -> dict[str, str]:
    """The option or environment variable of each setting that was given."""
    found = {}
    for name, value in given.items():
        if value not in (None, False, []):
            source = ctx.get_parameter_source(name)
            in_environment = source is not None and source.name == "ENVIRONMENT"
            found[name] = flag_of(name, in_environment=in_environment)
    return found


def _in_words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
