"""The simulated promise, and that the simulation decides as the gate itself does."""

from dataclasses import replace

import numpy as np
import pytest
from evidence_builder import make_evidence, probabilities
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.judging import gate, simulation
from pipeline.judging.comparison_checks import accepted
from pipeline.judging.ledger import Grant
from pipeline.judging.policy import PRESETS, from_table

POLICIES = {**PRESETS, "non-inferior": from_table({"mode": "non-inferior", "margin_pp": 1.0})}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=10, max_size=10),
    st.lists(st.integers(0, 8), min_size=10, max_size=10),
    st.sampled_from(sorted(POLICIES)),
)
def test_the_vectorised_decision_is_the_gates(fixed, made, name):
    policy = POLICIES[name]
    labels = np.arange(2000) % 10
    mine, theirs = np.ones(2000, bool), np.ones(2000, bool)
    for k in range(10):
        rows = np.flatnonzero(labels == k)
        theirs[rows[: fixed[k]]] = False
        mine[rows[fixed[k] : fixed[k] + made[k]]] = False
    evidence = make_evidence(images=2000, validation=(5, 5))
    champion = replace(evidence.champion, benchmark=probabilities(labels, theirs))
    challenger = replace(evidence.challenger, benchmark=probabilities(labels, mine))
    evidence = replace(evidence, challenger=challenger, champion=champion, best_ever=champion)
    judgement = gate.judge(policy, evidence, lambda: Grant(policy.level))
    batch = accepted(policy, np.array([fixed, fixed]), np.array([made, made]), 2000, policy.level)
    assert batch.tolist() == [judgement.outcome == "pass"] * 2


@pytest.mark.parametrize(
    ("preset", "low", "high"),
    [
        pytest.param("guarded", 0.0, 0.05, id="the promise is kept"),
        pytest.param("each-test", 0.45, 0.75, id="a fresh 5 % each time adds up"),
        pytest.param("as-good", 0.97, 1.0, id="the rule of 2018 promotes by chance"),
    ],
)
def test_false_promotions_over_two_hundred_null_challengers(preset, low, high):
    found = simulation.series(PRESETS[preset], repetitions=150, seed=1)
    assert low <= found.any_promoted <= high
    assert found.claimed_gain_pp >= 0


def test_the_horizon_ends_the_series():
    policy = from_table({"horizon": 1, "alpha": 0.5, "class_alpha": "off", "screen_alpha": "off"})
    found = simulation.series(policy, challengers=20, repetitions=200)
    assert found.promoted <= 1
    assert found.any_promoted == pytest.approx(0.45, abs=0.12)


def test_power_of_the_default_gate_at_ten_thousand_images():
    assert simulation.power_of(PRESETS["guarded"], 0.004, 10_000) >= 0.95
    assert simulation.power_of(PRESETS["guarded"], 0.01, 10_000) >= 0.999
    assert simulation.power_of(PRESETS["guarded"], 0.0, 10_000) <= 0.002
