"""A Dask cluster whose workers hold the images of a run and do one training at a time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.contracts import LabelledImages
from pipeline.errors import ServiceError
from pipeline.models.runtime import prepare_process
from pipeline.planning.shared_images import Route, on_worker, shared

PATIENCE = 20.0
"""Seconds in which a scheduler must answer and have a worker."""
TRANSFER = 120.0
"""Seconds in which a result must arrive."""
_training = threading.Lock()
T = TypeVar("T")


@dataclass(frozen=True)
class Cluster:
    """A cluster in use.

    Attributes:
        client: Dask's client.
        address: Of the scheduler.
        images: The name under which the workers hold the images.
    """

    client: Any
    address: str
    images: str

    def submit(self, train: Callable[..., Any], *given: Any, received: Callable[[Any], T]) -> "Future[T]":
        """Have a worker call a function with the images, then with what is given.

        Args:
            train: A function of a module that the workers have, too.
            given: Its further arguments.
            received: Called with its result as soon as that arrives, even while the driver does something else.
        """
        return _arrival(self.client.submit(_call, train, self.images, *given, pure=False), received)

    def require_workers(self) -> int:
        """Return how many workers there are, at least one, which is waited for.

        Raises:
            ServiceError: None comes.
        """
        return _require_workers(self.client, self.address)

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Say in one sentence why what was to be trained does not come back.

        Raises:
            ServiceError: The workers died, or the scheduler went away.
        """
        from distributed.scheduler import KilledWorker

        try:
            yield
        except KilledWorker as error:
            raise ServiceError(
                f"Every Dask worker that was training {what} died, most likely because memory ran out: start fewer "
                "workers on each machine, then run the same command again; finished work is kept."
            ) from error
        except CancelledError as error:
            raise ServiceError(
                f"The Dask scheduler at {self.address} went away: start it and its workers again, "
                "then run the same command again; finished work is kept."
            ) from error


@contextmanager
def connected(address: str, data: LabelledImages, route: Route) -> Iterator[Cluster]:
    """Hand the images to the workers of a cluster, each of which gets them once.

    The images, or where they are published, travel as a plugin, which workers that join later or start again get too;
    scattered data is lost with the worker that holds it.

    Raises:
        SettingsError: The images are too large for the scheduler, and the route names no place for them.
        ServiceError: Dask is not installed, the scheduler does not answer, there are no workers, or the images cannot
            be published or fetched.
    """
    with client_of(address) as client:
        _require_workers(client, address)
        with shared(client, data, route) as images:
            yield Cluster(client, address, images)


@contextmanager
def client_of(address: str) -> Iterator[Any]:
    """Connect to a scheduler.

    Raises:
        ServiceError: Dask is not installed, or no scheduler answers.
    """
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


def _require_workers(client: Any, address: str) -> int:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        return max(1, len(client.nthreads()))
    except OSError as error:
        raise ServiceError(
            f"The Dask scheduler at {address} has no workers: start some with {_how_to_start(address)}, "
            "then run the same command again; finished work is kept."
        ) from error


def _how_to_start(address: str) -> str:
    return f"`dask worker {address} --nworkers 2 --nthreads 1`"


def _arrival(future: Any, received: Callable[[Any], T]) -> "Future[T]":
    """What became of a result that a worker sends back."""
    arrival: Future[T] = Future()

    def arrive(done: Any) -> None:
        # A client that was closed would never answer.
        if done.status not in ("finished", "error"):
            arrival.set_exception(CancelledError())
            return
        try:
            arrival.set_result(received(done.result(TRANSFER)))
        except Exception as error:
            arrival.set_exception(error)
        finally:
            done.release()

    future.add_done_callback(arrive)
    return arrival


def _call(train: Callable[..., Any], images: str, *given: Any) -> Any:
    """Train one at a time: a worker's threads share seeds, and cannot import TensorFlow side by side."""
    from distributed import get_worker

    worker = get_worker()
    with _training:
        prepare_process(worker.state.nthreads)
        return train(on_worker(worker, images), *given)
