"""Processes and clusters that train: what they share, what they keep, and what is said when they die."""

import multiprocessing
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import counted_files
import numpy as np
import psutil
import pytest
from clusters import command_line_cluster, local_cluster
from counted_files import transfers
from short_runs import Silent

from pipeline import simulator
from pipeline.config import Settings
from pipeline.contracts import Cell, FitProgress, LabelledImages, no_progress
from pipeline.data import sources, splits
from pipeline.errors import ModelError, ServiceError, SettingsError
from pipeline.planning import cluster as dask_cluster
from pipeline.planning import workers
from pipeline.planning.cells import plan_cells, recipes_of
from pipeline.planning.shared_images import CACHE, Route, shared
from pipeline.store import recovery
from pipeline.store.home import Home

pytestmark = pytest.mark.slow
DEADLY = "deadly_recipe:build"
SENT = Route(2**30)


@pytest.fixture
def labelled(data: Path) -> LabelledImages:
    """The small dataset, loaded."""
    return sources.load(str(data))


def plan(labelled: LabelledImages, *train_sizes: str) -> list[Cell]:
    """Cells of a linear model."""
    settings = Settings(models=("logistic",), train_sizes=train_sizes)
    return plan_cells(settings, recipes_of(settings), labelled, splits.assign_roles(labelled, None), print)


def sweep_that_dies(home: Home) -> dict[str, Any]:
    """A cell that is trained, then one that kills its process."""
    return {"models": ("logistic", DEADLY), "overrides": {DEADLY: {"versions": str(home.versions)}}}


def trains_nothing(run: Any) -> None:
    """What was trained is judged, or waits in staging."""

    class Counting(Silent):
        def planned(self, cells: Any, to_train: Any) -> None:
            assert list(to_train) == []

    (row,) = run(Counting()).rows
    assert row.version is not None


def test_a_process_that_dies_is_one_sentence_and_costs_nothing(run: Any, home: Home) -> None:
    with pytest.raises(ModelError, match=r"process died.*memory.*kept: run the same command again with fewer --jobs"):
        run(jobs=2, **sweep_that_dies(home))
    trains_nothing(run)
    assert list(home.staging.iterdir()) == []


def test_processes_end_with_a_driver_that_is_killed(run: Any, data: Path, home: Home) -> None:
    driver = multiprocessing.get_context("spawn").Process(target=train_for_ever, args=(data, home.root))
    driver.start()
    while len(list(home.staging.glob("*"))) < 2:
        assert driver.is_alive()
        time.sleep(0.1)
    training = [child for child in psutil.Process(driver.pid).children() if "LokyProcess" in " ".join(child.cmdline())]
    assert len(training) == 2
    driver.kill()
    driver.join()
    assert psutil.wait_procs(training, timeout=20)[1] == []
    run()
    assert list(home.staging.iterdir()) == []


def train_for_ever(data: Path, home: Path) -> None:
    """A run whose two processes never come to an end."""
    settings = Settings(dataset=str(data), train_sizes=("60", "all"), models=("deadly_recipe:wait",), jobs=2)
    simulator.run(settings, Home(home), Silent())


def test_a_cell_that_kills_every_worker_is_one_sentence_and_costs_nothing(run: Any, home: Home) -> None:
    with (
        local_cluster(workers=2, threads=1) as cluster,
        pytest.raises(ServiceError, match=r"was training deadly_recipe:build on 144 died.*memory.*fewer workers.*kept"),
    ):
        run(cluster=cluster.scheduler_address, **sweep_that_dies(home))
    trains_nothing(run)


