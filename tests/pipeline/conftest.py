"""A small dataset that a linear model learns in a moment, and runs on it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed_run import LENIENT, Silent

from pipeline import simulator
from pipeline.cli import common
from pipeline.cli import main as simulator_main
from pipeline.config import Settings
from pipeline.store import versions
from pipeline.store.home import Home

Run = Callable[..., simulator.Summary]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 8 x 8 images that a linear model tells apart, more surely the more of them it sees."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 60)
    images = random.integers(0, 120, (len(labels), 8, 8), dtype=np.uint8)
    images[np.arange(len(labels)), labels, :] += 100
    file = tmp_path_factory.mktemp("data") / "stripes.npz"
    np.savez(file, images=images, labels=labels)
    return file


@pytest.fixture
def run(data: Path, home: Home) -> Run:
    """Run the simulator on the small dataset under a lenient gate."""

    def run_it(observer: Any = None, where: Home = home, **settings: Any) -> simulator.Summary:
        given = {"models": ("logistic",), "train_sizes": ("all",), "gate": {"preset": "as-good", **LENIENT}} | settings
        return simulator.run(Settings(**{"dataset": str(data)} | given), where, observer or Silent())

    return run_it


@pytest.fixture(scope="session")
def judged_home(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a champion and a challenger that failed; for copies alone."""
    home = Home(tmp_path_factory.mktemp("judged"))
    for model in ("logistic", "dummy"):
        gate = {"preset": "as-good", **LENIENT}
        settings = Settings(dataset=str(data), models=(model,), train_sizes=("all",), gate=gate)
        simulator.run(settings, home, Silent())
    return home


@pytest.fixture
def two(judged_home: Home, home: Home) -> list[str]:
    """The ids of a champion and of a challenger that failed, in a home of the test's own."""
    shutil.copytree(judged_home.root, home.root)
    return [version.id for version in versions.list_versions(home)]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Give a command in this process; returns exit status, standard output and standard error."""

    def give(*words: str | int | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["simulator.py", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            simulator_main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    monkeypatch.setattr(common.console, "_file", None)
    return give
