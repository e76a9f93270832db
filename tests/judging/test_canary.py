"""An exact null on real predictions: where two real models differ, a coin decides which of them was right."""

import numpy as np
import pytest
from scipy.stats import binom
from watched_models import Linear, digits, fitted, split

from pipeline.judging import paired
from pipeline.judging.claims import accepted
from pipeline.judging.policy import PRESETS

FLIPS = 10_000


def right(model: Linear) -> np.ndarray:
    rows = split().benchmark
    logits = digits().images[rows].reshape(len(rows), -1) @ model.weights + model.bias
    return logits.argmax(axis=1) == digits().labels[rows]


@pytest.mark.parametrize(
    ("policy", "level"),
    [
        pytest.param(PRESETS["guarded"], 0.0002, id="guarded"),
        pytest.param(PRESETS["each-test"], 0.05, id="each-test"),
    ],
)
def test_promote_rate_stays_within_alpha(policy, level):
    labels = digits().labels[split().benchmark]
    champion, challenger = right(fitted(600)), right(fitted(150))
    differ = np.flatnonzero(champion != challenger)
    assert len(differ) > 30, "the two must disagree for the canary to sing"
    heads = np.random.default_rng(11).random((FLIPS, len(differ))) < 0.5
    by_class = np.eye(10, dtype=np.int64)[labels[differ]]
    fixed, made = heads @ by_class, ~heads @ by_class
    promoted = int(accepted(policy, fixed, made, len(labels), level, grown=False).sum())
    assert promoted <= binom.isf(1e-4, FLIPS, level)
    proven = int((paired.p_better(fixed.sum(1), made.sum(1)) <= level).sum())
    assert promoted <= proven <= binom.isf(1e-4, FLIPS, level)


def test_the_canary_sings_where_the_rule_is_wrong():
    heads = np.random.default_rng(11).random((FLIPS, 60)) < 0.5
    fixed = np.eye(10, dtype=np.int64)[np.arange(60) % 10]
    promoted = accepted(PRESETS["as-good"], heads @ fixed, ~heads @ fixed, 1000, 0.05, grown=False).mean()
    assert promoted > 0.5
