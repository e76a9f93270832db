"""The policy: strict before anything trains, identified by its digest, explained in sentences."""

import subprocess
import sys

import pytest

from pipeline.errors import SettingsError
from pipeline.judging import explain
from pipeline.judging.policy import LIMITS, PRESETS, from_table


def test_default_is_the_promise_of_the_documentation():
    policy = from_table()
    assert (policy.name, policy.alpha, policy.budget) == ("guarded", 0.05, "lifetime")
    assert policy.promises
    assert policy.accuracy_floor == 0.9


@pytest.mark.parametrize(
    ("table", "quoted"),
    [
        pytest.param({}, "empty", id="empty table"),
        pytest.param({"aplha": 0.05}, "aplha", id="unknown key"),
        pytest.param({"preset": "lenient"}, "lenient", id="unknown preset"),
        pytest.param({"preset": 3}, "3", id="preset of another type"),
        pytest.param({"alpha": 0.0}, "alpha", id="alpha of zero"),
        pytest.param({"alpha": 1}, "alpha", id="alpha of one"),
        pytest.param({"alpha": "0.05"}, "alpha", id="alpha as text"),
        pytest.param({"alpha": True}, "alpha", id="alpha as a bool"),
        pytest.param({"alpha": float("nan")}, "alpha", id="NaN"),
        pytest.param({"horizon": 200}, "there is no horizon: remove the line", id="a key of an older release"),
        pytest.param({"budget": "weekly"}, "budget", id="unknown budget"),
        pytest.param({"preset": "growing", "margin_pp": "off"}, "margin_pp", id="growing without a margin"),
        pytest.param({"calibration_margin": -0.1}, "calibration_margin", id="negative margin"),
        pytest.param({"accuracy_floor": 1.0}, "accuracy_floor", id="a floor that nothing reaches"),
        pytest.param({"accuracy_floor": 90}, "accuracy_floor", id="percent for a fraction"),
        pytest.param({"recall_floor": -0.1}, "recall_floor", id="negative floor"),
        pytest.param({"latency_ratio": 0}, "latency_ratio", id="ratio of zero"),
        pytest.param({"mode": "best"}, "mode", id="unknown mode"),
        pytest.param({"mode": "non-inferior"}, "margin_pp", id="non-inferior without a margin"),
        pytest.param({"mode": "non-inferior", "margin_pp": 0.0}, "margin_pp", id="margin of zero"),
        pytest.param({"margin_pp": 0.1}, "margin_pp", id="a margin that no mode uses"),
    ],
)
def test_impossible_policies_are_refused_with_the_key(table, quoted):
    with pytest.raises(SettingsError, match=quoted):
        from_table(table)


@pytest.mark.parametrize(
    ("key", "value"), [("alpha", 0.5), ("calibration_margin", 0.0), ("accuracy_floor", 0), ("size_ratio", 0.5)]
)
def test_boundaries_that_are_possible(key, value):
    assert getattr(from_table({key: value}), key) == value


def test_off_switches_a_rule_off_and_zero_does_not():
    assert from_table({"robustness_margin_pp": "off"}).robustness_margin_pp is None
    assert from_table({"robustness_margin_pp": 0.0}).robustness_margin_pp == 0.0


def test_the_command_line_preset_leads_and_the_table_still_counts():
    policy = from_table({"preset": "guarded", "accuracy_floor": 0.5}, preset="each-test")
    assert (policy.preset, policy.budget, policy.accuracy_floor) == ("each-test", "each", 0.5)
    assert policy.name == "each-test (changed)"


def test_every_number_is_in_the_digest():
    base = from_table()
    changed = [
        {"alpha": 0.04}, {"budget": "each"}, {"calibration_margin": 0.04},
        {"accuracy_floor": 0.91}, {"recall_floor": 0.81}, {"class_alpha": 0.04},
        {"calibration_limit": 0.3}, {"robustness_margin_pp": 4.0}, {"latency_ratio": 2.0}, {"size_ratio": 2.0},
        {"screen_alpha": 0.1}, {"mode": "non-inferior", "margin_pp": 0.1},
    ]  # fmt: skip
    digests = {from_table(table).digest for table in changed}
    assert len(digests | {base.digest}) == len(changed) + 1
    assert from_table({"preset": "guarded"}).digest == base.digest


def test_the_rule_of_2018_has_no_limit_at_all():
    assert [getattr(PRESETS["as-good"], name) for name in LIMITS] == [None] * len(LIMITS)


@pytest.mark.parametrize(
    ("table", "promised"),
    [
        pytest.param({"preset": "guarded"}, "ever promotes a challenger that is no better than the champion", id="1"),
        pytest.param(
            {"preset": "growing"}, "ever lets production become 0.5 points or more worse than the best", id="2"
        ),
        pytest.param(
            {"mode": "non-inferior", "margin_pp": 0.3}, "promotes a challenger that is 0.3 points or more worse", id="3"
        ),
        pytest.param({"preset": "each-test"}, "over many judgements nothing is promised", id="4"),
        pytest.param({"preset": "as-good"}, "promises nothing", id="5"),
    ],
)
def test_each_mode_states_its_own_promise(table, promised):
    policy = from_table(table)
    assert promised in explain.promise(policy)
    assert ("life of this dataset" in explain.promise(policy)) == policy.promises


@pytest.mark.parametrize("name", PRESETS)
def test_words_name_the_numbers(name):
    words = " ".join(explain.of_policy(PRESETS[name]))
    assert ("share 0.05" in words) == (name in ("guarded", "growing", "cross-fit"))
    assert ("0.05 each time" in words) == (name == "each-test")
    assert ("2018" in words) == (name == "as-good")
    assert ("0.5 points" in words) == (name == "growing")
    assert ("No class proven to have a recall below 0.8" in words) == (name != "as-good")


def test_policy_is_light():
    code = "import sys, pipeline.judging.policy; print('numpy' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("preset", [["guarded"], 3, "lenient"])
def test_a_preset_that_is_none_is_named(preset):
    with pytest.raises(SettingsError, match="There is no gate preset"):
        from_table({"preset": preset})


def test_what_is_promised_and_allowed_by_each_mode():
    assert [name for name, policy in PRESETS.items() if policy.promises] == ["guarded", "growing", "cross-fit"]
    assert not from_table({"mode": "as-good", "budget": "lifetime"}).promises
    assert {name: policy.margin for name, policy in PRESETS.items()} == dict.fromkeys(PRESETS, 0.0) | {"growing": 0.005}
