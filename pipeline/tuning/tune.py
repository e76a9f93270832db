"""What ``tune`` does: the dataset and a recipe in, the best parameters out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import Settings
from pipeline.contracts import LabelledImages, Split
from pipeline.data import digests, sizes, splits
from pipeline.data.notices import Notify
from pipeline.errors import DataError, ModelError
from pipeline.facts.tuning_facts import NumberRange, SamplerName, Study, Trial
from pipeline.inspection import datasets
from pipeline.judging.words import counted
from pipeline.models import own, registry, search_space
from pipeline.planning.shared_images import Route
from pipeline.publishing import entry
from pipeline.reports import score_texts
from pipeline.store import lock, role_records, tuning_journal
from pipeline.store.home import Home
from pipeline.tuning.searching import Ended, Limits, Where, best, search
from pipeline.tuning.trials import trial_images

FEW = 100
"""Fewer validation images than this are warned of."""


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
        best: The one with the best score on the validation images.
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
    def automatic(self) -> dict[str, Any]:
        """Those that were searched, and that the best trial left to the program, as a default outside their range."""
        ranges = {name: one for name, one in self.study.space.items() if isinstance(one, NumberRange)}
        values = {name: self.parameters[name] for name in ranges}
        return {name: value for name, value in values.items() if not ranges[name].low <= value <= ranges[name].high}

    @property
    def chosen(self) -> dict[str, Any]:
        """The parameters without the automatic ones."""
        return {name: value for name, value in self.parameters.items() if name not in self.automatic}

    @property
    def sentences(self) -> list[str]:
        """The result in words."""
        first = next((trial for trial in self.trials if trial.number == 0), None)
        by_outcome = {kind: sum(one.outcome == kind for one in self.trials) for kind in ("pruned", "failed")}
        less = "".join(f", {count} {kind}" for kind, count in by_outcome.items() if count)
        against, apart = "", list[str]()
        if first is not None and first is not self.best and first.log_loss is not None:
            against = f"; the defaults have {figures(first, self.study)}"
            if (self.best.accuracy or 0) < (first.accuracy or 0):
                metric = score_texts.inside(self.study.metric)
                apart = [f"Trials are compared by {metric}; by accuracy, the defaults are better."]
        return [
            f"Best of {len(self.trials)} trials{less}: number {self.best.number + 1} with "
            f"{figures(self.best, self.study)} on {self.images:,} validation images{against}.",
            *apart,
            "The best of many on the same images looks better than it is: the gate judges it on the benchmark, which "
            "no trial saw.",
        ]


def figures(trial: Trial, study: Study) -> str:
    """Return what a complete trial reached: the study's metric first, then what else is known."""
    known = {study.metric: trial.score, "log-loss": trial.log_loss, "accuracy": trial.accuracy}
    return ", ".join(f"{score_texts.inside(name)} {score_texts.score(name, value)}" for name, value in known.items())


def tune(
    settings: Settings,
    home: Home,
    wanted: Wanted,
    notify: Notify,
    ended: Ended,
) -> Tuning:
    """Search the parameters of a recipe; trials are recorded as they end, and continued by the same call.

    Args:
        settings: The dataset or competition, the metric, the seed, the effort, who trains, and the parameters that
            ``pipeline.toml`` sets.
        home: Where trials are recorded.
        wanted: What to search, and for how long.
        notify: Called with a sentence that a user should read.
        ended: Called with each trial that ended, all there are, and the study.

    Raises:
        PipelineError: The recipe has nothing to search, the images cannot be used, or no trial came to its end.
    """
    sizes.require_size(wanted.train_size, what="--train-size")
    fixed = _fixed(settings, wanted)
    recipe = registry.find(wanted.recipe)
    registry.parameters_of(recipe, fixed)
    space = search_space.space(wanted.recipe, recipe.parameters, fixed)
    metric = entry.scored_by(settings, home, notify, fetch=settings.dataset == "auto")
    data = datasets.load_wanted(settings, home, notify)
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
        metric=metric.name,
        source_sha256=own.source_sha256(wanted.recipe),
    )
    where = Where(settings.jobs, settings.cluster, Route.of(settings))
    notify(_at_start(study, wanted.limits, len(split.train), len(judging), len(tuning_journal.read(home, study))))
    trials = search(home, study, trial_images(data, split), wanted.limits, ended, where=where)
    found = best(trials, study)
    if found is None:
        raise ModelError(_why_none(trials, wanted.limits))
    return Tuning(study, trials, found, len(judging))


def _fixed(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """What is given, and what the settings file sets of what is never searched."""
    recipe = registry.find(wanted.recipe)
    searched = search_space.marked(recipe.parameters)
    fixed = {name: value for name, value in settings.overrides.get(wanted.recipe, {}).items() if name not in searched}
    if settings.effort is not None and "effort" in recipe.defaults:
        fixed.setdefault("effort", settings.effort)
    return {**fixed, **wanted.fixed}


def _split(settings: Settings, home: Home, wanted: Wanted, data: LabelledImages, notify: Notify) -> Split:
    known = role_records.load(home, data.name)
    roles = splits.assign_roles(data, known)
    there = splits.sizes(data, roles)
    size = splits.resolve_size(wanted.train_size, total=there.total, available=there.train, what="--train-size")
    split = splits.plan(data, roles, size, there.benchmark, settings.seed, what="--train-size")
    if known is None:
        with lock.writing(home, wait=True, notify=notify):
            role_records.save(home, data.name, roles)
    return split


def _at_start(study: Study, limits: Limits, fitted: int, judging: int, known: int) -> str:
    earlier = f" {counted(known, 'trial')} of earlier calls count among them." if known else ""
    few = " So few hardly tell good parameters from lucky ones." if judging < FEW else ""
    return (
        f"Searching {', '.join(study.space)} of {study.recipe}: {counted(limits.trials, 'trial')} fitted on {fitted:,} "
        f"images and compared by {score_texts.inside(study.metric)} on {counted(judging, 'validation image')}.{few}"
        f"{earlier}"
    )


def _why_none(trials: Sequence[Trial], limits: Limits) -> str:
    reason = next((trial.reason for trial in trials if trial.reason), "")
    if not reason:
        return (
            f"No trial finished within {limits.seconds:,.0f} s: give a longer --timeout, or fewer images with "
            "--train-size."
        )
    return f"No trial finished; the first failure was: {reason}"
