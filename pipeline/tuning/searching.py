"""A search: trials one after the other or side by side, each recorded as it ends."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.facts.tuning_facts import Study, Trial
from pipeline.judging import competition_metrics
from pipeline.planning.shared_images import Route
from pipeline.store import tuning_journal
from pipeline.store.home import Home
from pipeline.tuning import running
from pipeline.tuning.running import Work
from pipeline.tuning.trials import TrialImages

Ended = Callable[[Trial, Sequence[Trial], Study], None]


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Attributes:
        trials: How many trials there are then, those of earlier calls included.
        seconds: How long this call may take.
    """

    trials: int
    seconds: float = float("inf")


@dataclass(frozen=True)
class Where:
    """Who trains.

    Attributes:
        jobs: Processes of this machine, one trial each.
        cluster: Address of a Dask scheduler; ``None`` trains on this machine.
        route: How images get to its workers.
    """

    jobs: int = 1
    cluster: str | None = None
    route: Route | None = None


def search(
    home: Home,
    study: Study,
    images: TrialImages,
    limits: Limits,
    ended: Ended,
    *,
    where: Where | None = None,
) -> list[Trial]:
    """Run the trials that are missing, each recorded before the next starts; return all of them.

    Args:
        home: Where they are recorded.
        study: What is searched.
        images: What trials see.
        limits: When to end.
        ended: Called with each trial that ended, all there are, and the study.
        where: Who trains; ``None`` is this process.

    Raises:
        ModelError: A process died.
        ServiceError: A cluster does not answer, or loses its workers.
        StoreError: Another process is at work on this study, its record is damaged, or the disk fails.
    """
    deadline = time.monotonic() + limits.seconds
    with tuning_journal.exclusive(home, study):
        finished = tuning_journal.read(home, study)
        known = {trial.number for trial in finished}
        missing = [number for number in range(limits.trials) if number not in known]
        work = Work(images, study, finished, missing, deadline)
        for trial in _running(work, where or Where()):
            tuning_journal.append(home, study, trial)
            finished.append(trial)
            ended(trial, finished, study)
    return finished


def best(trials: Sequence[Trial], study: Study) -> Trial | None:
    """Return the complete trial with the best score; of equals that of the lower log loss, then the earlier one."""
    metric = competition_metrics.named(study.metric)
    complete = [
        (metric.as_loss(trial.score), trial.log_loss, trial.number, trial)
        for trial in trials
        if trial.score is not None and trial.log_loss is not None
    ]
    return min(complete)[-1] if complete else None


def _running(work: Work, where: Where) -> running.Trials:
    if where.cluster is not None and where.route is not None and work.missing:
        return running.on_cluster(work, where.cluster, where.route)
    if where.jobs > 1 and len(work.missing) > 1:
        return running.in_processes(work, where.jobs)
    return running.here(work)
