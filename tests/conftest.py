"""What every test shares: a home of its own, real digits, and no way out to the user's own files."""

import os
from pathlib import Path

import pytest

from pipeline.models.runtime import prepare_process
from pipeline.store.home import Home

prepare_process()
LOCAL_MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist"


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
def mnist_folder() -> Path:
    """A folder with MNIST's IDX files; the tests that need it are skipped without."""
    folder = Path(os.environ.get("PIPELINE_DATA", LOCAL_MNIST))
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        pytest.skip("MNIST is not here: set PIPELINE_DATA to a folder with its IDX files")
    return folder
