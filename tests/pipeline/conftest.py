"""A small dataset that a linear model learns in a moment, and runs on it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from short_runs import AS_GOOD, Silent, wait_for_the_next_second
from striped import write_few_stripes

from pipeline import simulator
from pipeline.config import Settings
from pipeline.store import versions
from pipeline.store.home import Home

Run = Callable[..., simulator.Summary]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 8 x 8 images that a linear model tells apart, more surely the more of them it sees."""
    return write_few_stripes(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(data: Path, home: Home) -> Run:
    """Run the simulator on the small dataset under a lenient gate."""

    def run_it(observer: Any = None, where: Home = home, **settings: Any) -> simulator.Summary:
        given = {"models": ("logistic",), "train_sizes": ("all",), "gate": AS_GOOD} | settings
        return simulator.run(Settings(**{"dataset": str(data)} | given), where, observer or Silent())

    return run_it


@pytest.fixture(scope="session")
def judged_home(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a champion and a challenger that failed; for copies alone."""
    home = Home(tmp_path_factory.mktemp("judged"))
    for model in ("logistic", "dummy"):
        wait_for_the_next_second()
        settings = Settings(dataset=str(data), models=(model,), train_sizes=("all",), gate=AS_GOOD)
        simulator.run(settings, home, Silent())
    return home


@pytest.fixture
def two(judged_home: Home, home: Home) -> list[str]:
    """The ids of a champion and of a challenger that failed, in a home of the test's own."""
    shutil.copytree(judged_home.root, home.root)
    return [version.id for version in versions.list_versions(home)]
