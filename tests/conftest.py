"""What every test shares: a home of its own, real digits, and no way out to the user's own files."""

import gzip
import os
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli import common
from pipeline.cli import main as simulator_main
from pipeline.data import mnist
from pipeline.models.runtime import prepare_process
from pipeline.store.home import Home

prepare_process()
# Read before any test takes the user's surroundings away.
FOLDER = Path(named).resolve() if (named := os.environ.get("PIPELINE_DATA")) else None
KERAS_CACHE = mnist.keras_cache()
IDX_FILES = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}


def pytest_report_header() -> str:
    """Say which MNIST the tests use."""
    place = _named_mnist() or (KERAS_CACHE if KERAS_CACHE.is_file() else None)
    return f"MNIST: {place or 'not found, so the tests that need it are skipped (set PIPELINE_DATA to its folder)'}"


@pytest.fixture(scope="session")
def mnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MNIST's IDX files, from PIPELINE_DATA or Keras' cache; without either the test is skipped."""
    if named := _named_mnist():
        return named
    if not KERAS_CACHE.is_file():
        pytest.skip("MNIST is not here: set PIPELINE_DATA to a folder with its IDX files")
    folder = tmp_path_factory.mktemp("mnist")
    with np.load(KERAS_CACHE, allow_pickle=False) as arrays:
        for name, key in IDX_FILES.items():
            array = arrays[key]
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes(), compresslevel=1))
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_font_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Child processes share matplotlib's font cache, which takes seconds to build."""
    os.environ.setdefault("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's settings or credentials, or writes to the user's home."""
    private = tmp_path / "user"
    private.mkdir()
    monkeypatch.setenv("HOME", str(private))
    for name in [n for n in os.environ if n.startswith(("PIPELINE_", "KAGGLE_", "HF_", "MLFLOW_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home folder."""
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Home], object]], Path]:
    """Homes that several tests start from; each is made once."""
    made: dict[str, Path] = {}

    def template(make: Callable[[Home], object]) -> Path:
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in made:
            root = tmp_path_factory.mktemp("template") / "home"
            make(Home(root))
            made[name] = root
        return made[name]

    return template


@pytest.fixture
def starting_from(home: Home, templates: Callable[[Callable[[Home], object]], Path]) -> Callable[..., Home]:
    """Give the test's home the contents that a function leaves in an empty one, which is called once for all tests."""

    def start(make: Callable[[Home], object]) -> Home:
        shutil.copytree(templates(make), home.root)
        return home

    return start


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


def _named_mnist() -> Path | None:
    """The folder of PIPELINE_DATA, or ``mnist/`` in it, where it has the IDX files."""
    places = (FOLDER, FOLDER / "mnist") if FOLDER else ()
    return next((place for place in places if (place / "train-images-idx3-ubyte.gz").exists()), None)
