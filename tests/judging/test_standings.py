"""How a verdict is shown: what misses a demand failed, what was not shown to be better was not promoted."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.contracts import Check, Verdict, Version
from pipeline.judging import advice, explain, standings


def verdict(*outcomes, disclose="full"):
    checks = tuple(Check(name, name, outcome, None, None, "") for name, outcome in outcomes)
    found = {outcome for _, outcome in outcomes}
    whole = "error" if "error" in found else "fail" if "fail" in found else "pass"
    return Verdict(whole, "v", "d", "c", "e", "mnist", "b", 100, "guarded", "p", checks, disclose=disclose)


CASES = {
    "all passed": ([("accuracy_floor", "pass"), ("proven_better", "pass")], "pass"),
    "not proven better": ([("accuracy_floor", "pass"), ("proven_better", "fail")], "unproven"),
    "worse on validation images": ([("validation_screen", "fail")], "unproven"),
    "nothing left to spend": ([("budget_left", "fail")], "unproven"),
    "below the floor": ([("accuracy_floor", "fail"), ("proven_better", "pass")], "fail"),
    "neither": ([("robustness", "fail"), ("proven_better", "fail")], "fail"),
    "could not be decided": ([("proven_better", "fail"), ("same_benchmark", "error")], "error"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_failed_demand_is_told_from_a_lack_of_proof(name):
    outcomes, standing = CASES[name]
    assert standings.of_verdict(verdict(*outcomes)) == standing


def test_a_version_that_passed_once_is_not_called_unpromoted():
    passed, refused = verdict(("proven_better", "pass")), verdict(("proven_better", "fail"))
    once = Version("v", Path("v"), None, None, refused)
    assert standings.of_version(once) == "unproven"
    assert standings.of_version(replace(once, earlier=(refused,))) == "unproven"
    assert standings.of_version(replace(once, earlier=(passed, refused))) == "passed_before"
    assert standings.of_version(replace(once, verdict=passed, earlier=(refused,))) == "pass"
    below = verdict(("accuracy_floor", "fail"))
    assert standings.of_version(replace(once, verdict=below, earlier=(passed,))) == "fail"


def test_a_withheld_refusal_does_not_say_what_it_rests_on():
    assert standings.of_verdict(verdict(("accuracy_floor", "fail"), disclose="verdict")) == "unproven"


def test_no_demand_counts_as_a_comparison():
    demands = {"accuracy_floor", "recall_floor", "calibration", "robustness", "onnx_parity", "near_copies"}
    assert not standings.AGAINST_THE_CHAMPION & demands
    assert advice.LACK_OF_PROOF <= standings.AGAINST_THE_CHAMPION
    assert {"beats_dummy", "accuracy_floor"} == explain.NOT_PROVEN - standings.AGAINST_THE_CHAMPION


def test_a_check_that_passed_is_shown_so_even_if_it_is_against_the_champion():
    name = next(iter(standings.AGAINST_THE_CHAMPION))
    assert standings.of_check(Check(name, "a title", "pass", 0.1, 0.2, "A sentence.")) == "pass"
    assert standings.of_check(Check(name, "a title", "fail", 0.3, 0.2, "A sentence.")) == "unproven"


def test_a_refusal_without_a_failed_check_is_a_failure():
    empty = verdict()
    assert standings.of_verdict(replace(empty, outcome="fail")) == "fail"
