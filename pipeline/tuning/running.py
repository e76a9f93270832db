"""Who runs the trials of a search: this process, several, or the workers of a Dask cluster."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from pipeline.contracts import LabelledImages, Rows
from pipeline.errors import ModelError
from pipeline.facts.tuning_facts import Study, Trial
from pipeline.models.runtime import prepare_process
from pipeline.planning import cluster
from pipeline.planning.shared_images import Route
from pipeline.planning.workers import end_with
from pipeline.tuning.trials import TrialImages, run_trial

Trials = Iterator[Trial]
_Running: TypeAlias = "Future[Trial | None]"


@dataclass(frozen=True, eq=False)
class Work:
    """What is left to do.

    Attributes:
        images: What trials see.
        study: What is searched.
        finished: The trials that are recorded; whoever takes a trial adds it before asking for the next.
        missing: The numbers of those to run.
        deadline: Until when, by ``time.monotonic``.
    """

    images: TrialImages
    study: Study
    finished: Sequence[Trial]
    missing: Sequence[int]
    deadline: float

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return self.deadline - time.monotonic()


def here(work: Work) -> Trials:
    """Run one trial after the other in this process."""
    for number in work.missing:
        left = work.seconds_left
        trial = run_trial(work.images, work.study, work.finished, number, left) if left > 0 else None
        if trial is None:
            return
        yield trial


def in_processes(work: Work, jobs: int) -> Trials:
    """Run several trials at a time, each in a process with an equal share of the cores.

    Raises:
        ModelError: A process died.
    """
    start = multiprocessing.get_context("spawn")
    given = (work.images, work.study, max(1, (os.cpu_count() or 1) // jobs), os.getpid())
    with ProcessPoolExecutor(jobs, start, initializer=_prepare, initargs=given) as pool:

        def submit(number: int) -> _Running:
            return pool.submit(_run_in_process, list(work.finished), number, work.seconds_left)

        try:
            for done in _side_by_side(work, submit, lambda: jobs):
                yield from _ended(done.result())
        except KeyboardInterrupt:
            # Else the pool waits until each trial has ended; SIGTERM, unlike Ctrl-C, reaches no child.
            for process in multiprocessing.active_children():
                process.kill()
            raise
        except BrokenProcessPool as error:
            raise ModelError(
                "A training process died, most likely because memory ran out. "
                "Finished trials are kept: run the same command again with fewer --jobs."
            ) from error


def on_cluster(work: Work, address: str, route: Route) -> Trials:
    """Run as many trials at a time as a Dask cluster has worker processes; it may gain and lose some meanwhile.

    Raises:
        SettingsError: The images are too large for the scheduler, and the route names no place for them.
        ServiceError: Dask is not installed, the scheduler does not answer or goes away, workers are missing or die, or
            the images cannot be published or fetched.
    """
    images = work.images
    rows = images.train, images.validation, images.judging
    with cluster.connected(address, images.data, route) as found:

        def submit(number: int) -> _Running:
            given = work.study, list(work.finished), number, work.seconds_left
            return found.submit(_run_on_worker, rows, *given, received=lambda trial: trial)

        for done in _side_by_side(work, submit, found.require_workers):
            with found.explained(f"a trial of {work.study.recipe}"):
                trial = done.result()
            yield from _ended(trial)


def _side_by_side(work: Work, submit: Callable[[int], _Running], places: Callable[[], int]) -> Iterator[_Running]:
    """Yield each trial as it ends, and submit the next while there is time; ``places`` says how many run at once."""
    waiting = iter(work.missing)
    running: set[_Running] = set()
    while True:
        free = max(0, places() - len(running)) if work.seconds_left > 0 else 0
        running.update(submit(number) for number in islice(waiting, free))
        if not running:
            return
        done, running = wait(running, cluster.PATIENCE, return_when=FIRST_COMPLETED)
        yield from done


def _ended(trial: Trial | None) -> Trials:
    if trial is not None:
        yield trial


_given: dict[str, tuple[TrialImages, Study]] = {}
"""What a process of a search was started with."""


def _prepare(images: TrialImages, study: Study, threads: int, driver: int) -> None:
    prepare_process(threads)
    end_with(driver)
    _given["search"] = images, study


def _run_in_process(finished: Sequence[Trial], number: int, seconds: float) -> Trial | None:
    images, study = _given["search"]
    return run_trial(images, study, finished, number, seconds)


def _run_on_worker(data: LabelledImages, rows: tuple[Rows, Rows, Rows], *asked: Any) -> Trial | None:
    return run_trial(TrialImages(data, *rows), *asked)
