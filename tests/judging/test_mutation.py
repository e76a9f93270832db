"""The tests of the gate notice when one of its rules is changed: a sample of ``benchmarks/mutation.py``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutants, mutation

SAMPLE, NOTICED = 16, 12
"""So many mutants are drawn, and at least so many of them must be noticed: a few are equivalent to the rule."""


def test_every_module_with_a_rule_is_mutated():
    for module in mutation.TESTS:
        found = list(mutants.mutants(module))
        assert len(found) > 3, module
        assert all(one.line > 0 for one in found)
        for one in found[::20]:
            compile(one.tree(), module, "exec")
    judging = {path.stem for path in (mutants.HOME / "pipeline" / "judging").glob("[!_]*.py")}
    mutated = {name.rpartition(".")[2] for name in mutation.TESTS if name.startswith("pipeline.judging.")}
    assert mutated | mutation.NO_RULES.keys() == judging
    assert not mutated & mutation.NO_RULES.keys()


@pytest.mark.slow
def test_a_sample_of_changed_rules_is_noticed():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutation", "--most", str(SAMPLE), "--seed", "13"],
        cwd=Path(mutants.HOME), capture_output=True, text=True, check=True,
    )  # fmt: skip
    noticed, tried = map(int, re.search(r"(\d+) of (\d+) mutants that were tried", done.stdout).groups())
    assert tried == SAMPLE
    assert noticed >= NOTICED, done.stdout
