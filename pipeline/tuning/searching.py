"""A search: trials one after the other or side by side, each recorded as it ends."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice

from pipeline.errors import ModelError
from pipeline.facts.tuning_facts import Study, Trial
from pipeline.models.runtime import prepare_process
from pipeline.planning.workers import end_with
from pipeline.store import tuning_journal
from pipeline.store.home import Home
from pipeline.tuning.trials import TrialImages, run_trial


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Attributes:
        trials: How many trials there are then, those of earlier calls included.
        seconds: How long this call may take.
        jobs: Trials at a time.
    """

    trials: int
    seconds: float = float("inf")
    jobs: int = 1


def search(
    home: Home, study: Study, images: TrialImages, limits: Limits, ended: Callable[[Trial, Sequence[Trial]], None]
) -> list[Trial]:
    """Run the trials that are missing, each recorded before the next starts; return all of them.

    Args:
        home: Where they are recorded.
        study: What is searched.
        images: What trials see.
        limits: When to end.
        ended: Called with each trial that ended, and all there are.

    Raises:
        ModelError: A process died.
        StoreError: Another process is at work on this study, its record is damaged, or the disk fails.
    """
    deadline = time.monotonic() + limits.seconds
    with tuning_journal.exclusive(home, study):
        finished = tuning_journal.read(home, study)
        known = {trial.number for trial in finished}
        missing = [number for number in range(limits.trials) if number not in known]
        work = _Work(images, study, finished, missing, deadline)
        side_by_side = limits.jobs > 1 and len(missing) > 1
        for trial in _in_processes(work, limits.jobs) if side_by_side else _here(work):
            tuning_journal.append(home, study, trial)
            finished.append(trial)
            ended(trial, finished)
    return finished


def best(trials: Sequence[Trial]) -> Trial | None:
    """Return the complete trial of the lowest log loss, the earliest of equals; ``None`` if none is complete."""
    complete = [trial for trial in trials if trial.log_loss is not None]
    return min(complete, key=lambda trial: (trial.log_loss, trial.number), default=None)


@dataclass(frozen=True, eq=False)
class _Work:
    """What is left to do; ``finished`` grows with each trial that is recorded."""

    images: TrialImages
    study: Study
    finished: Sequence[Trial]
    missing: Sequence[int]
    deadline: float

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()


def _here(work: _Work) -> Iterator[Trial]:
    for number in work.missing:
        left = work.seconds_left
        trial = run_trial(work.images, work.study, work.finished, number, left) if left > 0 else None
        if trial is None:
            return
        yield trial


def _in_processes(work: _Work, jobs: int) -> Iterator[Trial]:
    start = multiprocessing.get_context("spawn")
    given = (work.images, work.study, max(1, (os.cpu_count() or 1) // jobs), os.getpid())
    with ProcessPoolExecutor(jobs, start, initializer=_prepare, initargs=given) as pool:
        waiting = iter(work.missing)
        running: set[Future[Trial | None]] = set()
        try:
            while True:
                for number in islice(waiting, jobs - len(running) if work.seconds_left > 0 else 0):
                    running.add(pool.submit(_run_in_process, list(work.finished), number, work.seconds_left))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (trial for trial in (future.result() for future in done) if trial is not None)
        except BrokenProcessPool as error:
            raise ModelError(
                "A training process died, most likely because memory ran out. "
                "Finished trials are kept: run the same command again with fewer --jobs."
            ) from error


_given: dict[str, tuple[TrialImages, Study]] = {}
"""What a process of a search was started with."""


def _prepare(images: TrialImages, study: Study, threads: int, driver: int) -> None:
    prepare_process(threads)
    end_with(driver)
    _given["search"] = images, study


def _run_in_process(finished: Sequence[Trial], number: int, seconds: float) -> Trial | None:
    images, study = _given["search"]
    return run_trial(images, study, finished, number, seconds)
