"""The published files themselves."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import sources, splits, unlabelled, validation
from pipeline.errors import DataError


def test_mnist_is_read_checked_and_split(mnist_folder: Path, no_mnist: Path) -> None:
    data = sources.load("mnist", data_dir=mnist_folder, download=False)
    assert (data.name, data.images.shape, data.classes) == ("mnist", (70_000, 28, 28, 1), tuple("0123456789"))
    report = validation.report(data)
    assert (report.official_test, report.duplicates, report.shared) == (10_000, 0, 0)
    assert report.class_counts["1"] == 7877

    roles = splits.assign_roles(data)
    assert splits.sizes(data, roles) == splits.Sizes(total=60_000, train=60_000, benchmark=10_000)
    split = splits.plan(data, roles, 60_000, 10_000, seed=0)
    assert (len(split.train), len(split.validation)) == (54_000, 6_000)
    assert sorted(split.benchmark) == list(range(60_000, 70_000))
    small = splits.plan(data, roles, 11, 10, seed=0)
    assert sorted(data.labels[small.train].tolist()) == list(range(10))


def test_a_repacked_archive_in_keras_cache_is_mnist(mnist_folder: Path, no_mnist: Path) -> None:
    data = sources.load("mnist", data_dir=mnist_folder, download=False)
    images, labels = data.images[..., 0], data.labels.astype(np.uint8)
    no_mnist.parent.mkdir(parents=True)
    np.savez(no_mnist, x_train=images[:60000], y_train=labels[:60000], x_test=images[60000:], y_test=labels[60000:])
    told: list[str] = []
    assert sources.load("auto", download=False, notify=told.append).sha256 == data.sha256
    assert told == []

    no_mnist.write_bytes(no_mnist.read_bytes()[:-1000])
    assert sources.load("auto", download=False, notify=told.append).name == "digits"
    assert "Keras' copy of MNIST is not used" in told[0]
    assert "does NOT use MNIST" in told[1]


def test_mnist_is_found_by_the_environment(mnist_folder: Path, no_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_DATA", str(mnist_folder))
    assert sources.load("auto", download=False).name == "mnist"


def test_a_single_changed_pixel_is_not_mnist(mnist_folder: Path, tmp_path: Path) -> None:
    for path in mnist_folder.glob("*-ubyte*"):
        (tmp_path / path.name).symlink_to(path)
    changed = next(tmp_path.glob("t10k-images*"))
    content = bytearray(gzip.decompress(changed.read_bytes()) if changed.suffix == ".gz" else changed.read_bytes())
    content[5000] ^= 1
    changed.unlink()
    changed.write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-images.* does not hold MNIST's test images"):
        sources.load("mnist", data_dir=tmp_path, download=False)
    assert len(unlabelled.load(changed, (28, 28, 1)).ids) == 10_000


def test_kaggles_form_holds_the_same_images(mnist_folder: Path, tmp_path: Path) -> None:
    data = sources.load("mnist", data_dir=mnist_folder, download=False)
    rows = np.arange(0, 42_000, 20)
    table = np.hstack([data.labels[rows, None], data.images[rows].reshape(len(rows), -1)])
    header = "label," + ",".join(f"pixel{index}" for index in range(784))
    np.savetxt(tmp_path / "train.csv", table, fmt="%d", delimiter=",", header=header, comments="")
    csv = sources.load(str(tmp_path / "train.csv"), name="kaggle")
    np.testing.assert_array_equal(csv.digests, data.digests[rows])
    np.testing.assert_array_equal(csv.labels, data.labels[rows])
