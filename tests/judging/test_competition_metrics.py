"""Competition metrics: scikit-learn's own values, weights as repetitions, and a loss that is smaller for the better."""

import numpy as np
import pytest
from sklearn import metrics

from pipeline.errors import SettingsError
from pipeline.judging.competition_metrics import METRICS, named

CLASSES, IMAGES = 4, 200


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES)
    towards = np.eye(CLASSES)[labels] * 0.4 + rng.random((IMAGES, CLASSES))
    return (towards / towards.sum(axis=1, keepdims=True)).astype(np.float32), labels


def rows_of_one(given: np.ndarray) -> np.ndarray:
    exact = given.astype(float)
    return exact / exact.sum(axis=1, keepdims=True)


OURS = {
    "accuracy": lambda given, labels: metrics.accuracy_score(labels, given.argmax(axis=1)),
    "log-loss": lambda given, labels: metrics.log_loss(labels, rows_of_one(given), labels=range(CLASSES)),
    "macro-f1": lambda given, labels: metrics.f1_score(labels, given.argmax(axis=1), average="macro"),
    "quadratic-kappa": lambda given, labels: metrics.cohen_kappa_score(
        labels, given.argmax(axis=1), weights="quadratic"
    ),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_scikit_learns(name: str, answers: tuple[np.ndarray, np.ndarray]) -> None:
    given, labels = answers
    assert METRICS[name].measure(given, labels, None) == pytest.approx(OURS[name](given, labels), abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_counts_as_repetition(name: str, answers: tuple[np.ndarray, np.ndarray]) -> None:
    given, labels = answers
    times = np.random.default_rng(1).integers(1, 4, IMAGES)
    repeated = METRICS[name].measure(given.repeat(times, axis=0), labels.repeat(times), None)
    assert METRICS[name].measure(given, labels, times.astype(float)) == pytest.approx(repeated)


@pytest.mark.parametrize("name", METRICS)
def test_the_loss_is_smaller_for_better_answers(name: str, answers: tuple[np.ndarray, np.ndarray]) -> None:
    given, labels = answers
    perfect = np.eye(CLASSES, dtype=np.float32)[labels]
    metric = METRICS[name]
    assert metric.loss(perfect, labels) < metric.loss(given, labels)
    values = metric.measure(perfect, labels, None), metric.measure(given, labels, None)
    assert metric.is_better(*values)
    assert not metric.is_better(*reversed(values))
    assert all(metric.bounds[0] <= value <= metric.bounds[1] for value in values)


def test_kappa_counts_the_distance_of_a_mistake() -> None:
    labels = np.arange(CLASSES).repeat(10)
    near, far = labels.copy(), labels.copy()
    near[0], far[0] = 1, 3
    kappa = METRICS["quadratic-kappa"]
    answers = np.eye(CLASSES, dtype=np.float32)
    assert kappa.measure(answers[near], labels, None) > kappa.measure(answers[far], labels, None)


def test_kappa_of_one_class_is_defined() -> None:
    assert METRICS["quadratic-kappa"].measure(np.eye(3, dtype=np.float32)[[1, 1]], np.array([1, 1]), None) == 1.0


def test_an_unknown_metric_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"no metric 'auc': --metric takes accuracy, log-loss"):
        named("auc")
