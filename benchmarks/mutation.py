"""Mutate every rule of the gate, one at a time, and see whether a test fails: ``python -m benchmarks.mutation``.

Comparisons are shifted and turned round, conditions negated, ``and`` and ``or``, ``min`` and ``max``, ``any`` and
``all``, plus and minus exchanged, and numbers changed. Each mutant runs the tests of its module in a process of its
own; the libraries are loaded once, before it is forked. All of them take hours on two busy cores, so that a part can
be drawn at random (``--share`` of each module, or ``--most`` of all), and so that what became of a module is kept in
``raw/mutation_points.jsonl`` for as long as neither it nor its tests change.
"""

import argparse
import contextlib
import hashlib
import importlib.abc
import importlib.util
import io
import json
import os
import random
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from benchmarks import measure
from benchmarks.mutants import HOME, Mutant, file_of, mutants

FILE = measure.RAW / "mutation_points.jsonl"
DECISION = "test_simulation.py::test_the_vectorised_decision_is_the_gates"
GATE = ("test_gate.py", "test_verdict_facts.py")
TESTS = {
    "pipeline.judging.gate": GATE,
    "pipeline.judging.claims": (*GATE, "test_explain.py", DECISION),
    "pipeline.judging.free_checks": GATE,
    "pipeline.judging.benchmark_checks": GATE,
    "pipeline.judging.rules": (*GATE, "test_policy.py"),
    "pipeline.judging.spending": ("test_spending.py",),
    "pipeline.judging.advice": ("test_advice.py",),
    "pipeline.judging.trained_on": ("test_trained_on.py",),
    "pipeline.judging.disclosure": ("test_disclosure.py",),
    "pipeline.judging.ledger": ("test_ledger.py", "test_explain.py", "test_trained_on.py"),
    "pipeline.judging.old_ledger": ("test_ledger.py",),
    "pipeline.judging.chain": ("test_ledger.py",),
    "pipeline.judging.paired": ("test_paired.py", "test_simulation.py"),
    "pipeline.judging.intervals": ("test_paired.py", "test_gain_interval.py"),
    "pipeline.judging.policy": ("test_policy.py", "test_gate.py"),
    "pipeline.judging.paying": ("test_watcher.py",),
    "pipeline.judging.comparisons": (*GATE, "test_gain_interval.py"),
    "pipeline.judging.evidence": GATE,
    "pipeline.judging.standings": ("test_standings.py",),
    "pipeline.watcher": ("test_watcher.py",),
    "pipeline.inference.contenders": ("test_watcher.py",),
}
NO_RULES = {
    "agreement": "tells whether a refit agrees with its champion, before a submission",
    "competition_metrics": "figures, compared with scikit-learn's",
    "corruptions": "makes images",
    "explain": "puts a verdict into words",
    "growth_simulation": "asks the rules, decides nothing",
    "metrics": "figures, compared with scikit-learn's",
    "power": "foretells what can be found",
    "predictions": "reads files",
    "robustness": "makes images and figures",
    "scalar_figures": "figures, and what they are called",
    "simulation": "asks the rules, decides nothing",
    "simulation_tables": "asks the rules, decides nothing",
    "words": "wording",
}
"""Modules beside the gate that are not mutated, and why."""
SLOWEST = "test_order_of_images"
"""A property that takes as long as all other tests of the gate, and that no rule depends on."""
CPU_SECONDS, SECONDS = 90, 300
"""After so long, of a processor or of the clock, a mutant counts as noticed: it hangs."""


def survivors(drawn: Sequence[Mutant], jobs: int = 1) -> Iterator[Mutant]:
    """Yield each mutant with which all tests of its module still pass, ``jobs`` at a time."""
    waiting, running = list(reversed(drawn)), dict[int, Mutant]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_forked(mutant)] = mutant
        child, status = os.wait()
        survivor = running.pop(child)
        if status == 0:
            yield survivor


