import io
from pathlib import Path

import datasets
import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_pictures import NAME, Ingest, write_pictures

from pipeline.data import shards, snapshots
from pipeline.growing import removal
from pipeline.store.home import Home


@pytest.fixture
def grown(home: Home, pictures: Path, tmp_path: Path, take_in: Ingest) -> Path:
    """The shards of a dataset that has grown twice, got a class, and lost an image."""
    take_in(pictures)
    take_in(write_pictures(tmp_path / "more", range(10, 14)))
    take_in(write_pictures(tmp_path / "cross", range(5), ("cross",)), new_classes=True)
    removal.remove(home, NAME, ["bar/3.png"], erase=False, notify=print)
    return home.datasets / NAME / snapshots.SHARDS


def test_hugging_face_datasets_decodes_images_and_class_names(grown: Path, tmp_path: Path) -> None:
    found = datasets.load_dataset(str(grown), split="train", cache_dir=str(tmp_path / "cache"))

    assert len(found) == 32
    assert isinstance(found.features["image"], datasets.Image)
    assert found.features["label"].names == ["bar", "ring", "cross"]
    assert isinstance(found[0]["image"], Image.Image)
    assert found[0]["image"].size == (12, 12)
    names = [found.features["label"].int2str(label) for label in found["label"]]
    assert {name: names.count(name) for name in set(names)} == {"bar": 13, "ring": 14, "cross": 5}


def test_hugging_face_datasets_reads_it_by_files(grown: Path, tmp_path: Path) -> None:
    files = sorted(map(str, grown.glob("*.parquet")))
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))

    assert isinstance(found[31]["image"], Image.Image)
    assert found.features["label"].names == ["bar", "ring", "cross"]


def test_pandas_reads_every_column(grown: Path) -> None:
    table = pd.read_parquet(grown)

    assert list(table.columns) == ["image", "label", *shards.FACTS]
    assert len(table) == 32
    assert table["digest"].is_unique
    decoded = np.asarray(Image.open(io.BytesIO(table["image"][0]["bytes"])))
    assert decoded.shape == (12, 12)


def test_duckdb_counts_labels(grown: Path) -> None:
    rows = duckdb.sql(f"SELECT label, count(*) FROM '{grown}/*.parquet' GROUP BY label ORDER BY label").fetchall()

    assert rows == [(0, 13), (1, 14), (2, 5)]


def test_pages_carry_checksums_and_all_shards_have_the_same_columns(grown: Path) -> None:
    for file in grown.glob("*.parquet"):
        assert pq.read_schema(file).equals(shards.schema(("bar", "ring", "cross")), check_metadata=True)
        pq.read_table(file, page_checksum_verification=True)
