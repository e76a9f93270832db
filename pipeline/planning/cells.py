"""The cells of a run: every training that is asked for, planned before the first one starts."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.config import Settings
from pipeline.contracts import LabelledImages, Roles, Split
from pipeline.data import splits
from pipeline.data.notices import Notify
from pipeline.models import registry
from pipeline.store import manifest
from pipeline.trainer import Assignment


@dataclass(frozen=True)
class Cell:
    """One training: a recipe on a subset.

    Attributes:
        recipe: The recipe's name.
        train_size: Images handed to the trainer, validation rows included.
        repeat: 0 for the challenger; higher ones are measured only.
        split: The rows.
        parameters: Every parameter of the recipe, overrides applied.
        digest: Identifies all of the above and the seed; equal cells need no second training.
    """

    recipe: str
    train_size: int
    repeat: int
    split: Split
    parameters: Mapping[str, Any]
    digest: str

    @property
    def label(self) -> str:
        """For a progress bar."""
        return f"{self.recipe} on {self.train_size:,}" + (f", repeat {self.repeat + 1}" if self.repeat else "")

    def assignment(self) -> Assignment:
        """The order to the trainer, with an id that starts with the time now."""
        name = self.recipe.replace(":", "-").replace(".", "-")
        version_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{name}-{self.train_size}-{self.digest[:4]}"
        return Assignment(version_id, self.digest, self.recipe, self.parameters, self.split.seed)


def check_recipes(settings: Settings, notify: Notify) -> None:
    """Look up every recipe and parameter that is named, before any image is loaded.

    Raises:
        SettingsError: A parameter is unknown or impossible.
        ModelError: A recipe is unknown.
    """
    for name in dict.fromkeys((*settings.models, *settings.overrides)):
        parameters_of(name, settings)
    idle = [name for name, given in settings.overrides.items() if given and name not in settings.models]
    if idle:
        notify(f"What is set for {' and '.join(idle)} has no effect: this run trains {' and '.join(settings.models)}.")


def plan_cells(settings: Settings, data: LabelledImages, roles: Roles, notify: Notify) -> list[Cell]:
    """Every cell in the order of judgement: growing sizes, the recipes as named, repeats last within.

    Raises:
        SettingsError: A size is impossible, or a parameter unknown or impossible.
        ModelError: A recipe is unknown.
    """
    sizes = splits.sizes(data, roles)
    test_size = splits.resolve_test_size(settings.test_size, sizes, notify=notify)
    train_sizes = {
        splits.resolve_size(text, total=sizes.total, available=sizes.train, what="--train-sizes")
        for text in settings.train_sizes
    }
    recipes = {name: parameters_of(name, settings) for name in dict.fromkeys(settings.models)}
    cells = []
    for size in sorted(train_sizes):
        of_repeat = [
            splits.plan(data, roles, size, test_size, settings.seed + repeat) for repeat in range(settings.repeats)
        ]
        cells += [
            Cell(name, size, repeat, split, parameters, _digest(data, split, name, parameters))
            for name, parameters in recipes.items()
            for repeat, split in enumerate(of_repeat)
        ]
    return cells


def parameters_of(name: str, settings: Settings) -> dict[str, Any]:
    """Every parameter of a recipe under these settings."""
    recipe = registry.find(name)
    overrides = dict(settings.overrides.get(name, {}))
    if settings.effort is not None and "effort" in recipe.parameters:
        overrides.setdefault("effort", settings.effort)
    return registry.parameters_of(recipe, overrides)


def _digest(data: LabelledImages, split: Split, recipe: str, parameters: Mapping[str, Any]) -> str:
    identity = {
        "recipe": recipe,
        "parameters": dict(parameters),
        "seed": split.seed,
        "classes": list(data.classes),
        "labels": hashlib.sha256(data.labels[split.train].tobytes()).hexdigest(),
        "rows": [split.train_sha256, split.validation_sha256, split.benchmark_sha256],
    }
    return manifest.canonical_digest(identity)
