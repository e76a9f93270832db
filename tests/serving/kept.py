"""Homes whose champion was trained on a dataset that grows, so that what it serves can be reviewed."""

import numpy as np
from served import constant_onnx, install_version, write_version

from pipeline.contracts import Images
from pipeline.data import digests, shards
from pipeline.data.preparation import default_for
from pipeline.data.shards import Entry
from pipeline.growing import snapshot_store
from pipeline.growing.snapshot_store import Change, Terms
from pipeline.store.home import Home

DATASET = "postcodes"
SHAPE = (8, 8, 1)
CHAMPION = "20261121-134502-cnn-12000-7f3a"
CHALLENGER = "20261122-090000-cnn-24000-1a2b"
TOKEN = "c0ffee" * 8
BEARER = {"authorization": f"Bearer {TOKEN}"}


def growing_home(home: Home, model: bytes | None = None, shape: tuple[int, int, int] = SHAPE) -> Home:
    """Give a home a dataset of ten images and a champion for it, which by default always says 7."""
    folder = home.datasets / DATASET
    terms = Terms(tuple("0123456789"), shape, default_for(shape))
    with snapshot_store.writing(folder, wait=False, notify=print):
        entries = [_entry(image, label) for label, image in enumerate(images(10, shape, seed=1))]
        snapshot_store.commit(folder, None, Change("ingest", terms, added=entries))
    install_version(home, model or constant_onnx(shape, 7), CHAMPION, DATASET, shape, f"{DATASET}@1")
    return home


def add_challenger(home: Home, winner: int) -> None:
    """Add a version that always says something else."""
    write_version(home, CHALLENGER, constant_onnx(SHAPE, winner), DATASET, SHAPE, f"{DATASET}@1")


def images(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> Images:
    """Return noise, uint8 ``[N, H, W, C]``."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def as_json(pixels: Images) -> dict[str, object]:
    """Return a request to predict images."""
    return {"images": pixels[..., 0].tolist()}


def _entry(pixels: Images, label: int) -> Entry:
    digest = digests.image_digests(pixels[None]).tobytes().hex()
    return Entry(shards.encode(pixels), label, digest, f"{label}.png", "2026-11-20T09:00:00Z", "first")
