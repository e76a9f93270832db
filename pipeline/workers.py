"""Who trains: this process, several processes, or a Dask cluster; the cells and their order stay the same."""

import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.cells import Cell
from pipeline.contracts import Candidate, FitProgress, LabelledImages, no_progress
from pipeline.errors import ServiceError
from pipeline.models.runtime import prepare_process
from pipeline.store import atomic
from pipeline.store.versions import candidate_of
from pipeline.trainer import Trainer

Files = dict[str, bytes]
_training = threading.Lock()


def train_here(
    staging: Path, data: LabelledImages, cells: Sequence[Cell], progress_of: Callable[[Cell], FitProgress]
) -> Iterator[Candidate]:
    """Train one cell after the other in this process, with progress an epoch."""
    for cell in cells:
        yield Trainer(staging).run(data, cell.split, cell.assignment(), progress_of(cell))


def train_in_processes(staging: Path, data: LabelledImages, cells: Sequence[Cell], jobs: int) -> Iterator[Candidate]:
    """Train on several processes; candidates come in the order of the cells.

    The images are shared with the processes through a memory-mapped file, once; each process
    gets an equal share of the cores.
    """
    import joblib

    threads = max(1, (os.cpu_count() or 1) // jobs)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", pre_dispatch=jobs, batch_size=1)
    tasks = (joblib.delayed(_train_limited)(staging, data, cell, threads) for cell in cells)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=threads):
        yield from parallel(tasks)


def train_on_cluster(staging: Path, data: LabelledImages, cells: Sequence[Cell], address: str) -> Iterator[Candidate]:
    """Train on a Dask cluster; each worker gets the images once, and sends back each candidate's files.

    A worker process trains one cell at a time, and lends it as many cores as the worker has threads.

    The images travel as a plugin, which workers that join later or start again get too; scattered data is lost
    with the worker that holds it.

    Raises:
        ServiceError: Dask is not installed, or the scheduler does not answer.
    """
    import joblib

    with (
        _client(address) as client,
        _shared(client, data) as images,
        joblib.parallel_config(backend="dask", client=client, n_jobs=-1),
    ):
        tasks = (joblib.delayed(_train_elsewhere)(cell, images) for cell in cells)
        results = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch="all")(tasks)
        for assignment_id, files in results:
            yield _unpack(staging / assignment_id, files)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ServiceError("--cluster needs Dask: install the extra with `pip install -e .[cluster]`.") from error
    try:
        client = Client(address, timeout=20, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"No Dask scheduler answers at {address}: {error}. Start one with `dask scheduler`, "
            f"and workers with `dask worker {address} --nworkers 2 --nthreads 1`."
        ) from error
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _shared(client: Any, data: LabelledImages) -> Iterator[str]:
    """Hand the images to every worker; yields the name under which they are found there, one for each run."""
    from distributed import WorkerPlugin

    class SharedImages(WorkerPlugin):  # type: ignore[misc]
        """Holds the images on a worker."""

        def __init__(self) -> None:
            self.data = data

    name = f"digit-pipeline-{data.sha256}-{uuid.uuid4().hex}"
    client.register_plugin(SharedImages(), name)
    try:
        yield name
    finally:
        # A scheduler that was started again, or is gone, has forgotten the images already.
        with suppress(ValueError, OSError):
            client.unregister_worker_plugin(name)


def _train_limited(staging: Path, data: LabelledImages, cell: Cell, threads: int) -> Candidate:
    prepare_process(threads)
    return Trainer(staging).run(data, cell.split, cell.assignment(), no_progress)


def _train_elsewhere(cell: Cell, images: str) -> tuple[str, Files]:
    """Train one cell at a time: a worker's threads share seeds, and cannot import TensorFlow side by side."""
    from distributed import get_worker

    worker = get_worker()
    with _training:
        prepare_process(worker.state.nthreads)
        return _train_and_pack(worker.plugins[images].data, cell)


def _train_and_pack(data: LabelledImages, cell: Cell) -> tuple[str, Files]:
    assignment = cell.assignment()
    with tempfile.TemporaryDirectory(prefix="digit-pipeline-") as folder:
        candidate = Trainer(Path(folder)).run(data, cell.split, assignment, no_progress)
        paths = [path for path in candidate.folder.rglob("*") if path.is_file()]
        return assignment.id, {path.relative_to(candidate.folder).as_posix(): path.read_bytes() for path in paths}


def _unpack(folder: Path, files: Files) -> Candidate:
    """Write a candidate's files; the manifest last, since it says that the rest is whole."""
    for name in sorted(files, key=lambda name: name == "manifest.json"):
        atomic.write_bytes(folder / name, files[name])
    return candidate_of(folder)
