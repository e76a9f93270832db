"""One trial: a training that may be ended early, and its result on validation images."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.contracts import LabelledImages, Labels, Probabilities, Rows, Split
from pipeline.data import digests
from pipeline.errors import ModelError
from pipeline.facts.tuning_facts import Study, Trial
from pipeline.judging import competition_metrics, scalar_figures
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.tuning.proposals import Proposal, propose

TENTHS = 10
LOSS = "validation_loss"


@dataclass(frozen=True, eq=False)
class TrialImages:
    """All that a trial sees.

    Attributes:
        data: The images; no benchmark image is among them.
        train, validation, judging: The rows that are fitted, those for early stopping, and those on which trials are
            compared.
    """

    data: LabelledImages
    train: Rows
    validation: Rows
    judging: Rows


def trial_images(data: LabelledImages, split: Split) -> TrialImages:
    """Return what trials see of a dataset: the rows that are fitted and all that validate.

    Args:
        data: The dataset.
        split: Its rows; those of the benchmark are left out.
    """
    parts = split.train, split.validation, split.screening_rows
    rows = np.unique(np.concatenate(parts))
    own, labels = data.digests[rows], data.labels[rows]
    seen = replace(
        data,
        images=data.at(rows),
        labels=labels,
        digests=own,
        sha256=digests.labelled_digest(own, labels, data.classes),
        official_test=None,
        selection=None,
    )
    train, validation, judging = (np.searchsorted(rows, part) for part in parts)
    return TrialImages(seen, train, validation, judging)


class _Ended(Exception):  # noqa: N818
    """Leaves a fit from within its progress."""


class _Hopeless(_Ended):
    """Others were better at this point."""


class _OutOfTime(_Ended):
    """The search has no time left."""


def run_trial(
    images: TrialImages, study: Study, finished: Sequence[Trial], number: int, seconds: float
) -> Trial | None:
    """Train and judge the trial of this number.

    Args:
        images: What it sees.
        study: What is searched.
        finished: The trials before it, which decide what is tried and what is ended early.
        number: Counted from 0.
        seconds: How long it may take, to an epoch or round.

    Returns:
        Its record; ``None`` if time was up before it ended.

    Raises:
        SettingsError: The study's parameters are not those of the recipe.
    """
    proposal = propose(study, finished, number)
    recipe = registry.find(study.recipe)
    parameters = registry.parameters_of(recipe, {**study.fixed, **proposal.parameters})
    started = time.monotonic()
    watch = _Watch(proposal, started + seconds)
    outcome: dict[str, Any]
    data, train, validation = images.data, images.train, images.validation
    try:
        model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
        known, held_out = (data.at(train), data.labels[train]), (data.at(validation), data.labels[validation])
        model.fit(FitRequest(*known, *held_out, study.seed, watch))
        outcome = _judged(model.predict(data.at(images.judging)), data.labels[images.judging], study)
    except _OutOfTime:
        return None
    except _Hopeless:
        outcome = {"outcome": "pruned"}
    except ModelError as error:
        outcome = {"outcome": "failed", "reason": str(error)}
    taken = round(time.monotonic() - started, 3)
    return Trial(number=number, parameters=parameters, seconds=taken, seen=tuple(watch.seen), **outcome)


class _Watch:
    """A ``FitProgress`` that ends a fit that is hopeless or out of time."""

    def __init__(self, proposal: Proposal, deadline: float) -> None:
        self.seen: list[tuple[int, float]] = []
        self._proposal = proposal
        self._deadline = deadline

    def __call__(self, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        if time.monotonic() > self._deadline:
            raise _OutOfTime
        tenth, loss = TENTHS * step // steps, metrics.get(LOSS, math.nan)
        # In tenths, so that trainings of different length are compared at the same point.
        if not 1 <= tenth < TENTHS or (self.seen and tenth == self.seen[-1][0]) or not math.isfinite(loss):
            return
        self.seen.append((tenth, float(loss)))
        if self._proposal.hopeless(tenth, float(loss)):
            raise _Hopeless


def _judged(probabilities: Probabilities, labels: Labels, study: Study) -> dict[str, Any]:
    if not np.isfinite(probabilities).all():
        return {"outcome": "failed", "reason": "Its predictions are not numbers."}
    return {
        "outcome": "complete",
        "score": competition_metrics.named(study.metric).measure(probabilities, labels, None),
        "log_loss": scalar_figures.log_loss(probabilities, labels),
        "accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
    }
