"""The options of ``run``, made from the fields of ``Settings``."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperCommand
from typer.models import OptionInfo

from pipeline.config import OnCommandLine, Settings

Command = TypeVar("Command", bound=Callable[..., None])


class SettingsCommand(TyperCommand):
    """A command with the options of the settings, some of which may be given without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line, each such option given the value that it has alone."""
        return super().parse_args(ctx, list(_with_values(args)))


def settings_option(name: str) -> OptionInfo:
    """Return the option of one setting, with its help, default and place in ``--help``."""
    field = Settings.model_fields[name]
    place, flag = _place(field), _flag(name, field)
    option: OptionInfo = typer.Option(
        f"{flag}/--no-{flag.removeprefix('--')}" if field.annotation == bool | None else flag,
        help=field.description,
        envvar=place.envvar,
        show_default=place.default or _default(field) or False,
        rich_help_panel=place.panel,
    )
    return option


def with_settings(command: Command, names: Sequence[str] | None = None) -> Command:
    """Give a command with ``**given`` an option for each setting; a setting that is not given is ``None``.

    Args:
        command: The command.
        names: The settings that it takes, shown after its own options; ``None`` for all, shown before them.
    """
    own = [
        parameter
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    settings = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if field.annotation is bool else None,
            annotation=Annotated[_type_on_command_line(field), settings_option(name)],
        )
        for name, field in Settings.model_fields.items()
        if names is None or name in names
    ]
    parameters = [*settings, *own] if names is None else [*own, *settings]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def settings_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options of ``with_settings`` were given, as ``read_settings`` takes it.

    Raises:
        SettingsError: A ``--set`` is not of the form ``recipe.parameter=value``.
    """
    from pipeline.models.parameters import parse_overrides

    return {
        **{name: _value(Settings.model_fields[name], value) for name, value in given.items()},
        "overrides": parse_overrides(given["overrides"] or []),
        "gate": {"preset": given["gate"]} if given["gate"] else None,
    }


def notice_idle(settings: Settings, options: Mapping[str, Any], notify: Callable[[str], None]) -> None:
    """Notice parameters given for recipes that are not trained; a settings file may have tables for them as well."""
    idle = [name for name in options["overrides"] if name not in settings.models]
    if idle:
        notify(
            f"The settings for {' and '.join(idle)} have no effect: this run trains {' and '.join(settings.models)}."
        )


def flag_of(name: str, *, in_environment: bool = False) -> str:
    """Return the option of a setting, or the environment variable that also sets it."""
    field = Settings.model_fields[name]
    return (in_environment and _place(field).envvar) or _flag(name, field)


def _with_values(args: Sequence[str]) -> Iterator[str]:
    alone = {_flag(name, field): _place(field).alone for name, field in Settings.model_fields.items()}
    for word, following in pairwise([*args, "--"]):
        yield word
        value = alone.get(word)
        if value is not None and following.startswith("-"):
            yield value


def _value(field: FieldInfo, value: Any) -> Any:
    if _is_list(field) and value is not None:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value or None if field.annotation is bool else value


def _flag(name: str, field: FieldInfo) -> str:
    return _place(field).flag or f"--{name.replace('_', '-')}"


def _place(field: FieldInfo) -> OnCommandLine:
    return next((one for one in field.metadata if isinstance(one, OnCommandLine)), OnCommandLine())


def _type_on_command_line(field: FieldInfo) -> Any:
    kind = field.annotation
    if kind is bool:
        return bool
    if _place(field).repeatable:
        return list[str] | None
    return next((one for one in (kind, *get_args(kind)) if one in (bool, int, Path)), str) | None


def _default(field: FieldInfo) -> str | None:
    default = None if field.default_factory else field.default
    if default is None or isinstance(default, bool):
        return None
    return ",".join(default) if _is_list(field) else str(default)


def _is_list(field: FieldInfo) -> bool:
    return isinstance(field.default, tuple)


DataDirOption = Annotated[Path | None, settings_option("data_dir")]
SourceOption = Annotated[str, settings_option("dataset")]
"""Labelled images."""
