"""Score against time: commands on random splits of MNIST, scored on 28,000 images whose labels they never see."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measure, score_splits

NAME = "mnist-split"
FILE = measure.RAW / "score_points.jsonl"
DEEP = ("--set", "cnn.architecture=deep", "--set", "cnn.distortion=1.5")
DEEP_MEMBERS = ("--set", "cnn_ensemble.architecture=deep", "--set", "cnn_ensemble.distortion=1.5")
WELL_KNOWN = ("--models", "benchmarks.well_known:build")


POINTS: Mapping[str, tuple[str, ...]] = {
    "quick": ("--models", "cnn", "--effort", "quick"),
    "standard": ("--models", "cnn"),
    "standard, shifts": ("--models", "cnn", "--set", "cnn.test_shifts=auto"),
    "deep": ("--models", "cnn", *DEEP),
    "deep, refit": ("--models", "cnn", *DEEP, "--refit", "1"),
    "max": ("--models", "cnn", "--effort", "max"),
    "well-known net": WELL_KNOWN,
    "deep, 5 folds": ("--models", "cnn", *DEEP, "--folds", "5"),
    "deep, refit with 5 seeds": ("--models", "cnn", *DEEP, "--refit", "5"),
    "well-known net, 4 folds": (*WELL_KNOWN, "--folds", "4"),
    "deep, 30 passes, refit with 6 seeds": ("--models", "cnn", "--effort", "max", *DEEP, "--refit", "6"),
    "twelve deep": ("--models", "cnn_ensemble", *DEEP_MEMBERS, "--set", "cnn_ensemble.members=12"),
}
"""What ``run`` is given beside the files: from ten seconds to about two hours on two cores."""


@dataclass(frozen=True)
class Measured:
    """What a point gave on one split: score, and seconds of the whole command on the clock and of the processor."""

    point: str
    options: tuple[str, ...]
    split: int
    score: float
    seconds: float
    cpu_seconds: float
    date: str
    machine: str


def main(points: Sequence[str] = (), splits: int = 3, *, known_only: bool = False) -> str:
    """Return the section: mean score and time of each point.

    What was measured is kept in ``raw/score_points.jsonl`` as it comes, and not measured again: after a kill, the same
    command goes on with the point that was interrupted.

    Args:
        points: Names of those to measure; all without any.
        splits: On how many splits, the first ones.
        known_only: Measure nothing.
    """
    unknown = set(points) - set(POINTS)
    if unknown:
        raise SystemExit(f"There is no point '{unknown.pop()}': choose from {', '.join(POINTS)}.")
    wanted = [] if known_only else [(name, seed) for seed in range(splits) for name in points or POINTS]
    for name, seed in wanted:
        if not any(one.split == seed for one in _known(name)):
            result = _measured(name, seed)
            print(result, flush=True)
            with FILE.open("a") as lines:
                lines.write(json.dumps(asdict(result)) + "\n")
    rows = [_row(name, found) for name in POINTS if (found := _known(name))]
    return "\n".join(
        [
            "## The score",
            "",
            "Random splits of all of MNIST into 42,000 labelled images and 28,000 to predict; the commands never see "
            "the 28,000 labels. Each point is one `simulator.py run` from the CSV files to `submission.csv`, "
            "judgement, reports and a refit included; seconds of the clock, on a machine that other work may have "
            "shared, and of the processors. Points without a row have not been measured yet.",
            "",
            measure.table(["point", "command", "score", "seconds", "processor seconds"], rows),
        ]
    )


def _row(name: str, found: Sequence[Measured]) -> list[str]:
    figures = [[getattr(one, what) for one in found] for what in ("score", "seconds", "cpu_seconds")]
    command = f"`{' '.join(POINTS[name])}`"
    digits = zip(figures, (4, 0, 0), strict=True)
    return [name, command, *(measure.mean_and_spread(values, digits=count) for values, count in digits)]


def _known(name: str) -> list[Measured]:
    """What was measured of a point as it is now, on any machine."""
    lines = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []
    found = [Measured(**{**line, "options": tuple(line["options"])}) for line in lines]
    return [one for one in found if (one.point, one.options) == (name, POINTS[name])]


def _measured(name: str, seed: int) -> Measured:
    options, split = POINTS[name], score_splits.split_folder(seed)
    with tempfile.TemporaryDirectory(prefix="bench-score-") as home:
        clock, processor = time.perf_counter(), _cpu_seconds()
        command = ["simulator.py", "run", *_files(split), "--home", home, "--seed", str(seed), *options]
        subprocess.run([sys.executable, *command], check=True, cwd=measure.FOLDER.parent, stdout=sys.stderr)
        clock, processor = time.perf_counter() - clock, _cpu_seconds() - processor
        reached = score_splits.score(Path(home) / "metric_results" / NAME / "submission.csv", split)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return Measured(name, options, seed, reached, round(clock, 1), round(processor, 1), date, measure.machine())


def _files(split: Path) -> tuple[str, ...]:
    test = str(split / "test.csv")
    return ("--dataset", str(split / "train.csv"), "--test-images", test, "--name", NAME, "--train-sizes", "all")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
