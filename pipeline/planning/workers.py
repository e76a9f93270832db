"""Who trains: this process, several processes, or a Dask cluster; the cells and their order stay the same."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path

from pipeline.contracts import Candidate, Cell, FitProgress, LabelledImages
from pipeline.errors import ModelError
from pipeline.models.runtime import prepare_process
from pipeline.planning import cluster
from pipeline.planning.shared_images import Route
from pipeline.store import atomic, versions
from pipeline.store.home import Home
from pipeline.store.versions import candidate_of
from pipeline.trainer import Trainer

Files = dict[str, bytes]
Candidates = Generator[Candidate, None, None]


def train_here(
    staging: Path, data: LabelledImages, cells: Sequence[Cell], progress_of: Callable[[Cell], FitProgress]
) -> Candidates:
    """Train one cell after the other in this process, with progress an epoch."""
    taken = _taken(staging)
    for cell in cells:
        yield Trainer(staging, taken).run(data, cell, progress_of(cell))


def train_in_processes(staging: Path, data: LabelledImages, cells: Sequence[Cell], jobs: int) -> Candidates:
    """Train on several processes; candidates come in the order of the cells.

    The images are shared with the processes through a memory-mapped file, once; each process
    gets an equal share of the cores.

    Raises:
        ModelError: A process died.
    """
    import joblib

    threads = max(1, (os.cpu_count() or 1) // jobs)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", pre_dispatch=jobs, batch_size=1)
    trainer = Trainer(staging, _taken(staging))
    tasks = (joblib.delayed(_train_limited)(trainer, data, cell, threads, os.getpid()) for cell in cells)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=threads):
        try:
            yield from parallel(tasks)
        except BrokenProcessPool as error:
            raise ModelError(
                "A training process died, most likely because memory ran out. "
                "Finished work is kept: run the same command again with fewer --jobs."
            ) from error


def train_on_cluster(
    staging: Path, data: LabelledImages, cells: Sequence[Cell], address: str, route: Route
) -> Candidates:
    """Train on a Dask cluster; candidates come in the order of the cells, and are in staging as soon as they arrive.

    Each worker sends back each candidate's files. A worker process trains one cell at a time, and lends it as many
    cores as the worker has threads.

    Raises:
        SettingsError: The images are too large for the scheduler, and the route names no place for them.
        ServiceError: Dask is not installed, the scheduler does not answer or goes away, workers are missing or die, or
            the images cannot be published or fetched.
    """

    def received(sent: tuple[str, Files]) -> Candidate:
        version_id, files = sent
        return _unpack(staging / version_id, files)

    with cluster.connected(address, data, route) as found:
        taken = _taken(staging)
        arrivals = [found.submit(_train_and_pack, cell, taken, received=received) for cell in cells]
        for cell, arrival in zip(cells, arrivals, strict=True):
            while not wait([arrival], cluster.PATIENCE).done:
                found.require_workers()
            with found.explained(cell.label):
                candidate = arrival.result()
            yield candidate


def _train_limited(trainer: Trainer, data: LabelledImages, cell: Cell, threads: int, driver: int) -> Candidate:
    end_with(driver)
    prepare_process(threads)
    return trainer.run(data, cell)


@cache
def end_with(driver: int) -> None:
    """End this process within a second of its driver's death; it would write to a home that another run may hold."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _train_and_pack(data: LabelledImages, cell: Cell, taken: frozenset[str]) -> tuple[str, Files]:
    with tempfile.TemporaryDirectory(prefix="digit-pipeline-") as folder:
        candidate = Trainer(Path(folder), taken).run(data, cell)
        paths = [path for path in candidate.folder.rglob("*") if path.is_file()]
        return candidate.id, {path.relative_to(candidate.folder).as_posix(): path.read_bytes() for path in paths}


def _taken(staging: Path) -> frozenset[str]:
    return versions.ids(Home(staging.parents[1]))


def _unpack(folder: Path, files: Files) -> Candidate:
    """Write a candidate's files; the manifest last, since it says that the rest is whole."""
    for name in sorted(files, key=lambda name: name == "manifest.json"):
        atomic.write_bytes(folder / name, files[name])
    return candidate_of(folder)
