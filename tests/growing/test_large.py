"""A dataset larger than memory: several shards a batch, nothing read as a whole, the same versions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from short_runs import Silent
from small_pictures import NAME, Ingest, write_pictures

from pipeline import simulator, stored_images
from pipeline.config import Settings
from pipeline.contracts import LabelledImages
from pipeline.data import snapshots, sources, validation
from pipeline.growing import exporting, snapshot_store, stored_labels
from pipeline.reports import exploration
from pipeline.store import versions
from pipeline.store.home import Home
from pipeline.stored_images import StoredImages

LENIENT = {"preset": "as-good", "near_copy_alpha": 0.001}


@pytest.fixture
def shard_of_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven images of 12 x 12 a shard."""
    monkeypatch.setattr(snapshot_store, "SHARD_PIXELS", 7 * 144 + 100)


@pytest.fixture
def beyond_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, memory holds no image that is not asked for."""
    return lambda: monkeypatch.setattr(stored_images, "MOST_IN_MEMORY", 0)


def load(home: Home, spec: str = NAME) -> LabelledImages:
    return sources.load(spec, datasets=home.datasets)


@pytest.mark.usefixtures("shard_of_seven")
def test_a_large_batch_becomes_several_shards(home: Home, pictures: Path, tmp_path: Path, take_in: Ingest) -> None:
    first = take_in(pictures).after
    assert [shard.rows for shard in first.shards] == [7, 7, 6]
    second = take_in(write_pictures(tmp_path / "more", range(10, 14)), pictures).after
    assert [shard.rows for shard in second.shards] == [7, 7, 6, 7, 1]
    assert second.shards[:3] == first.shards
    assert len(load(home)) == 28
    held = stored_labels.of(home.datasets / NAME, second)
    assert len(held) == len(set(held)) == 28
    assert held[load(home).digests[0].tobytes().hex()] == "bar"
    assert held.get("00" * 16) is None


@pytest.mark.usefixtures("shard_of_seven")
def test_a_snapshot_beyond_memory_is_mapped_from_the_first_load_on(
    home: Home, pictures: Path, take_in: Ingest, beyond_memory: Callable[[], None], tmp_path: Path
) -> None:
    take_in(pictures)
    whole = load(home)
    beyond_memory()
    for path in (home.datasets / NAME / ".cache").rglob("*.npy"):
        path.unlink()
    mapped = load(home)
    assert isinstance(mapped.images, StoredImages)
    assert all(isinstance(part, np.memmap) for part in mapped.images.parts)
    assert mapped.sha256 == whole.sha256
    assert validation.report(mapped) == validation.report(whole)
    snapshot = snapshots.find(home.datasets, NAME)
    exporting.export(home.datasets / NAME, snapshot, "npz", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as archive:
        assert np.array_equal(archive["images"], whole.images)


@pytest.mark.slow
def test_a_run_on_a_dataset_beyond_memory_makes_the_same_version(
    home: Home, tmp_path: Path, take_in: Ingest, beyond_memory: Callable[[], None]
) -> None:
    take_in(write_pictures(tmp_path / "first", range(40)))
    take_in(write_pictures(tmp_path / "second", range(40, 60)))
    made = [train(home)]
    (home.versions).rename(tmp_path / "versions")
    (home.root / "production").rename(tmp_path / "production")
    beyond_memory()
    assert isinstance(load(home).images, StoredImages)
    made.append(train(home))
    assert made[0] == made[1]


def train(home: Home) -> list[Any]:
    settings = Settings(dataset=NAME, models=("logistic",), train_sizes=("all",), gate=LENIENT)
    simulator.run(settings, home, Silent())
    (one,) = versions.list_versions(home)
    return [one.manifest.digest, one.scores.accuracy, one.verdict.outcome, one.verdict.checks]


@pytest.mark.slow
def test_an_exploration_beyond_memory_finds_the_same(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest, beyond_memory: Callable[[], None]
) -> None:
    take_in(pictures)
    take_in(write_pictures(tmp_path / "more", range(10, 20)))
    whole = exploration.explore(load(home))
    beyond_memory()
    found = exploration.explore(load(home))
    assert isinstance(found.data.images, StoredImages)
    assert (found.twins, found.suspects) == (whole.twins, whole.suspects)
    assert exploration.files(found, {})["pixel_intensity.png"] == exploration.files(whole, {})["pixel_intensity.png"]
