"""What thousands of versions cost: listing them, and each judgement beside them."""

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import measure
from pipeline import simulator
from pipeline.config import Settings
from pipeline.contracts import Cell, FitProgress, no_progress
from pipeline.judging import ledger
from pipeline.orchestration.session import Row
from pipeline.store import manifest, verdicts
from pipeline.store.home import Home

ROOT = Path(__file__).parents[1]
STORED = ROOT / "tests" / "homes" / "format-1"
VERSIONS = 2_000
REPEATS = 5
SIZES = ("60", "80", "100", "120", "140", "160")


def main() -> str:
    """Measure both and return the section of ``RESULTS.md``."""
    with tempfile.TemporaryDirectory() as folder:
        crowded, alone = Home(Path(folder) / "crowded"), Home(Path(folder) / "alone")
        shutil.copytree(STORED, alone.root)
        shutil.copytree(STORED, crowded.root)
        multiply(crowded, VERSIONS)
        judged = [_judging_seconds(home) for home in (alone, crowded)]
        ledger_seconds, ledger_mib = _ledger(crowded)
        command = [sys.executable, "simulator.py", "versions", "--home", str(crowded.root)]
        first, *warm = [_seconds(command) for _ in range(1 + REPEATS)]
    wall, cpu = zip(*warm, strict=True)
    rows = [
        (
            f"`versions` with {VERSIONS:,} versions, seconds",
            "at most 0.8",
            measure.mean_and_spread(wall),
        ),
        ("CPU seconds of it", "", measure.mean_and_spread(cpu)),
        ("CPU seconds of it the first time, when all are verified", "", f"{first[1]:.2f}"),
        ("CPU seconds of a judgement beside 3 versions", "", measure.mean_and_spread(judged[0])),
        (f"CPU seconds of a judgement beside {VERSIONS:,} versions", "the same", measure.mean_and_spread(judged[1])),
        (
            f"CPU seconds of reading and verifying a ledger of {VERSIONS:,} judgements, {ledger_mib:.1f} MiB",
            "",
            measure.mean_and_spread(ledger_seconds),
        ),
    ]
    return "## Many versions\n\n" + measure.table(("what", "target", "measured"), rows)


def multiply(home: Home, number: int) -> None:
    """Copy the failed version of a home under new ids, each a complete version, until that many exist."""
    (source,) = home.failed.iterdir()
    facts = manifest.read(source)
    verdict = verdicts.read(source)
    for copy in range(number):
        folder = home.failed / f"20260101-{copy:06d}-dummy-300-{copy:04x}"
        shutil.copytree(source, folder)
        one = manifest.create(folder, facts.model_copy(update={"format": 2, "id": folder.name, "seed": copy + 10}))
        verdicts.write(folder, replace(verdict, candidate_id=one.id, candidate_digest=one.digest))
        manifest.complete(folder)


def _ledger(home: Home) -> tuple[list[float], float]:
    """Return the CPU seconds of reading a ledger of so many judgements, and its MiB."""
    stored = verdicts.to_json(verdicts.read(next(home.failed.iterdir())))
    book = ledger.Ledger("benchmark")
    for number in range(VERSIONS):
        pair = ledger.Pair(policy="0" * 64, candidate=f"{number:064x}", champion="0" * 64, truth="0" * 64)
        book = ledger.with_entry(book, ledger.DebitEntry(pair=pair, id=f"{number}", level=1e-6, cost=1e-6))
        paid = ledger.paid(book, pair)
        assert paid is not None
        book = ledger.with_entry(book, ledger.verdict_entry(paid, stored))
    lines = [json.dumps(entry.model_dump(mode="json"), sort_keys=True) for entry in book.entries]
    last, seconds = book.entries[-1], []
    for _ in range(REPEATS):
        started = time.process_time()
        ledger.parse("benchmark", lines, {"entry": last.entry, "digest": last.digest})
        seconds.append(time.process_time() - started)
    return seconds, sum(map(len, lines)) / 2**20


class _Stopwatch:
    """Watches a run and keeps the CPU seconds of each judgement."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = 0.0

    def notice(self, sentence: str) -> None: ...
    def planned(self, cells: Sequence[Cell], to_train: Sequence[Cell]) -> None: ...
    def doing(self, what: str) -> None: ...
    def awaiting(self, cells: Sequence[Cell], where: str) -> None: ...
    def fitting(self, cell: Cell) -> FitProgress:  # noqa: ARG002
        return no_progress

    def judging(self, cell: Cell) -> None:  # noqa: ARG002
        self._started = time.process_time()

    def finished(self, row: Row) -> None:  # noqa: ARG002
        self.seconds.append(time.process_time() - self._started)


def _judging_seconds(home: Home) -> list[float]:
    watch = _Stopwatch()
    simulator.run(Settings(dataset="digits", models=("dummy",), train_sizes=SIZES), home, watch)
    print(f"judgements: {[round(seconds, 2) for seconds in watch.seconds]}, median {statistics.median(watch.seconds)}")
    return watch.seconds[1:]


def _seconds(command: list[str]) -> tuple[float, float]:
    """Return wall-clock and CPU seconds of a command."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
