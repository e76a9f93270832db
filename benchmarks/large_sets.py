"""Synthetic datasets of any size: MNIST's training images shifted by up to two pixels, its test images as benchmark.

Only the cache of decoded pixels is made, since nothing reads a shard while that is whole: the Parquet files are empty.
"""

from pathlib import Path

import numpy as np

from pipeline.contracts import Images, LabelledImages
from pipeline.data import shard_cache, shards, snapshots, sources
from pipeline.data.digests import image_digests
from pipeline.data.preparation import Preparation
from pipeline.data.snapshots import Shard, Snapshot
from pipeline.store import atomic
from pipeline.store.home import Home

IN_A_SHARD = 64 * 2**20 // 784
CHUNK = 1000
"""Shifted copies that are made at once, all in one direction."""


def make(home: Home, images: int, seed: int = 0) -> str:
    """Write a dataset with so many training images, and MNIST's 10,000 test images; returns its name."""
    mnist = sources.load("mnist")
    name = f"shifted-{images}"
    folder = home.datasets / name
    random = np.random.default_rng(seed)
    tests = np.asarray(mnist.official_test)
    made = [_shard(folder, 0, *_part(mnist, np.flatnonzero(tests)), shards.TESTING)]
    own = np.flatnonzero(~tests)
    for number, start in enumerate(range(0, images, IN_A_SHARD), start=1):
        rows = random.choice(own, min(IN_A_SHARD, images - start))
        pixels, labels = _part(mnist, rows)
        for first in range(0, len(rows), CHUNK):
            way = tuple(random.integers(-2, 3, size=2))
            pixels[first : first + CHUNK] = np.roll(pixels[first : first + CHUNK], way, axis=(1, 2))
        made.append(_shard(folder, number, pixels, labels, shards.TRAINING))
    snapshot = Snapshot(
        name=name,
        number=1,
        parent=None,
        created_at="2026-01-01T00:00:00Z",
        made_by="a benchmark",
        classes=mnist.classes,
        shape=mnist.shape,
        preparation=Preparation("digit", "light-on-dark", *mnist.shape),
        shards=tuple(made),
        class_counts=dict.fromkeys(mnist.classes, images // len(mnist.classes)),
    )
    atomic.write_json(snapshots.manifest_file(folder, 1), snapshot.sealed().model_dump(mode="json"))
    return name


def _part(mnist: LabelledImages, rows: np.ndarray) -> tuple[Images, np.ndarray]:
    return mnist.images[rows], mnist.labels[rows]


def _shard(folder: Path, number: int, pixels: Images, labels: np.ndarray, selection: str) -> Shard:
    name = f"{number:06d}"
    digest = f"{number:064x}"
    selections = np.full(len(labels), selection)
    shard_cache.keep(folder, digest[::-1], shard_cache.Pixels(pixels, labels, image_digests(pixels), selections))
    atomic.write_bytes(folder / snapshots.SHARDS / f"{name}.parquet", b"")
    return Shard(file=f"{name}.parquet", rows=len(labels), sha256=digest[::-1])
