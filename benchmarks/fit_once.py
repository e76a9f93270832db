"""Fit one recipe once in a process of its own and print what it took: ``python -m benchmarks.fit_once JSON``.

A fresh process makes fits comparable: each pays for its own tracing, and peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.contracts import Images, Labels
from pipeline.data import sources, splits
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import prepare_process

CHUNK = 1000
"""Shifted copies that are made at once, all in one direction."""


@dataclass(frozen=True)
class Fit:
    """What to fit.

    Attributes:
        recipe: Name in the registry.
        train_size: Images handed to the trainer, validation rows included.
        seed: Of rows, weights and augmentation.
        overrides: Parameters that differ from the recipe's own.
        pool: ``mnist`` (60,000 and the official test set) or ``kaggle``: MNIST's first 42,000 training images in
            the place of Kaggle's, with a stratified fifth as benchmark.
        on_validation: Report accuracy on validation rows in place of the benchmark: for choosing recipes.
        one_core: Fit on one thread, so that as many fits run at once as there are cores; for accuracy, not for time.
    """

    recipe: str
    train_size: int
    seed: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    pool: str = "mnist"
    on_validation: bool = False
    one_core: bool = False


@dataclass(frozen=True)
class Result:
    """What a fit took and gave: seconds of wall clock and processor, benchmark accuracy, peak memory."""

    fit_seconds: float
    cpu_seconds: float
    accuracy: float
    images: int
    peak_mib: float


def in_own_process(fit: Fit) -> Result:
    """Fit in a child process."""
    command = [sys.executable, "-m", "benchmarks.fit_once", json.dumps(asdict(fit))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def run(fit: Fit) -> Result:
    """Fit in this process."""
    prepare_process(threads=1 if fit.one_core else 0)
    data = sources.load("mnist", name=f"bench-{fit.pool}")
    if fit.pool == "kaggle":
        data = _first_rows(data, 42_000)
    roles = splits.assign_roles(data)
    available = splits.sizes(data, roles)
    split = splits.plan(data, roles, min(fit.train_size, available.train), available.benchmark, fit.seed)
    images, labels = _grown(data.images[split.train], data.labels[split.train], fit)
    recipe = registry.find(fit.recipe)
    parameters = registry.parameters_of(recipe, fit.overrides)
    model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
    held_out = data.images[split.validation], data.labels[split.validation]
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(FitRequest(images, labels, *held_out, fit.seed))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rows = split.validation if fit.on_validation else split.benchmark
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    right = model.predict(data.images[rows]).argmax(axis=1) == data.labels[rows]
    return Result(wall, cpu, float(right.mean()), len(rows), peak)


def _first_rows(data: Any, count: int) -> Any:
    from pipeline.data import validation
    from pipeline.data.raw import RawPart, RawSet

    source = f"MNIST's first {count:,} training images"
    part = RawPart(source, source, data.images[:count], data.labels[:count])
    return validation.labelled(RawSet("bench-kaggle", source, part))


def _grown(images: Images, labels: Labels, fit: Fit) -> tuple[Images, Labels]:
    """More images than there are: copies shifted by up to two pixels, for measuring growth only."""
    missing = fit.train_size - len(images) * 10 // 9
    if missing <= 0:
        return images, labels
    random = np.random.default_rng(fit.seed)
    chosen = random.integers(len(images), size=missing)
    grown = np.empty((len(images) + missing, *images.shape[1:]), np.uint8)
    grown[: len(images)] = images
    for start in range(0, missing, CHUNK):
        rows = chosen[start : start + CHUNK]
        way = tuple(random.integers(-2, 3, size=2))
        grown[len(images) + start :][: len(rows)] = np.roll(images[rows], way, axis=(1, 2))
    return grown, np.concatenate([labels, labels[chosen]])


if __name__ == "__main__":
    print(json.dumps(asdict(run(Fit(**json.loads(sys.argv[1]))))))
