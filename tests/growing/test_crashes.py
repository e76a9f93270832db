"""A crash, a torn write or a full disk at every call to the disk, during ingest, review and erasure."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from small_pictures import NAME, Ingest, write_pictures

from pipeline.data import shards, snapshots, sources
from pipeline.errors import PipelineError
from pipeline.growing import exporting, quarantine, removal, review_batch, screening
from pipeline.growing.quarantine import Waiting
from pipeline.growing.review import ReviewQueue
from pipeline.store.home import Home

sys.path.append(str(Path(__file__).parents[1] / "durability"))
from faulty_disk import Crash, FaultyDisk, Kind

pytestmark = pytest.mark.slow


def held(home: Home) -> list[str]:
    """The digests of the newest snapshot; asserts that what other programs see is the same, and nothing twice."""
    folder = home.datasets / NAME
    snapshot = snapshots.find(home.datasets, NAME)
    found = sorted(entry.digest for entry in exporting.entries_of(folder, snapshot))
    assert len(set(found)) == len(found)
    assert len(sources.load(NAME, datasets=home.datasets)) == len(found)
    return found


def visible(home: Home) -> list[str]:
    """The digests that a program finds that knows nothing of snapshots."""
    folder = home.datasets / NAME / snapshots.SHARDS
    return sorted(
        digest for path in folder.glob("*.parquet") for digest in shards.read(path).column("digest").to_pylist()
    )


@pytest.mark.parametrize("kind", ["crash", "torn", "full", "error"])
def test_a_broken_ingest_leaves_the_last_snapshot_or_makes_the_next(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest, kind: Kind
) -> None:
    take_in(pictures)
    for at in range(1, 200):
        batch = write_pictures(tmp_path / f"more{at}", range(20 + 2 * at, 22 + 2 * at))
        before = held(home)
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, kind, at)
            try:
                take_in(batch)
            except (Crash, PipelineError):
                assert held(home) == before or len(held(home)) == len(before) + 4
            if len(disk.calls) < at:
                break
        take_in(batch)
        after = held(home)
        assert set(before) < set(after)
        assert len(after) == len(before) + 4, "nothing lost, nothing twice"
        assert visible(home) == after
        assert not list((home.datasets / NAME).rglob("*.tmp"))
    assert at > 2


@pytest.mark.parametrize("kind", ["crash", "torn", "full"])
def test_a_broken_erasure_is_completed_by_the_next_writer(
    home: Home, pictures: Path, tmp_path: Path, take_in: Ingest, kind: Kind
) -> None:
    take_in(write_pictures(pictures, range(10, 60)))
    folder = home.datasets / NAME
    for at in range(1, 200):
        entry = next(exporting.entries_of(folder, snapshots.find(home.datasets, NAME)))
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, kind, at)
            with contextlib.suppress(Crash, PipelineError):
                removal.remove(home, NAME, [entry.digest], erase=True, notify=print)
            if len(disk.calls) < at:
                break
        held(home)
        begun = (folder / removal.PENDING).exists()
        take_in(write_pictures(tmp_path / f"more{at}", range(200 + at, 201 + at)))
        assert not (folder / removal.PENDING).exists()
        if begun:
            assert entry.digest not in visible(home)
            assert all(
                entry.digest not in shards.read(path).column("digest").to_pylist() for path in folder.rglob("*.parquet")
            )
        assert quarantine.waiting(folder) == []
    assert at > 10


@pytest.mark.parametrize("kind", ["crash", "torn", "full", "error"])
def test_a_broken_review_loses_no_decision_that_was_made(
    home: Home, pictures: Path, take_in: Ingest, kind: Kind
) -> None:
    take_in(pictures)
    folder = home.datasets / NAME
    for at in range(1, 200):
        entries = [_waiting(1000 + 2 * at), _waiting(1001 + 2 * at)]
        before = set(held(home))
        made: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, kind, at)
            with contextlib.suppress(Crash, PipelineError):
                quarantine.add(folder, f"b{at}", entries, ("bar", "ring"))
                queue = ReviewQueue(home, NAME)
                for entry in entries:
                    queue.decide(entry.digest, "label", "bar", "Ada")
                    made.append(entry.digest)
                review_batch.store(home, NAME, wait=True, notify=print)
            if len(disk.calls) < at:
                break
        left = {entry.digest for entry in quarantine.waiting(folder)}
        assert before <= set(held(home)) | left
        review_batch.store(home, NAME, wait=True, notify=print)
        after = set(held(home))
        assert before | set(made) <= after
        assert after <= before | {entry.digest for entry in entries}
        assert not list(folder.rglob("*.tmp"))
        quarantine.discard(folder, [entry.digest for entry in entries])
    assert at > 5, "the queue, the decisions and the batch are written"


def _waiting(number: int) -> Waiting:
    chance = np.random.default_rng(number)
    pixels = chance.integers(0, 256, (12, 12, 1), dtype=np.uint8)
    return quarantine.of_pixels(pixels, cause=screening.UNLABELLED, source=f"{number}", batch=f"b{number}")
