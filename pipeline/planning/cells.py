"""The cells of a run: every training that is asked for, planned before the first one starts."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pipeline.config import Settings
from pipeline.contracts import Cell, LabelledImages, Roles, Split
from pipeline.data import splits
from pipeline.data.notices import Notify
from pipeline.errors import SettingsError
from pipeline.models import own, registry
from pipeline.store import manifest


def recipes_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the parameters of each recipe that is to be trained, all validated before any image is loaded.

    Raises:
        SettingsError: A parameter is unknown or impossible.
        ModelError: A recipe is unknown.
    """
    named = dict.fromkeys((*settings.models, *settings.overrides))
    recipes = {name: _parameters(name, settings) for name in named}
    return {name: recipes[name] for name in dict.fromkeys(settings.models)}


def plan_cells(
    settings: Settings,
    recipes: Mapping[str, Mapping[str, Any]],
    data: LabelledImages,
    roles: Roles,
    notify: Notify,
    *,
    benchmark_in_folds: bool = False,
) -> list[Cell]:
    """Return every cell in the order of judgement: growing sizes, the recipes as named, repeats last within.

    Args:
        settings: The sizes, the seed and the repeats.
        recipes: What ``recipes_of`` returned.
        data: The dataset.
        roles: The role of each of its images.
        notify: Called with a sentence that a user should read.
        benchmark_in_folds: Train on the benchmark as well, in folds, on top of each size.

    Raises:
        SettingsError: A size is impossible, or the benchmark is to be trained on without folds.
    """
    if benchmark_in_folds and settings.folds is None:
        raise SettingsError("The gate 'cross-fit' compares models out of fold: add --folds 5.")
    sizes = splits.sizes(data, roles)
    test_size = splits.resolve_test_size(settings.test_size, sizes, notify=notify)
    cells = []
    for size in _train_sizes(settings, data, roles, sizes, notify):
        of_repeat = [
            splits.plan(data, roles, size, test_size, settings.seed + repeat, benchmark_in_folds=benchmark_in_folds)
            for repeat in range(settings.repeats)
        ]
        cells += [
            Cell(
                name,
                repeat,
                split,
                parameters,
                _digest(data, split, name, {**parameters, **_how_fitted(settings)}),
                settings.balance,
                settings.folds,
            )
            for name, parameters in recipes.items()
            for repeat, split in enumerate(of_repeat)
        ]
    return cells


def _train_sizes(
    settings: Settings, data: LabelledImages, roles: Roles, sizes: splits.Sizes, notify: Notify
) -> list[int]:
    """The sizes in images, growing; defaults that leave a class out are raised until they do not."""
    chosen = "train_sizes" in settings.model_fields_set
    seeds = range(settings.seed, settings.seed + settings.repeats)
    least = None if chosen else max(splits.smallest_size(data, roles, seed) for seed in seeds)
    return sorted(
        {
            splits.resolve_size(
                text, total=sizes.total, available=sizes.train, what="--train-sizes", least=least, notify=notify
            )
            for text in settings.train_sizes
        }
    )


def _parameters(name: str, settings: Settings) -> dict[str, Any]:
    recipe = registry.find(name)
    if settings.balance == "weights" and recipe.family not in registry.WEIGHTED:
        raise SettingsError(
            f"Recipe '{name}' does not support sample weights: use --balance oversample, which every recipe supports."
        )
    overrides = dict(settings.overrides.get(name, {}))
    if settings.effort is not None and "effort" in recipe.defaults:
        overrides.setdefault("effort", settings.effort)
    return registry.parameters_of(recipe, overrides)


def _how_fitted(settings: Settings) -> dict[str, str | int]:
    """What balance and folds add to a cell's identity: nothing where there are none, so older cells keep theirs."""
    added: dict[str, str | int] = {}
    if settings.balance != "none":
        added["--balance"] = settings.balance
    if settings.folds is not None:
        added["--folds"] = settings.folds
    return added


def _digest(data: LabelledImages, split: Split, recipe: str, parameters: Mapping[str, Any]) -> str:
    source = own.source_sha256(recipe)
    identity = {
        "dataset": data.name,
        "recipe": recipe,
        "parameters": dict(parameters),
        "seed": split.seed,
        "classes": list(data.classes),
        "labels": [hashlib.sha256(data.labels[rows].tobytes()).hexdigest() for rows in (split.train, split.validation)],
        "rows": [split.train_sha256, split.validation_sha256],
        # Recipes of the pipeline have none, so their cells are what they were before own ones had.
        **({"source": source} if source else {}),
    }
    return manifest.canonical_digest(identity)
