import json
from pathlib import Path

import numpy as np
import pytest
from small_pictures import NAME, Ingest, write_pictures

from pipeline.data import shard_cache, snapshots, sources
from pipeline.data.digests import image_digests
from pipeline.errors import DataError
from pipeline.store.home import Home


@pytest.fixture
def folder(home: Home, pictures: Path, tmp_path: Path, take_in: Ingest) -> Path:
    take_in(pictures)
    take_in(write_pictures(tmp_path / "more", range(10, 14)))
    return home.datasets / NAME


def load(home: Home, spec: str = NAME) -> object:
    return sources.load(spec, datasets=home.datasets)


def test_a_dataset_is_loaded_by_its_name_and_an_older_one_by_its_number(home: Home, folder: Path) -> None:
    now, before = sources.load(NAME, datasets=home.datasets), sources.load(f"{NAME}@1", datasets=home.datasets)

    assert (len(before), len(now)) == (20, 28)
    assert (before.name, before.origin, now.origin) == (NAME, f"{NAME}@1", f"{NAME}@2")
    assert now.classes == ("bar", "ring")
    assert now.shape == (12, 12, 1)
    assert (now.digests == image_digests(now.images)).all()
    assert (now.images[:20] == before.images).all()


def test_another_name_begins_another_lineage(home: Home, folder: Path) -> None:
    assert sources.load(NAME, name="My Shapes", datasets=home.datasets).name == "my-shapes"


@pytest.mark.parametrize("spec", ["shapes@9", "nothing", "shapes@"])
def test_what_is_not_there_is_one_sentence(home: Home, folder: Path, spec: str) -> None:
    with pytest.raises(DataError, match=r"has no snapshot 9: it has 1 to 2|does not exist: name a file"):
        load(home, spec)


def test_the_cache_is_mapped_into_memory_and_gives_the_same(home: Home, folder: Path) -> None:
    first, again = sources.load(f"{NAME}@1", datasets=home.datasets), sources.load(f"{NAME}@1", datasets=home.datasets)

    assert isinstance(again.images, np.memmap)
    assert (again.images == first.images).all()
    assert again.sha256 == first.sha256
    assert (again.selection == first.selection).all()


@pytest.mark.parametrize("file", ["images.npy", "facts.npz"])
def test_a_damaged_cache_is_made_again(home: Home, folder: Path, file: str) -> None:
    first = sources.load(NAME, datasets=home.datasets)
    for path in (folder / shard_cache.FOLDER).rglob(file):
        content = bytearray(path.read_bytes())
        content[-40 if file == "images.npy" else 200] ^= 255
        path.write_bytes(content)

    assert (sources.load(NAME, datasets=home.datasets).images == first.images).all()


def test_a_flipped_bit_in_a_shard_is_noticed(home: Home, folder: Path) -> None:
    shard = folder / snapshots.SHARDS / "000001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)

    with pytest.raises(DataError, match=r"000001\.parquet"):
        load(home)


def test_a_missing_shard_is_named(home: Home, folder: Path) -> None:
    (folder / snapshots.SHARDS / "000001.parquet").unlink()

    with pytest.raises(DataError, match=r"000001\.parquet is missing"):
        load(home)


def test_another_shard_in_its_place_is_noticed(home: Home, folder: Path) -> None:
    shards = folder / snapshots.SHARDS
    (shards / "000001.parquet").write_bytes((shards / "000002.parquet").read_bytes())

    with pytest.raises(DataError, match="was changed since its snapshot was made"):
        load(home)


def test_a_manifest_that_was_edited_is_refused(home: Home, folder: Path) -> None:
    path = snapshots.manifest_file(folder, 2)
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "class_counts": {"bar": 1, "ring": 27}}))

    with pytest.raises(DataError, match=r"000002\.json cannot be read: .*was changed"):
        load(home)


def test_a_class_with_too_few_images_is_named(home: Home, tmp_path: Path, take_in: Ingest) -> None:
    take_in(write_pictures(write_pictures(tmp_path / "few", range(8), ("bar",)), range(2), ("ring",)))

    with pytest.raises(DataError, match="class ring has 2 images where 3 are needed"):
        load(home)
