"""What ``tune`` does: the dataset and a recipe in, the best parameters out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import Settings
from pipeline.contracts import LabelledImages, Split
from pipeline.data import digests, splits
from pipeline.data.notices import Notify
from pipeline.errors import DataError, ModelError
from pipeline.facts.tuning_facts import SamplerName, Study, Trial
from pipeline.inspection import datasets
from pipeline.models import registry, search_space
from pipeline.store import lock, role_records
from pipeline.store.home import Home
from pipeline.tuning.searching import Limits, best, search
from pipeline.tuning.trials import TrialImages


@dataclass(frozen=True)
class Wanted:
    """What a user asked for beyond the settings of a run.

    Attributes:
        recipe: The recipe's name.
        train_size: As ``--train-sizes`` takes one: images that are fitted or validate.
        fixed: Parameters that are given and not searched.
        sampler: Who proposes.
        limits: When to end.
    """

    recipe: str
    train_size: str
    fixed: Mapping[str, Any]
    sampler: SamplerName
    limits: Limits


@dataclass(frozen=True)
class Tuning:
    """The result of a search.

    Attributes:
        study: What was searched.
        trials: Every trial there is.
        best: The one of the lowest log loss on the validation images.
        images: How many validation images they were compared on.
    """

    study: Study
    trials: Sequence[Trial]
    best: Trial
    images: int

    @property
    def parameters(self) -> dict[str, Any]:
        """What was searched or given, as the best trial had it."""
        names = (*self.study.fixed, *self.study.space)
        return {name: self.best.parameters[name] for name in names}

    @property
    def sentences(self) -> list[str]:
        """The result in words."""
        first = next((trial for trial in self.trials if trial.number == 0), None)
        by_outcome = {kind: sum(one.outcome == kind for one in self.trials) for kind in ("pruned", "failed")}
        less = "".join(f", {count} {kind}" for kind, count in by_outcome.items() if count)
        against = ""
        if first is not None and first is not self.best and first.log_loss is not None:
            against = f"; the defaults have {_figures(first)}"
        return [
            f"Best of {len(self.trials)} trials{less}: number {self.best.number + 1} with {_figures(self.best)} on "
            f"{self.images:,} validation images{against}.",
            "The best of many on the same images looks better than it is: the gate judges it on the benchmark, which "
            "no trial saw.",
        ]


def tune(
    settings: Settings,
    home: Home,
    wanted: Wanted,
    notify: Notify,
    ended: Callable[[Trial, Sequence[Trial]], None],
) -> Tuning:
    """Search the parameters of a recipe; trials are recorded as they end, and continued by the same call.

    Args:
        settings: The dataset, the seed, the effort, and the parameters that ``pipeline.toml`` sets.
        home: Where trials are recorded.
        wanted: What to search, and for how long.
        notify: Called with a sentence that a user should read.
        ended: Called with each trial that ended, and all there are.

    Raises:
        PipelineError: The recipe has nothing to search, the images cannot be used, or no trial came to its end.
    """
    fixed = _fixed(settings, wanted)
    recipe = registry.find(wanted.recipe)
    registry.parameters_of(recipe, fixed)
    space = search_space.space(wanted.recipe, recipe.parameters, fixed)
    data = _load(settings, home, notify)
    split = _split(settings, home, wanted, data, notify)
    judging = split.screening_rows
    if len(judging) == 0:
        raise DataError(f"{data.name} has no validation images to compare trials on: add some images.")
    study = Study(
        format=1,
        dataset=data.name,
        recipe=wanted.recipe,
        fixed=fixed,
        space=space,
        sampler=wanted.sampler,
        seed=settings.seed,
        train_sha256=split.train_sha256,
        validation_sha256=split.validation_sha256,
        judging_sha256=digests.set_digest(data.digests[judging]),
    )
    trials = search(home, study, _images(data, split), wanted.limits, ended)
    found = best(trials)
    if found is None:
        raise ModelError(_why_none(trials))
    return Tuning(study, trials, found, len(judging))


def _fixed(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """What is given, and what the settings file sets of what is never searched."""
    recipe = registry.find(wanted.recipe)
    searched = search_space.marked(recipe.parameters)
    fixed = {name: value for name, value in settings.overrides.get(wanted.recipe, {}).items() if name not in searched}
    if settings.effort is not None and "effort" in recipe.defaults:
        fixed.setdefault("effort", settings.effort)
    return {**fixed, **wanted.fixed}


def _load(settings: Settings, home: Home, notify: Notify) -> LabelledImages:
    spec, known_name = datasets.source_of(home, settings.dataset)
    name = settings.name or known_name
    return datasets.load(home, spec, name=name, data_dir=settings.data_dir, notify=notify, shape=settings.shape)


def _split(settings: Settings, home: Home, wanted: Wanted, data: LabelledImages, notify: Notify) -> Split:
    known = role_records.load(home, data.name)
    roles = splits.assign_roles(data, known)
    sizes = splits.sizes(data, roles)
    size = splits.resolve_size(wanted.train_size, total=sizes.total, available=sizes.train, what="--train-size")
    split = splits.plan(data, roles, size, sizes.benchmark, settings.seed)
    if known is None:
        with lock.writing(home, wait=True, notify=notify):
            role_records.save(home, data.name, roles)
    return split


def _images(data: LabelledImages, split: Split) -> TrialImages:
    train, validation, judging = split.train, split.validation, split.screening_rows
    return TrialImages(
        shape=data.shape,
        n_classes=len(data.classes),
        train_images=data.images[train],
        train_labels=data.labels[train],
        validation_images=data.images[validation],
        validation_labels=data.labels[validation],
        judging_images=data.images[judging],
        judging_labels=data.labels[judging],
    )


def _figures(trial: Trial) -> str:
    return f"log loss {trial.log_loss:.4f} and accuracy {100 * (trial.accuracy or 0):.2f} %"


def _why_none(trials: Sequence[Trial]) -> str:
    reason = next((trial.reason for trial in trials if trial.reason), "")
    if not reason:
        return "No trial finished in time: give a longer --timeout."
    return f"No trial finished; the first failure was: {reason}"
