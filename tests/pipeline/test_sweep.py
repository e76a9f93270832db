"""A sweep: repeats are measured and never judged; several processes and a cluster give what one process gives."""

import csv
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from clusters import local_cluster
from short_runs import Silent

from pipeline.store import production, repeats, versions
from pipeline.store.home import Home

SWEEP: dict[str, Any] = {"train_sizes": ("60", "100", "all"), "repeats": 2}


def story(summary: Any) -> list[tuple[str, str | None, str | None, float]]:
    """Cells, digests and verdicts in the order of judgement, repeats with what they measured."""
    return [
        (row.cell.digest, row.version.manifest.digest, row.version.verdict.outcome, row.accuracy)
        if row.version
        else (row.cell.digest, None, None, row.accuracy)
        for row in summary.rows
    ]


def champions(home: Home) -> list[str]:
    """The cells that were promoted, in their order."""
    cells = {version.id: version.manifest.cell for version in versions.list_versions(home)}
    return [cells[record.id] for record in production.records(home)]


@pytest.fixture
def alone(run: Any) -> Any:
    """The sweep in one process."""
    return run(**SWEEP)


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_only_the_first_of_each_cell_is_a_challenger(home: Home) -> None:
    assert len(versions.list_versions(home)) == 3
    assert len(repeats.by_cell(home)) == 3
    assert list(home.staging.iterdir()) == []
    curve = list(csv.DictReader((home.metric_results / "learning_curve.csv").open()))
    assert [(row["train_size"], row["runs"]) for row in curve] == [("60", "2"), ("100", "2"), ("144", "2")]


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_a_finished_sweep_trains_nothing_again(run: Any) -> None:
    class Refusing(Silent):
        def fitting(self, cell: Any) -> Any:
            raise AssertionError(f"{cell.label} is trained again")

    assert all(row.reused for row in run(Refusing(), **SWEEP).rows)


@pytest.mark.slow
def test_a_cell_that_was_only_measured_is_judged_once_it_is_a_challenger(run: Any, home: Home) -> None:
    run(train_sizes=("60",), repeats=2)
    (row,) = run(train_sizes=("60",), seed=1).rows
    assert row.version is not None and not row.reused
    assert len(versions.list_versions(home)) == 2
    curve = list(csv.DictReader((home.metric_results / "learning_curve.csv").open()))
    assert [(line["train_size"], line["runs"]) for line in curve] == [("60", "2")]


@pytest.mark.slow
def test_several_processes_give_the_same_cells_rows_and_verdicts(
    alone: Any, run: Any, home: Home, tmp_path: Path
) -> None:
    several = Home(tmp_path / "several")
    assert story(run(where=several, jobs=2, **SWEEP)) == story(alone)
    assert champions(several) == champions(home)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_still_ends_with_the_same(
    alone: Any, run: Any, home: Home, tmp_path: Path
) -> None:
    clustered = Home(tmp_path / "clustered")
    with local_cluster(workers=2, threads=1) as cluster:
        first, second = (worker.pid for worker in cluster.workers.values())
        context = multiprocessing.get_context("spawn")
        killer = context.Process(target=kill_once_something_is_judged, args=(first, clustered.root))
        killer.start()
        summary = run(where=clustered, cluster=cluster.scheduler_address, **SWEEP)
        killer.join()
        assert killer.exitcode == 0
        assert second in {worker.pid for worker in cluster.workers.values()}
    assert story(summary) == story(alone)
    assert champions(clustered) == champions(home)


def kill_once_something_is_judged(pid: int, root: Path) -> None:
    """Kill a worker in the middle of a sweep: after its first version, long before its last."""
    home = Home(root)
    for _ in range(1200):
        if versions.list_versions(home):
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.1)
    raise TimeoutError("nothing was ever judged")


@pytest.mark.slow
def test_a_worker_with_several_threads_trains_one_cell_at_a_time(run: Any, tmp_path: Path) -> None:
    sweep: dict[str, Any] = {"train_sizes": ("60", "all"), "models": ("mlp",), "overrides": {"mlp": {"epochs": 1}}}
    with local_cluster(workers=1, threads=2) as cluster:
        clustered = run(where=Home(tmp_path / "clustered"), cluster=cluster.scheduler_address, **sweep)
    alone = run(where=Home(tmp_path / "alone"), **sweep)
    # With several threads the order of additions, and so the last bits of the weights, may differ.
    assert [row.cell.digest for row in clustered.rows] == [row.cell.digest for row in alone.rows]
    assert all(row.version is not None for row in clustered.rows)
