"""One trial: a training that may be ended early, and its result on validation images."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.contracts import Images, Labels, Shape
from pipeline.errors import ModelError
from pipeline.facts.tuning_facts import Study, Trial
from pipeline.judging import scalar_figures
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.tuning.proposals import Proposal, propose

TENTHS = 10
LOSS = "validation_loss"


@dataclass(frozen=True, eq=False)
class TrialImages:
    """All that a trial sees; no benchmark image is among it.

    Attributes:
        shape: Height, width and channels of an image.
        n_classes: How many classes there are.
        train_images, validation_images, judging_images: uint8 ``[N, H, W, C]``: those that are fitted, those for
            early stopping, and those on which trials are compared.
        train_labels, validation_labels, judging_labels: int64 ``[N]``.
    """

    shape: Shape
    n_classes: int
    train_images: Images
    train_labels: Labels
    validation_images: Images
    validation_labels: Labels
    judging_images: Images
    judging_labels: Labels


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
    try:
        model, _ = registry.create(recipe, parameters, shape=images.shape, n_classes=images.n_classes)
        model.fit(
            FitRequest(
                images.train_images,
                images.train_labels,
                images.validation_images,
                images.validation_labels,
                study.seed,
                watch,
            )
        )
        outcome = _judged(model.predict(images.judging_images), images.judging_labels)
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


def _judged(probabilities: Any, labels: Labels) -> dict[str, Any]:
    loss = scalar_figures.log_loss(probabilities, labels)
    if not math.isfinite(loss):
        return {"outcome": "failed", "reason": "Its predictions are not numbers."}
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    return {"outcome": "complete", "log_loss": loss, "accuracy": accuracy}
