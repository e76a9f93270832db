"""Settings of a run: each field documented, and checked before anything trains."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import SettingsError

SETTINGS_FILE = "pipeline.toml"
DEFAULT_COMPETITION = "digit-recognizer"
"""The Kaggle competition of the dataset `kaggle`."""


class Settings(BaseModel):
    """What one run does. ``pipeline.toml`` sets the same names under ``[run]``; options win over the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "auto"
    """``auto``, ``mnist``, ``digits``, ``kaggle``, or a path to a CSV, ``.npz``, IDX folder or folder of images."""
    name: str | None = None
    """Another name for the dataset; production keeps one champion for each name."""
    data_dir: Path | None = None
    """Where local MNIST stands."""
    train_sizes: tuple[str, ...] = Field(default=("0.02", "0.2", "all"), min_length=1)
    """Images handed to the trainer, validation rows included: numbers, fractions of the dataset, or ``all``."""
    test_size: str = "all"
    """Benchmark images: a number, a fraction of the dataset, or ``all``."""
    models: tuple[str, ...] = Field(default=("cnn", "xgboost"), min_length=1)
    """Recipes by name, or a user's own as ``package.module:function``."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """The one seed of rows, weights and augmentation."""
    repeats: int = Field(default=1, ge=1, le=1000)
    """How often each cell is trained, on other nested subsets; only the first is a challenger."""
    effort: Literal["quick", "standard", "max"] | None = None
    """Time against accuracy, for the recipes that know efforts."""
    overrides: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Parameters by recipe: ``{"cnn": {"epochs": 5}}``; in ``pipeline.toml`` the tables ``[recipe.<name>]``."""
    gate: dict[str, Any] = Field(default_factory=dict)
    """The table ``[gate]``; ``pipeline.judging.policy`` checks it."""
    retrain: bool = False
    """Train cells again that stand in ``versions/`` already."""
    jobs: int = Field(default=1, ge=1, le=1024)
    """Processes that train at the same time on this machine."""
    cluster: str | None = None
    """Address of a Dask scheduler that trains instead: ``tcp://host:8786``."""
    test_images: Path | None = None
    """Unlabelled images to predict at the end; without them the benchmark images stand in."""
    submit: bool = False
    """Submit to Kaggle at the end if the champion changed."""
    track: str | None = Field(default=None, pattern="^mlflow(:.+)?$")
    """``mlflow`` or ``mlflow:URI``."""

    @model_validator(mode="after")
    def _one_place_to_train(self) -> Self:
        if self.cluster is not None and not self.cluster.strip():
            raise SettingsError(
                "--cluster is empty: give the scheduler's address (tcp://host:8786), or leave it out to train here."
            )
        if self.cluster is not None and self.jobs > 1:
            raise SettingsError(
                "--jobs is for this machine and --cluster for others: give one of them, and --jobs 1 where "
                "pipeline.toml says more (how many models a cluster trains at a time is for its workers to say)."
            )
        return self


def read_settings(file: Path | None, options: Mapping[str, Any]) -> Settings:
    """Settings from ``pipeline.toml`` and the options of the command line, which win.

    Args:
        file: The TOML file; ``None`` takes ``pipeline.toml`` of the working folder where there is one.
        options: Fields by name; ``None`` means not given.

    Raises:
        SettingsError: The file is missing or no TOML, or a field is unknown or impossible.
    """
    table = _read_table(file)
    fields = dict(table.get("run", {}))
    fields["gate"] = {**table.get("gate", {}), **(options.get("gate") or {})}
    fields["overrides"] = _merge(table.get("recipe", {}), options.get("overrides") or {})
    given = {key: value for key, value in options.items() if value is not None and key not in ("gate", "overrides")}
    try:
        return Settings(**{**fields, **given})
    except (ValidationError, TypeError) as error:
        raise SettingsError(_in_one_sentence(error)) from error


def _read_table(file: Path | None) -> dict[str, Any]:
    path = file or Path(SETTINGS_FILE)
    if file is None and not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}.") from error
    unknown = set(table) - {"run", "gate", "recipe"}
    if unknown:
        raise SettingsError(
            f"{path} has the unknown table [{sorted(unknown)[0]}]: it may hold [run], [gate], [recipe]."
        )
    _require_tables(path, table)
    _require_tables(path, table.get("recipe", {}), "recipe.")
    if "gate" in table and not table["gate"]:
        raise SettingsError(f"{path} has an empty [gate]: name a preset or a rule, or leave the table out.")
    return table


def _require_tables(path: Path, tables: Mapping[str, Any], prefix: str = "") -> None:
    for name, value in tables.items():
        if not isinstance(value, dict):
            raise SettingsError(f"{path} has {prefix}{name} = {value!r}, but [{prefix}{name}] is a table of settings.")


def _merge(base: Mapping[str, Mapping[str, Any]], over: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {**base.get(name, {}), **over.get(name, {})} for name in {**base, **over}}


def _in_one_sentence(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"The settings cannot be used: {error}."
    words = {"too_short": "Name at least one"}
    problems = [
        f"'{'.'.join(str(part) for part in problem['loc'])}': {words.get(problem['type'], problem['msg'])}"
        for problem in error.errors()
    ]
    return f"The settings cannot be used: {'; '.join(problems)}. Options: `simulator.py run --help`."
