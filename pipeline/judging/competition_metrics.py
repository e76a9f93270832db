"""The register of competition metrics: what a leaderboard scores by, each computed by a function of scikit-learn.

To add a metric, write a function ``(probabilities, labels, weights) -> float`` under ``@metric(...)`` here:
``--metric``, the expected score with its interval, and every table of submissions follow from this register. To
optimize one, use ``CompetitionMetric.loss``, which is smaller for better predictions whatever the metric.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels, Probabilities
from pipeline.errors import SettingsError, shown

Weights = NDArray[np.floating]
"""How often each row counts, ``[N]``, positive."""
Measure = Callable[[Probabilities, Labels, Weights | None], float]
Form = Literal["percent", "decimal"]


@dataclass(frozen=True)
class CompetitionMetric:
    """One metric.

    Attributes:
        name: What ``--metric`` takes.
        title: Its name for a person.
        form: How its values are written.
        greater_is_better: Whether a greater value is a better one.
        of_probabilities: Whether it looks at probabilities; otherwise at the most probable class alone.
        bounds: The smallest and the largest value that it can have.
        measure: From probabilities ``[N, K]``, labels ``[N]`` and, if they do not count alike, weights ``[N]``.
    """

    name: str
    title: str
    form: Form
    greater_is_better: bool
    of_probabilities: bool
    bounds: tuple[float, float]
    measure: Measure

    def loss(self, probabilities: Probabilities, labels: Labels, weights: Weights | None = None) -> float:
        """Return the metric with the sign that makes it smaller for better predictions."""
        return self.as_loss(self.measure(probabilities, labels, weights))

    def as_loss(self, value: float) -> float:
        """Return a value with the sign that makes it smaller for better predictions."""
        return -value if self.greater_is_better else value

    def is_better(self, value: float, than: float) -> bool:
        """Return whether one value is better than another."""
        return value > than if self.greater_is_better else value < than


_REGISTER: dict[str, CompetitionMetric] = {}
METRICS: Mapping[str, CompetitionMetric] = MappingProxyType(_REGISTER)
"""Every metric by its name."""


def metric(
    name: str,
    title: str,
    *,
    form: Form = "decimal",
    greater_is_better: bool = True,
    of_probabilities: bool = False,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Callable[[Measure], Measure]:
    """Register the function that computes a metric."""

    def register(measure: Measure) -> Measure:
        _REGISTER[name] = CompetitionMetric(name, title, form, greater_is_better, of_probabilities, bounds, measure)
        return measure

    return register


def named(name: str) -> CompetitionMetric:
    """Return a metric by its name.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in METRICS:
        raise SettingsError(f"There is no metric {shown(name)}: --metric takes {', '.join(METRICS)}.")
    return METRICS[name]


@metric("accuracy", "Accuracy", form="percent")
def accuracy(probabilities: Probabilities, labels: Labels, weights: Weights | None = None) -> float:
    """Return the share of images whose most probable class is the truth."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, probabilities.argmax(axis=1), sample_weight=weights))


@metric("log-loss", "Log loss", greater_is_better=False, of_probabilities=True, bounds=(0.0, float("inf")))
def log_loss(probabilities: Probabilities, labels: Labels, weights: Weights | None = None) -> float:
    """Return the mean negative natural logarithm of the probability of the truth; rows are made to sum to 1."""
    from sklearn.metrics import log_loss as mean_log_loss

    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    return float(mean_log_loss(labels, exact, sample_weight=weights, labels=np.arange(exact.shape[1])))


@metric("macro-f1", "Macro F1")
def macro_f1(probabilities: Probabilities, labels: Labels, weights: Weights | None = None) -> float:
    """Return the mean F1 of the classes that are true or predicted anywhere; 0 for one that is never right."""
    from sklearn.metrics import f1_score

    predicted = probabilities.argmax(axis=1)
    return float(f1_score(labels, predicted, average="macro", sample_weight=weights, zero_division=0.0))


@metric("quadratic-kappa", "Quadratic kappa", bounds=(-1.0, 1.0))
def quadratic_kappa(probabilities: Probabilities, labels: Labels, weights: Weights | None = None) -> float:
    """Return Cohen's kappa with quadratic weights, for classes in their order; 1 where all is one class and right."""
    from sklearn.metrics import cohen_kappa_score

    predicted = probabilities.argmax(axis=1)
    if len(np.union1d(labels, predicted)) == 1:
        return 1.0  # undefined: nothing could disagree
    every = np.arange(probabilities.shape[1])
    return float(cohen_kappa_score(labels, predicted, labels=every, weights="quadratic", sample_weight=weights))
