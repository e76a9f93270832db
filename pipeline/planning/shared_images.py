"""How images get to the workers of a Dask cluster: with the scheduler, or through a place that all of them can read."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import Settings
from pipeline.contracts import LabelledImages
from pipeline.data import published_images
from pipeline.data.published_images import Published
from pipeline.errors import ServiceError, SettingsError

CACHE = "digit-pipeline-images"
"""Beside the working folders of a machine's Dask workers, which share it."""


@dataclass(frozen=True)
class Route:
    """How images travel.

    Attributes:
        most_sent: Bytes of pixels that are sent through the scheduler.
        url: A folder or URL for more than that, which every worker can read; ``None`` where there is none.
    """

    most_sent: int
    url: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Route":
        """Return the route that the settings of a run name."""
        return cls(settings.cluster_mib * 2**20, settings.cluster_images)


@contextmanager
def shared(client: Any, data: LabelledImages, route: Route) -> Iterator[str]:
    """Hand the images to every worker; yields the name under which they are found there, one for each run.

    Raises:
        SettingsError: They are too large for the scheduler, and there is no other way.
        ServiceError: They cannot be published, or workers cannot take them.
    """
    from distributed import WorkerPlugin

    published = _published(data, route)
    sent = data if published is None else None
    name = f"digit-pipeline-{data.sha256[:16]}-{uuid.uuid4().hex}"

    class SharedImages(WorkerPlugin):  # type: ignore[misc]
        """Holds the images on a worker, or says where they are."""

        def __init__(self) -> None:
            self.data, self.published = sent, published

        def teardown(self, worker: Any) -> None:
            """Delete what was fetched for a run that is over; on POSIX, what is mapped stays readable."""
            if self.published is not None:
                shutil.rmtree(cache_of(worker, name), ignore_errors=True)

    try:
        client.register_plugin(SharedImages(), name)
    except Exception as error:  # Dask hands on what a worker raised as a bare Exception.
        raise ServiceError(
            f"The Dask workers cannot take the images: {error}. Install this project on their machines, too, "
            "with `pip install -e .[cpu,cluster]`, the same version everywhere."
        ) from error
    try:
        yield name
    finally:
        # A scheduler that is gone, or was started again, has forgotten the images already.
        if client.status == "running":
            with suppress(ValueError, OSError):
                client.unregister_worker_plugin(name)


def on_worker(worker: Any, name: str) -> LabelledImages:
    """Return the images of a run on a worker; what was published is fetched with its first cell, once a machine.

    Raises:
        ServiceError: It cannot be fetched.
    """
    plugin = worker.plugins[name]
    if plugin.data is None:
        plugin.data = published_images.fetch(plugin.published, cache_of(worker, name))
    images: LabelledImages = plugin.data
    return images


def cache_of(worker: Any, name: str) -> Path:
    """Return the folder in which the workers of a machine keep the published images of a run, until it is over."""
    return Path(worker.local_directory).parent / CACHE / name


def _published(data: LabelledImages, route: Route) -> Published | None:
    size = data.images.nbytes
    if size <= route.most_sent:
        return None
    if route.url is None:
        raise SettingsError(
            f"These images take {size / 2**20:,.0f} MiB, and at most {route.most_sent / 2**20:,.0f} MiB are sent "
            "through a Dask scheduler: name a folder or URL that every worker can read with --cluster-images."
        )
    return published_images.publish(data, route.url)
