"""Which parameters to try next, and which trials to end early: Optuna's part of a search.

Nothing here lasts: the study of each trial is made anew from the trials before it, so a search that was killed
continues as if it had not been.

Sources: Bergstra and others 2011, 'Algorithms for Hyper-Parameter Optimization' (the tree-structured Parzen
estimator); Golovin and others 2017, 'Google Vizier', section 3.2.2 (the median rule).
"""

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.facts.tuning_facts import NumberRange, SearchedValues, Study, Trial

DIGITS = 4
"""Significant digits of a proposed number: more mean nothing, and fewer are easier to read."""
NEVER_PRUNED = 5
"""Trials that are trained to the end before the first is ended early."""
FIRST_TENTH = 2
"""Tenth of a training after which it may be ended at the earliest."""


class Proposal(Protocol):
    """A trial that is under way."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What is proposed for each searched parameter; nothing for the first trial, which has the defaults."""

    def hopeless(self, tenth: int, loss: float) -> bool:
        """Return whether the training should end, given its validation loss after some tenths of it."""


def propose(study: Study, finished: Sequence[Trial], number: int) -> Proposal:
    """Return the trial of this number; equal arguments give an equal one."""
    return _Proposal(study, finished, number)


class _Proposal:
    def __init__(self, study: Study, finished: Sequence[Trial], number: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = (study.seed * 100_003 + number) % 2**32
        sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if study.sampler == "random"
            else optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, 3 + 2 * len(study.space)))
        )
        pruner = optuna.pruners.MedianPruner(n_startup_trials=NEVER_PRUNED, n_warmup_steps=FIRST_TENTH)
        made = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)
        distributions = {name: _distribution(values) for name, values in study.space.items()}
        with warnings.catch_warnings():
            # A value of the defaults may lie outside of what is searched.
            warnings.simplefilter("ignore")
            made.add_trials([_stored(trial, distributions) for trial in finished])
        self._trial = made.ask()
        self.parameters: dict[str, Any] = {}
        if number:
            self.parameters = {name: self._suggested(name, values) for name, values in study.space.items()}

    def hopeless(self, tenth: int, loss: float) -> bool:
        self._trial.report(loss, tenth)
        return bool(self._trial.should_prune())

    def _suggested(self, name: str, values: SearchedValues) -> Any:
        if not isinstance(values, NumberRange):
            return self._trial.suggest_categorical(name, values.values)
        if values.kind == "integer":
            return self._trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
        found = float(f"{self._trial.suggest_float(name, values.low, values.high, log=values.log):.{DIGITS}g}")
        return min(max(found, values.low), values.high)


def _distribution(values: SearchedValues) -> Any:
    from optuna import distributions

    if not isinstance(values, NumberRange):
        return distributions.CategoricalDistribution(values.values)
    if values.kind == "integer":
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return distributions.FloatDistribution(values.low, values.high, log=values.log)


def _stored(trial: Trial, distributions: dict[str, Any]) -> Any:
    from optuna.trial import TrialState, create_trial

    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    usable = {
        name: distribution
        for name, distribution in distributions.items()
        if _contains(distribution, trial.parameters.get(name))
    }
    return create_trial(
        state=states[trial.outcome],
        value=trial.log_loss,
        params={name: trial.parameters[name] for name in usable},
        distributions=usable,
        intermediate_values=dict(trial.seen),
    )


def _contains(distribution: Any, value: Any) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return value in choices
    return isinstance(value, int | float) and bool(distribution.low <= value <= distribution.high)
