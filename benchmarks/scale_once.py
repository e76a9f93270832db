"""Load, plan and train on a large dataset, in a process of its own: ``python -m benchmarks.scale_once JSON``.

Prints seconds and the peak of private memory (RssAnon: what no file backs) of each phase. Mapped files are not counted:
the system may take their pages back at any time.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import Settings
from pipeline.data import sources, splits
from pipeline.models.runtime import prepare_process
from pipeline.planning.cells import plan_cells, recipes_of
from pipeline.store.home import Home
from pipeline.trainer import Trainer

BENCHMARK, SEARCHED_FOR = 10_000, 1_000
EVERY = 0.02
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        home, dataset: Where the images are, and their name there.
        recipe: What to train on all of them; ``None`` plans, and searches near copies, but trains nothing.
        overrides: Parameters that differ from the recipe's own.
        repeat: Counts equal jobs.
    """

    home: str
    dataset: str
    recipe: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    repeat: int = 0


@dataclass(frozen=True)
class Phase:
    """What a phase took; ``fit`` is the part of ``train`` up to the last epoch or round.

    Attributes:
        seconds, cpu_seconds: Of wall clock and processor.
        peak_mib: The highest private memory of the process while it lasted.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


def in_own_process(job: Job) -> dict[str, Phase]:
    """Do a job in a child process; returns its phases by name."""
    command = [sys.executable, "-m", "benchmarks.scale_once", json.dumps(asdict(job))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    return {name: Phase(**phase) for name, phase in json.loads(done.stdout.splitlines()[-1]).items()}


def run(job: Job) -> dict[str, Phase]:
    """Do a job in this process."""
    prepare_process(threads=1)
    home, found = Home(Path(job.home)), dict[str, Phase]()
    with _measured("load", found):
        data = sources.load(job.dataset, datasets=home.datasets)
    with _measured("roles", found):
        roles = splits.assign_roles(data)
    with _measured("plan", found):
        models = (job.recipe or "cnn",)
        settings = Settings(models=models, train_sizes=("all",), overrides={models[0]: job.overrides})
        (cell,) = plan_cells(settings, recipes_of(settings), data, roles, print)
    if job.recipe is None:
        from pipeline.data.near_copies import near_copies

        with _measured("near copies", found):
            near_copies(data.at(cell.split.train), data.images[cell.split.benchmark[:SEARCHED_FOR]])
        return found
    started, fitted = (time.perf_counter(), time.process_time()), [0.0, 0.0]

    def progress(step: int, steps: int, metrics: Any) -> None:  # noqa: ARG001
        fitted[:] = time.perf_counter() - started[0], time.process_time() - started[1]

    with _measured("train", found):
        Trainer(home.staging).run(data, cell, progress)
    found["fit"] = Phase(fitted[0], fitted[1], found["train"].peak_mib)
    return found


def private_mib() -> float:
    """Return the private memory of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("The private memory of a process is only known on Linux.")


@contextmanager
def _measured(name: str, found: dict[str, Phase]) -> Iterator[None]:
    over, peak = threading.Event(), [private_mib()]

    def watch() -> None:
        while not over.wait(EVERY):
            peak[0] = max(peak[0], private_mib())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    over.set()
    watching.join()
    found[name] = Phase(wall, cpu, max(peak[0], private_mib()))
    print(f"{name}: {wall:.1f} s, {cpu:.1f} s of processor, {found[name].peak_mib:,.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    print(json.dumps({name: asdict(phase) for name, phase in run(Job(**json.loads(sys.argv[1]))).items()}))
