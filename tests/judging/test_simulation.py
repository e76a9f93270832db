"""The simulated promise, and that the simulation decides as the gate itself does."""

from dataclasses import replace

import numpy as np
import pytest
from evidence_builder import judged, make_evidence, probabilities
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.judging import growth_simulation, simulation
from pipeline.judging.claims import accepted
from pipeline.judging.policy import PRESETS, from_table

POLICIES = {**PRESETS, "non-inferior": from_table({"mode": "non-inferior", "margin_pp": 1.0})}
FIRST = simulation.SCENES[0]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=10, max_size=10),
    st.lists(st.integers(0, 8), min_size=10, max_size=10),
    st.sampled_from(sorted(POLICIES)),
    st.booleans(),
)
def test_the_vectorised_decision_is_the_gates(fixed, made, name, grown):
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
    evidence = replace(evidence, challenger=challenger, champion=champion, former=(champion,), grown=grown)
    batch = accepted(policy, np.array([fixed, fixed]), np.array([made, made]), 2000, 0.0004, grown=grown)
    assert batch.tolist() == [judged(policy, evidence, 0.0004).outcome == "pass"] * 2


@pytest.mark.parametrize("scene", simulation.SCENES, ids=lambda scene: scene.name)
def test_the_promise_over_two_hundred_challengers_that_are_no_better(scene):
    found = simulation.series(PRESETS["guarded"], scene, repetitions=300, seed=1)
    assert found.any_promoted <= 0.05
    assert 0.005 < found.left < 0.05, "some budget is used, and some is left"


@pytest.mark.parametrize(
    ("preset", "low", "high"),
    [
        pytest.param("each-test", 0.45, 0.75, id="a fresh 5 % each time adds up"),
        pytest.param("as-good", 0.97, 1.0, id="the rule of 2018 promotes by chance"),
    ],
)
def test_what_promises_nothing_promotes_by_chance(preset, low, high):
    found = simulation.series(PRESETS[preset], FIRST, repetitions=150, seed=1)
    assert low <= found.any_promoted <= high
    assert found.claimed_gain_pp > 0


def test_true_gains_are_promoted_and_give_their_level_back():
    scene = replace(FIRST, gain=0.004)
    found = simulation.series(PRESETS["guarded"], scene, challengers=1, repetitions=300)
    assert found.promoted > 0.95
    assert found.left > 0.0499


@pytest.mark.parametrize(
    ("gain", "images", "validation", "before", "now"),
    [
        pytest.param(0.002, 10_000, 6_000, 0.11, 0.32, id="0.2 points, 10,000 images"),
        pytest.param(0.004, 10_000, 6_000, 0.96, 1.00, id="0.4 points, 10,000 images"),
        pytest.param(0.01, 2_000, 800, 0.93, 0.99, id="a point, 2,000 images"),
        pytest.param(0.0, 10_000, 6_000, 0.0, 0.0, id="no gain"),
    ],
)
def test_power_before_and_now(gain, images, validation, before, now):
    policy = PRESETS["guarded"]
    equal = simulation.power_of(policy, gain, images, validation, level=0.05 / 200)
    assert equal == pytest.approx(before, abs=0.02)
    assert simulation.power_of(policy, gain, images, validation) == pytest.approx(now, abs=0.02)


def test_growing_lets_no_loss_of_the_margin_through():
    for scene in growth_simulation.GROWING_SCENES[1:]:
        found = growth_simulation.losses(PRESETS["growing"], scene, challengers=60, repetitions=4)
        assert found.beyond_margin == 0
        assert found.largest_pp < 0.5
