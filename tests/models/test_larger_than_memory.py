"""Images that stay on disk train the same models, and are never read further than a block at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from model_training import Digits, accuracy, fit
from quick_cases import quick

from pipeline.contracts import Images
from pipeline.errors import ModelError
from pipeline.models import cnn_training, memory, sklearn_family, tree_matrices
from pipeline.stored_images import StoredImages

BRIEF: Mapping[str, Mapping[str, object]] = {
    "cnn": {"effort": "quick", "epochs": 2},
    "mlp": {"epochs": 2},
    "xgboost": {"rounds": 3, "shifts": 1, "learning_rate": 0.5},
    "logistic": {"max_iter": 5},
}
"""Parameters of a fit that takes a second at most."""


@dataclass(frozen=True, eq=False)
class Watched(StoredImages):
    """Images that note how many are read at once."""

    read: list[int] = field(default_factory=list)

    def _read(self, rows: np.ndarray) -> Images:
        self.read.append(rows.size)
        return super()._read(rows)


def on_disk(images: Images, folder: Path) -> Watched:
    """The images in two files, mapped into memory."""
    folder.mkdir()
    for name, part in zip(("first", "second"), np.array_split(images, 2), strict=True):
        np.save(folder / f"{name}.npy", part)
    return Watched(tuple(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("first", "second")))


@pytest.fixture(scope="module")
def stored(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Digits:
    """The same digits, all of them on disk."""
    folder = tmp_path_factory.mktemp("stored")
    parts = {name: on_disk(getattr(digits, name), folder / name) for name in ("train", "validation", "test")}
    return replace(digits, **parts)


@pytest.fixture
def read(stored: Digits) -> list[int]:
    """How many training images were read at once, each time."""
    stored.train.read.clear()
    return stored.train.read


@pytest.mark.parametrize("name", quick([*BRIEF, "cnn_batchnorm"], "cnn", "xgboost", "logistic"))
def test_the_model_is_the_same_to_the_last_bit(
    name: str, stored: Digits, read: list[int], digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a network is trained with one batch at a time in memory."""
    rows = np.random.default_rng(0).permutation(1000)[:300]
    copied = replace(digits, train=digits.train[rows], train_labels=digits.train_labels[rows])
    selected = replace(stored, train=replace(stored.train, rows=rows), train_labels=copied.train_labels)
    monkeypatch.setattr(cnn_training, "HANDED_OVER", 1)
    first, again = (fit(name, part, BRIEF.get(name, {"epochs": 2})) for part in (copied, selected))
    assert np.array_equal(again.model.predict(stored.test), first.model.predict(digits.test))
    assert again.history == first.history
    assert 0 < max(read) <= (128 if name in {"cnn", "mlp"} else 300)


def test_trees_read_no_more_than_a_block_at_once(
    stored: Digits, read: list[int], digits: Digits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tree_matrices, "BLOCK", 128)
    model = fit("xgboost", stored, BRIEF["xgboost"], checkpoints=tmp_path / "checkpoints").model
    assert 0 < max(read) <= 128
    assert accuracy(model.predict(digits.test), digits.test_labels) > 0.7
    assert list(tmp_path.glob("xgboost-*")) == [], "the blocks are gone"


def test_moved_copies_and_weights_follow_the_images(stored: Digits, digits: Digits) -> None:
    """Copies, the last incomplete block and the weights of images read from disk are those of an array."""
    rows = tree_matrices._Rows(stored.train, digits.train_labels, np.arange(1000.0), copies=2300)
    whole, labels = tree_matrices.shifted_copies(digits.train, digits.train_labels, 2300)
    read = [rows.block(start) for start in range(0, len(rows), tree_matrices.BLOCK)]
    assert np.array_equal(np.concatenate([images for images, _, _ in read]), whole)
    assert np.array_equal(np.concatenate([own for _, own, _ in read]), labels)
    assert np.array_equal(np.concatenate([own for *_, own in read]), np.arange(3300) % 1000)


def test_scikit_learn_refuses_more_than_there_is_memory_for(
    stored: Digits, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sklearn_family, "available_memory", lambda: 2**20)
    with pytest.raises(ModelError, match=r"1,000 of them need about 0.0 GiB .* Train on at most 111, or use cnn"):
        fit("logistic", stored, {})
    assert read == []


def test_the_available_memory_is_that_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "groups" / "user" / "job"
    own.mkdir(parents=True)
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\n")
    (tmp_path / "cgroup").write_text("0::/user/job\n")
    for name, path in (("MEMINFO", "meminfo"), ("OWN_GROUP", "cgroup"), ("GROUPS", "groups")):
        monkeypatch.setattr(memory, name, tmp_path / path)
    assert memory.available_memory() == 3000 * 1024
    for group, limit, used, cached in ((own, "max", 900, 100), (own.parent, "1000000", 900_000, 150_000)):
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text(f"{used}\n")
        (group / "memory.stat").write_text(f"anon 1\nfile {cached}\n")
    assert memory.available_memory() == 250_000
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "none")
    assert memory.available_memory() is None
