"""Kill -9 at any moment: nothing half, nothing wrong, nothing lost, and the next run cleans up; so does Ctrl-C."""

import json
import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import killed_run
import numpy as np
import pytest
from clusters import local_cluster

from pipeline.application import Application
from pipeline.contracts import UnlabelledImages
from pipeline.store import production, versions
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
POINTS = 30
FULL_POINTS = 8
PRELOADED = [
    "killed_run",
    "pipeline.simulator",
    "sklearn.linear_model",
    "skl2onnx",
    "matplotlib.figure",
    "seaborn",
    "pandas",
    "scipy.stats",
    "pipeline.reports.version_report",
    "pipeline.reports.excel",
]


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Children of a server that has everything imported: real processes that start in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@pytest.fixture(scope="module")
def whole(
    processes: multiprocessing.context.ForkServerContext, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, int]:
    """A run that nobody killed, and how often it touched the disk."""
    folder = tmp_path_factory.mktemp("whole")
    assert _run(processes, data, folder / "home", None, folder / "touches") == 0
    return Home(folder / "home"), int((folder / "touches").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "where"), [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGTERM, ("--jobs", "2"))]
)
def test_ctrl_c_and_sigterm_end_with_a_sentence_and_keep_what_was_finished(
    data: Path, tmp_path: Path, number: signal.Signals, where: tuple[str, ...]
) -> None:
    home = Home(tmp_path)
    _interrupt(data, home, lambda: any(home.staging.rglob("checkpoints/*")) and trained(home), *where, number=number)


