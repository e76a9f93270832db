"""The figures of ``scores.json``."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from statsmodels.stats.proportion import proportion_confint

from pipeline.errors import DataError
from pipeline.facts.score_facts import Confusion, Figures
from pipeline.judging import metrics, scalar_figures
from pipeline.judging.intervals import clopper_pearson

FIELDS = {
    "images", "errors", "accuracy", "precision", "recall", "f1", "matthews", "log_loss", "brier", "calibration_error",
    "roc_auc", "per_class", "confusion", "top_confusions", "calibration",
}  # fmt: skip


def drawn(images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    logits = rng.normal(size=(images, classes)) + 2 * np.eye(classes)[labels]
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels


def test_figures_of_a_small_example_worked_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.65, 0.35], [0.15, 0.85], [0.75, 0.25]], np.float32)
    scores = metrics.score(probabilities, np.array([0, 0, 1, 1]), ("cat", "dog"))
    assert scores.errors == 1
    assert scores.accuracy.value == 0.75
    assert scores.confusion == ((2, 0), (1, 1))
    assert scores.top_confusions == (Confusion(truth="dog", predicted="cat", images=1),)
    assert scores.brier == pytest.approx((0.005 + 0.245 + 0.045 + 1.125) / 4, rel=1e-5)
    assert scores.roc_auc == pytest.approx(0.75)
    assert scores.calibration_error == pytest.approx((0.05 + 0.35 + 0.15 + 0.75) / 4, rel=1e-5)
    assert [c.recall for c in scores.per_class] == [1.0, 0.5]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_every_documented_field_is_there_and_is_json(classes):
    probabilities, labels = drawn(300, classes)
    scores = metrics.score(probabilities, labels, [str(k) for k in range(classes)])
    assert set(scores.as_json()) == FIELDS == set(metrics.nothing(300).as_json())
    assert Figures.model_validate_json(json.dumps(scores.as_json(), allow_nan=False)) == scores
    exact = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    assert scores.log_loss == pytest.approx(log_loss(labels, exact), rel=1e-4)
    assert sum(bin.images for bin in scores.calibration) == 300


def test_a_class_without_images_has_no_figures_and_spoils_no_average():
    probabilities, labels = drawn(300, 3)
    kept = labels != 2
    scores = metrics.score(probabilities[kept], labels[kept], ("a", "b", "c"))
    assert scores.per_class[2].as_json() | {"precision": 0} == {
        "class": "c", "images": 0, "precision": 0, "recall": None, "recall_low": None, "recall_high": None, "f1": None,
    }  # fmt: skip
    assert scores.roc_auc is None
    one_hot = np.eye(3)[labels[kept]]
    assert [one.precision for one in metrics.score(one_hot, labels[kept], ("a", "b", "c")).per_class] == [1, 1, None]
    assert scores.recall.macro == pytest.approx(np.mean([c.recall for c in scores.per_class[:2]]))


@pytest.mark.parametrize(
    ("probabilities", "said"),
    [
        pytest.param(np.zeros((0, 2), np.float32), "no labelled image", id="empty set"),
        pytest.param(np.array([[np.nan, 1]], np.float32), "NaN", id="NaN"),
        pytest.param(np.array([[np.inf, 0]], np.float32), "infinite", id="infinite"),
        pytest.param(np.array([[0.5, 0.1]], np.float32), "sum to 1", id="not a distribution"),
        pytest.param(np.array([[1.5, -0.5]], np.float32), "negative", id="negative"),
        pytest.param(np.array([[1, 0, 0]], np.float32), "2 classes", id="a class too many"),
        pytest.param(np.array([[1, 0], [1, 0]], np.float32), "probabilities for 1 images", id="an image too many"),
    ],
)
def test_what_cannot_be_scored_is_refused(probabilities, said):
    labels = np.zeros(min(len(probabilities), 1), int)
    with pytest.raises(DataError, match=said):
        metrics.score(probabilities, labels, ("a", "b"))


@given(st.integers(0, 300), st.integers(1, 300))
def test_intervals_are_those_of_clopper_and_pearson(successes, trials):
    successes = min(successes, trials)
    low, high = clopper_pearson(successes, trials)
    assert (float(low), float(high)) == pytest.approx(proportion_confint(successes, trials, method="beta"), abs=1e-9)


def test_calibration_sees_overconfidence():
    labels = np.arange(1000) % 2
    right = np.arange(1000) % 10 < 7
    named = np.where(right, labels, 1 - labels)
    probabilities = np.where(np.eye(2)[named] == 1, 0.95, 0.05).astype(np.float32)
    assert scalar_figures.calibration_error(probabilities, labels) == pytest.approx(0.25, abs=1e-6)
