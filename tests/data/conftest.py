"""Small real files in every form that the pipeline reads."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from small_sets import csv_lines, idx_bytes, small_images, small_labels

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    """Write ``digit-recognizer/train.csv``; ``edit`` may damage its lines first."""

    def write(edit: Callable[[list[str]], object] = lambda lines: None, *, labelled: bool = True) -> Path:
        lines = csv_lines(small_images(), small_labels() if labelled else None)
        edit(lines)
        path = tmp_path / "Digit Recognizer" / ("train.csv" if labelled else "test.csv")
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """A folder named as MNIST's files are, one of them gzipped, but small."""
    folder = tmp_path / "tiny-idx"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(small_images())))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(small_labels()))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(small_images(6, seed=1)))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(small_labels(6)))
    return folder


@pytest.fixture
def no_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without MNIST: no data folder, an empty Keras cache, and a download server that is not there."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("pipeline.data.mnist.URL", "http://127.0.0.1:9/mnist.npz")
    return tmp_path / "keras" / "datasets" / "mnist.npz"