def test_a_scheduler_without_workers_says_how_to_start_some(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE", 3)
    with local_cluster(workers=0, threads=1) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(ServiceError, match=f"has no workers: start some with `dask worker {address} --nworkers 2"):
            run(cluster=address)


@pytest.mark.parametrize(
    ("doomed", "sentence"),
    [(0, "scheduler at .* went away"), pytest.param(1, "has no workers", marks=pytest.mark.slow)],
)
def test_a_cluster_that_goes_away_is_one_sentence(
    run: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doomed: int, sentence: str
) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE", 10)
    with command_line_cluster(tmp_path) as (address, processes):

        class Killing(Silent):
            def awaiting(self, cells: Any, where: str) -> None:
                if len(cells) == 1:
                    processes[doomed].send_signal(signal.SIGKILL)

        with pytest.raises(ServiceError, match=sentence):
            run(Killing(), cluster=address, models=("logistic", "deadly_recipe:wait"))
    trains_nothing(run)


def test_a_candidate_is_kept_before_its_turn_comes(labelled: LabelledImages, home: Home) -> None:
    asked = plan(labelled, "60", "100", "all")
    with local_cluster(workers=1, threads=1) as cluster:
        trained = workers.train_on_cluster(home.staging, labelled, asked, cluster.scheduler_address, SENT)
        assert next(trained).cell == asked[0].digest
        for _ in range(600):
            if len(recovery.staged(home)) == len(asked):
                break
            time.sleep(0.1)
        assert set(recovery.staged(home)) == {cell.digest for cell in asked}
        assert [candidate.cell for candidate in trained] == [cell.digest for cell in asked[1:]]


def test_two_runs_on_one_cluster_keep_their_own_images(labelled: LabelledImages) -> None:
    others = replace(labelled, images=255 - labelled.images)
    with (
        local_cluster(workers=1, threads=1) as cluster,
        cluster.get_client() as client,
        shared(client, labelled, SENT) as first,
    ):
        with shared(client, others, SENT) as second:
            assert pixels_on_workers(client, first) == [int(labelled.images.sum())]
            assert pixels_on_workers(client, second) == [int(others.images.sum())]
        assert pixels_on_workers(client, first) == [int(labelled.images.sum())]
        client.unregister_worker_plugin(first)


def pixels_on_workers(client: Any, name: str) -> list[int]:
    """The sum of the pixels that each worker holds under this name."""
    return list(client.run(lambda dask_worker: int(dask_worker.plugins[name].data.images.sum())).values())


def test_large_images_travel_by_snapshot_and_are_fetched_once(
    labelled: LabelledImages, home: Home, tmp_path: Path
) -> None:
    asked = plan(labelled, "60", "100", "all")
    here = [one.digest for one in workers.train_here(Home(tmp_path / "here").staging, labelled, asked, no_progress_of)]
    place = tmp_path / "shared"
    counted_files.register()
    with local_cluster(workers=2, threads=1) as cluster, cluster.get_client() as client:
        client.run(counted_files.register)
        route = Route(labelled.images.nbytes - 1, f"counted://{place}")
        trained = workers.train_on_cluster(home.staging, labelled, asked, cluster.scheduler_address, route)
        assert [candidate.digest for candidate in trained] == here
        folders = client.run(lambda dask_worker: str(Path(dask_worker.local_directory).parent / CACHE))
    assert len(folders) == 2
    assert len(transfers(place, "fetched")) == 2, "pixels and labels, for three cells on two workers"
    assert transfers(place, "fetched")[::-1] == transfers(place, "written")
    assert [path for folder in folders.values() for path in Path(folder).glob("*")] == [], "gone with the run"


def no_progress_of(cell: Cell) -> FitProgress:
    return no_progress


def test_without_a_place_for_large_images_nothing_is_sent(labelled: LabelledImages) -> None:
    with (
        pytest.raises(SettingsError, match=r"These images take 0 MiB, and at most 0 MiB are sent.*--cluster-images"),
        shared(None, labelled, Route(labelled.images.nbytes - 1)),
    ):
        pass


class OfThisMachineOnly:
    """Data that a worker cannot unpack, since it lacks the module."""

    sha256, images = "0", np.empty(0)

    def __reduce__(self) -> tuple[Any, ...]:
        return __import__, ("a_module_that_no_worker_has",)


def test_a_worker_without_this_project_is_one_sentence() -> None:
    data: Any = OfThisMachineOnly()
    with (
        local_cluster(workers=1, threads=1) as cluster,
        cluster.get_client() as client,
        pytest.raises(ServiceError, match=r"a_module_that_no_worker_has.*Install this project on their machines"),
        shared(client, data, SENT),
    ):
        pass


@pytest.mark.parametrize("address", ["tcp://host:port", "tls://127.0.0.1:1"])
def test_an_impossible_address_is_one_sentence(address: str) -> None:
    pytest.importorskip("distributed")
    with (
        pytest.raises(ServiceError, match=f"No Dask scheduler answers at {address}: .+. Start one"),
        dask_cluster.client_of(address),
    ):
        pass