@pytest.mark.slow
def test_ctrl_c_ends_a_run_on_a_cluster_as_well(data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    with local_cluster(workers=1, threads=1) as cluster:
        _interrupt(data, home, lambda: trained(home), "--cluster", cluster.scheduler_address)


def _interrupt(
    data: Path, home: Home, busy: Callable[[], bool], *where: str, number: signal.Signals = signal.SIGINT
) -> None:
    """Press Ctrl-C, or send SIGTERM, once a run has trained one recipe and is busy with another that takes for ever."""
    command = [sys.executable, ROOT / "simulator.py", "run", "--dataset", data, "--train-sizes", "60", *where]
    slow = ["--models", "dummy,mlp", "--set", "mlp.epochs=10000", "--home", home.root]
    # A process that was started in the background ignores Ctrl-C, and so would its children.
    started = subprocess.Popen(
        [*command, *slow],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (it takes no lock)
    )
    while not busy():
        assert started.poll() is None
        time.sleep(0.1)
    started.send_signal(number)
    _, told = started.communicate(timeout=60)
    assert started.returncode == 128 + number
    assert told.endswith("resumes the run, and `simulator.py report` shows what there is.\n")
    assert trained(home)


def trained(home: Home) -> bool:
    """Whether the first recipe waits, whole, for its judgement."""
    return any(home.staging.glob("*-dummy-*/manifest.json"))


@pytest.mark.slow
def test_the_run_touches_the_disk_often_enough_to_be_worth_killing(whole: tuple[Home, int]) -> None:
    home, touches = whole
    assert touches > 2 * POINTS
    assert [record.action for record in production.records(home)] == ["promote", "promote"]


@pytest.mark.slow
@pytest.mark.parametrize("point", range(POINTS))
def test_after_a_kill_all_is_whole_and_the_next_run_ends_where_an_unkilled_one_does(
    processes: multiprocessing.context.ForkServerContext,
    data: Path,
    whole: tuple[Home, int],
    tmp_path: Path,
    point: int,
) -> None:
    home = Home(tmp_path / "home")
    kill_at = 1 + point * (whole[1] - 1) // (POINTS - 1)
    assert _run(processes, data, home.root, kill_at) == -9
    _assert_a_run_completes(processes, data, home, whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("point", range(FULL_POINTS))
def test_a_full_disk_is_one_sentence_and_costs_nothing(
    processes: multiprocessing.context.ForkServerContext,
    data: Path,
    whole: tuple[Home, int],
    tmp_path: Path,
    point: int,
) -> None:
    home = Home(tmp_path / "home")
    full_at = 1 + point * (whole[1] - 1) // FULL_POINTS
    child = processes.Process(target=killed_run.run_on_full_disk, args=(data, home.root, full_at))
    child.start()
    child.join()
    assert child.exitcode == 3
    _assert_a_run_completes(processes, data, home, whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["checkpoints/epoch-001*", "manifest.json"])
def test_a_network_killed_among_its_checkpoints_is_trained_once_more_or_judged_as_it_is(
    data: Path, tmp_path: Path, moment: str
) -> None:
    home = Home(tmp_path / "home")
    command = [sys.executable, ROOT / "simulator.py", "run", "--dataset", data, "--train-sizes", "60"]
    given = ["--models", "cnn", "--effort", "quick", "--set", "cnn.epochs=3", "--home", home.root]
    started = subprocess.Popen([*command, *given], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(home.staging.rglob(moment)):
        assert started.poll() is None
        time.sleep(0.005)
    started.kill()
    started.wait()
    _assert_whole(home)
    kept = [file.parent.name for file in home.staging.glob("*/manifest.json")]
    kept += [version.id for version in versions.list_versions(home)]
    subprocess.run([*command, *given], check=True, capture_output=True)
    _assert_whole(home)
    _assert_clean(home)
    (version,) = versions.list_versions(home)
    assert kept in ([], [version.id]), "what was trained is not trained again"
    again = [sys.executable, ROOT / "simulator.py", "evaluate", version.id, "--checkpoint", "1"]
    measured = subprocess.run([*again, "--json", "--home", home.root], check=True, capture_output=True, text=True)
    assert json.loads(measured.stdout)["images"] == 36


@pytest.mark.slow
def test_two_simulators_at_once_end_like_one(
    processes: multiprocessing.context.ForkServerContext, data: Path, whole: tuple[Home, int], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    children = [processes.Process(target=killed_run.run, args=(data, home.root, None)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    _assert_whole(home)
    _assert_clean(home)
    assert _story(home) == _story(whole[0])


def _assert_a_run_completes(
    processes: multiprocessing.context.ForkServerContext, data: Path, home: Home, unharmed: Home
) -> None:
    _assert_whole(home)
    assert _run(processes, data, home.root, None) == 0
    _assert_whole(home)
    _assert_clean(home)
    assert _story(home) == _story(unharmed)


def _run(
    processes: multiprocessing.context.ForkServerContext,
    data: Path,
    home: Path,
    kill_at: int | None,
    count: Path | None = None,
) -> int | None:
    child = processes.Process(target=killed_run.run, args=(data, home, kill_at, count))
    child.start()
    child.join()
    return child.exitcode


def _assert_whole(home: Home) -> None:
    """Every listed version verifies, and production answers with a whole bundle or is still empty."""
    for version in versions.list_versions(home):
        assert versions.verify(version).damage is None
    champion = production.current(home, "stripes")
    if champion is not None:
        images = UnlabelledImages("noise", np.zeros((2, 8, 8, 1), np.uint8), ("1", "2"))
        assert Application(champion).predict(images).shape == (2, 3)


def _assert_clean(home: Home) -> None:
    leftovers = [path for path in home.root.rglob("*") if path.name.endswith(".tmp")]
    assert leftovers == []
    assert list(home.staging.glob("*")) == []


def _story(home: Home) -> dict[str, object]:
    """What a home holds, but for times and names that carry the time."""
    listed = versions.list_versions(home)
    cells = {version.id: version.manifest.cell for version in listed}
    results = (home.metric_results / "results.csv").read_text().splitlines()
    serving = json.loads((home.production_of("stripes") / "current.json").read_text())
    return {
        "versions": sorted((cells[v.id], v.manifest.digest, v.verdict.outcome) for v in listed),
        "rows": sorted(cells[line.split(",")[0]] for line in results[1:]),
        "champion": cells[serving["id"]],
        "promotions": [cells[record.id] for record in production.records(home)],
        "files": sorted(path.name for path in home.metric_results.iterdir()),
    }
