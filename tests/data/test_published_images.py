"""Images that travel through a folder or URL: each part is written once, fetched once, and checked."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import counted_files
import numpy as np
import pytest
from counted_files import transfers

from pipeline.contracts import LabelledImages
from pipeline.data import published_images
from pipeline.data.digests import image_digests, labelled_digest
from pipeline.data.published_images import fetch, publish
from pipeline.errors import ServiceError
from pipeline.stored_images import StoredImages

CLASSES = ("a", "b")
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), dtype=np.uint8)


def dataset(*shards: int) -> LabelledImages:
    """The first images in shards of these sizes."""
    ends = np.cumsum([0, *shards])
    images = StoredImages(tuple(PIXELS[start:end] for start, end in pairwise(ends)))
    own, labels = image_digests(images), np.arange(ends[-1]) % 2
    return LabelledImages("set", "a set", images, labels, CLASSES, own, labelled_digest(own, labels, CLASSES))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder, ``counted://``; parts of at most 12 images."""
    monkeypatch.setattr(published_images, "PART", 12 * 16 + 5)
    counted_files.register()
    return tmp_path / "shared"


def test_what_is_fetched_is_what_was_published(place: Path, tmp_path: Path) -> None:
    data = replace(dataset(20, 5), selection=np.full(25, "arrival"), origin="set@1")
    found = fetch(publish(data, str(place)), tmp_path / "cache")
    assert np.array_equal(found.images[:], PIXELS[:25])
    assert (found.digests == data.digests).all()
    assert (found.labels == data.labels).all()
    assert (found.name, found.classes, found.sha256, found.origin) == ("set", CLASSES, data.sha256, "set@1")
    assert found.shape == data.shape
    assert len(pickle.dumps(publish(data, str(place)))) < 3_000


def test_each_part_is_transferred_once(place: Path, tmp_path: Path) -> None:
    url = f"counted://{place}"
    published = publish(dataset(20, 5), url)
    assert transfers(place, "written") == [*published.parts, published.facts]
    assert len(published.parts) == 3
    publish(dataset(20, 5), url)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: fetch(published, tmp_path / "cache"), range(4)))
    assert len(transfers(place, "written")) == 4
    assert sorted(transfers(place, "fetched")) == sorted(transfers(place, "written"))


def test_the_next_snapshot_adds_its_new_shards_alone(place: Path) -> None:
    url = f"counted://{place}"
    before, after = publish(dataset(20, 5), url), publish(dataset(20, 5, 5), url)
    assert after.parts[:3] == before.parts
    assert transfers(place, "written")[4:] == [after.parts[3], after.facts]


@pytest.mark.parametrize("which", ["parts", "facts"])
def test_what_was_changed_there_is_refused_and_not_kept(place: Path, tmp_path: Path, which: str) -> None:
    published = publish(dataset(20), str(place))
    others = publish(replace(dataset(20), images=255 - PIXELS[:20]), str(place / "others"))
    name = published.facts if which == "facts" else published.parts[1]
    if which == "facts":
        np.savez(place / name, labels=np.zeros(20, int), digests=np.zeros((20, 16), np.uint8))
    else:
        (place / name).write_bytes((place / "others" / others.parts[0]).read_bytes())
    with pytest.raises(ServiceError, match=f"{name} is not what was published there: delete it"):
        fetch(published, tmp_path / "cache")
    assert not (tmp_path / "cache" / name).exists()


@pytest.mark.parametrize("url", ["nothing://there", "/dev/null/folder"])
def test_a_place_that_cannot_be_used_is_one_sentence(url: str, place: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=f"Images cannot be written to {url}: .+ --cluster-images"):
        publish(dataset(5), url)
    published = replace(publish(dataset(5), str(place)), url=url)
    with pytest.raises(ServiceError, match=f"Images cannot be read from {url}: .+ --cluster-images"):
        fetch(published, tmp_path / "cache")


def test_half_a_file_is_never_seen(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted_files.register()

    def full(files: object, path: str, content: bytes, **_: object) -> None:
        Path(path.removeprefix("counted://")).write_bytes(content[:100])
        raise OSError("No space left on device")

    monkeypatch.setattr(counted_files.CountedFiles, "pipe_file", full)
    with pytest.raises(ServiceError, match="No space left on device"):
        publish(dataset(20), f"counted://{place}")
    assert list(place.iterdir()) == []
