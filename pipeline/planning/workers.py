"""Who trains: this process, several processes, or a Dask cluster; the cells and their order stay the same."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.contracts import Candidate, Cell, FitProgress, LabelledImages
from pipeline.errors import ModelError, ServiceError
from pipeline.models.runtime import prepare_process
from pipeline.planning.shared_images import Route, on_worker, shared
from pipeline.store import atomic, versions
from pipeline.store.home import Home
from pipeline.store.versions import candidate_of
from pipeline.trainer import Trainer

Files = dict[str, bytes]
Candidates = Generator[Candidate, None, None]
PATIENCE = 20.0
"""Seconds in which a scheduler must answer and have a worker."""
TRANSFER = 120.0
"""Seconds in which the files of a candidate must arrive."""
_training = threading.Lock()


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

    Each worker gets the images once, and sends back each candidate's files. A worker process trains one cell at a
    time, and lends it as many cores as the worker has threads. The images, or where they are published, travel as a
    plugin, which workers that join later or start again get too; scattered data is lost with the worker that holds it.

    Raises:
        SettingsError: The images are too large for the scheduler, and the route names no place for them.
        ServiceError: Dask is not installed, the scheduler does not answer or goes away, workers are missing or die, or
            the images cannot be published or fetched.
    """
    with _client(address) as client:
        _require_workers(client, address)
        with shared(client, data, route) as images:
            taken = _taken(staging)
            futures = [client.submit(_train_elsewhere, cell, images, taken, pure=False) for cell in cells]
            arrivals = [_stored_on_arrival(future, staging) for future in futures]
            for cell, arrival in zip(cells, arrivals, strict=True):
                while not wait([arrival], PATIENCE).done:
                    _require_workers(client, address)
                yield _arrived(arrival, cell, address)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
        from distributed.comm import resolve_address
    except ImportError as error:
        raise ServiceError("--cluster needs Dask: install the extra with `pip install -e .[cluster]`.") from error
    try:
        # A client of an impossible address takes 40 seconds to go, and complains then.
        resolve_address(address)
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # Dask refuses impossible addresses with many kinds, some without a word.
        raise ServiceError(
            f"No Dask scheduler answers at {address}: {str(error) or type(error).__name__}. "
            f"Start one with `dask scheduler`, and workers with {_how_to_start(address)}."
        ) from error
    try:
        yield client
    finally:
        client.close()


def _require_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except OSError as error:
        raise ServiceError(
            f"The Dask scheduler at {address} has no workers: start some with {_how_to_start(address)}, "
            "then run the same command again; finished work is kept."
        ) from error


def _how_to_start(address: str) -> str:
    return f"`dask worker {address} --nworkers 2 --nthreads 1`"


def _stored_on_arrival(future: Any, staging: Path) -> "Future[Candidate]":
    """The candidate that a worker sends back, written to staging even while another one is being judged."""
    arrival: Future[Candidate] = Future()

    def store(done: Any) -> None:
        # A client that was closed would never answer.
        if done.status not in ("finished", "error"):
            arrival.set_exception(CancelledError())
            return
        try:
            version_id, files = done.result(TRANSFER)
            arrival.set_result(_unpack(staging / version_id, files))
        except Exception as error:
            arrival.set_exception(error)
        finally:
            done.release()

    future.add_done_callback(store)
    return arrival


def _arrived(arrival: "Future[Candidate]", cell: Cell, address: str) -> Candidate:
    from distributed.scheduler import KilledWorker

    try:
        return arrival.result()
    except KilledWorker as error:
        raise ServiceError(
            f"Every Dask worker that was training {cell.label} died, most likely because memory ran out: start fewer "
            "workers on each machine, then run the same command again; finished work is kept."
        ) from error
    except CancelledError as error:
        raise ServiceError(
            f"The Dask scheduler at {address} went away: start it and its workers again, "
            "then run the same command again; finished work is kept."
        ) from error


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


def _train_elsewhere(cell: Cell, images: str, taken: frozenset[str]) -> tuple[str, Files]:
    """Train one cell at a time: a worker's threads share seeds, and cannot import TensorFlow side by side."""
    from distributed import get_worker

    worker = get_worker()
    with _training:
        prepare_process(worker.state.nthreads)
        return _train_and_pack(on_worker(worker, images), cell, taken)


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