def _forked(mutant: Mutant) -> int:
    """Test a mutant in a child, which ends with status 0 if the mutant survives; returns the child's number."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        os._exit(_tested(mutant))
    return child


@dataclass(frozen=True)
class Tally:
    """What became of the mutants of one module.

    Attributes:
        module: Its name.
        all: How many mutants it has.
        tried: How many of them were tried.
        survivors: The names of those that no test noticed.
        sources: The SHA-256 digest of the module and its tests.
    """

    module: str
    all: int
    tried: int
    survivors: tuple[str, ...]
    sources: str


def tallies(
    modules: Sequence[str], share: float = 1.0, most: int | None = None, seed: int = 0, jobs: int = 1
) -> Iterator[Tally]:
    """Try the mutants of some modules, or a part of them that is drawn at random; print each that survives, and keep
    what became of each module.

    Args:
        modules: Their names.
        share: Part of each module's mutants.
        most: Of all mutants together; ``None`` for all of the share.
        seed: Of the draw.
        jobs: How many are tried at a time.
    """
    _load_libraries()
    draw = random.Random(seed)
    found = {module: list(mutants(module)) for module in modules}
    drawn = [one for own in found.values() for one in own if draw.random() < share]
    if most is not None and most < len(drawn):
        drawn = draw.sample(drawn, most)
    for module, own in found.items():
        tried, left = [one for one in drawn if one.module == module], []
        for mutant in survivors(tried, jobs):
            left.append(mutant.name)
            print(f"survives  {mutant.name}", flush=True)
        print(f"{module}: {len(tried) - len(left)} of {len(tried)} mutants noticed", flush=True)
        tally = Tally(module, len(own), len(tried), tuple(left), _sources(module))
        with FILE.open("a") as lines:
            lines.write(json.dumps(asdict(tally)) + "\n")
        yield tally


def known(module: str) -> Tally | None:
    """Return what became of a module's mutants, if neither it nor its tests have changed since: the fullest trial."""
    lines = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []
    found = [Tally(**{**line, "survivors": tuple(line["survivors"])}) for line in lines]
    same = [one for one in found if (one.module, one.sources) == (module, _sources(module))]
    return max(same, key=lambda one: one.tried, default=None)


def section(found: Sequence[Tally]) -> str:
    """Return the score and the survivors as Markdown."""
    tried, left = sum(one.tried for one in found), sum(len(one.survivors) for one in found)
    rows = [
        "## Mutants of the gate",
        f"{tried - left:,} of {tried:,} mutants that were tried ({sum(one.all for one in found):,} there are) are "
        f"noticed by a test: {100 * (tried - left) / max(tried, 1):.1f} %.",
        "\n".join(
            [
                "| module | mutants | tried | noticed |",
                "|---|---|---|---|",
                *(f"| `{one.module}` | {one.all} | {one.tried} | {one.tried - len(one.survivors)} |" for one in found),
            ]
        ),
    ]
    if left:
        rows += ["Survivors:", "\n".join(f"- `{name}`" for one in found for name in one.survivors)]
    return "\n\n".join(rows)


def main(*, known_only: bool = False) -> str:
    """Try all mutants of every module of which that is not known; returns a section of the results.

    Args:
        known_only: Try none.
    """
    missing = [module for module in TESTS if (was := known(module)) is None or was.tried < was.all]
    if not known_only:
        list(tallies(missing, jobs=os.cpu_count() or 1))
    return section([found for module in TESTS if (found := known(module))])


class _Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        if name != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(name, file_of(name), loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.tree(), str(file_of(self.mutant.module)), "exec"), module.__dict__)


def _sources(module: str) -> str:
    files = [file_of(module), *(Path(name.partition("::")[0]) for name in _tests(module))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _tests(module: str) -> list[str]:
    return [str(HOME / "tests" / "judging" / name) for name in TESTS[module]]


def _tested(mutant: Mutant) -> int:
    import pytest

    sys.meta_path.insert(0, _Replaced(mutant))
    files = _tests(mutant.module)
    options = ["-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
    options += ["-k", f"not {SLOWEST}"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main([*options, *files]) != 0)


def _load_libraries() -> None:
    import hypothesis
    import numpy
    import onnxruntime
    import pytest
    import scipy.special
    import scipy.stats
    import sklearn.linear_model
    import statsmodels.stats.multitest

    assert all((hypothesis, numpy, onnxruntime, pytest, scipy, sklearn, statsmodels))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="modules to mutate; all without any")
    parser.add_argument("--share", type=float, default=1.0, help="part of the mutants, drawn at random (default: 1)")
    parser.add_argument("--most", type=int, help="at most so many mutants of all modules together")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time (default: 1)")
    given = parser.parse_args()
    print(section(list(tallies(given.modules, given.share, given.most, given.seed, given.jobs))))
