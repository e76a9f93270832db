"""Small pictures of two kinds, and what an ingest of them needs."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.data import sources
from pipeline.growing.arrivals import Desk
from pipeline.growing.batch import Batch
from pipeline.growing.ingest import Order, ingest
from pipeline.store.home import Home

NAME = "shapes"
Ingest = Callable[..., Batch]


def picture(kind: str, number: int, *, size: int = 40, inverted: bool = False) -> Image.Image:
    """A ring or a bar; each number is another one."""
    chance = np.random.default_rng([number, zlib.crc32(kind.encode())])
    paper, ink = (20, 230) if inverted else (230, 20)
    image = Image.new("L", (size, size), paper)
    left, top = chance.integers(4, 10, 2).tolist()
    right, bottom = (size - chance.integers(4, 10, 2)).tolist()
    draw = ImageDraw.Draw(image)
    if kind == "ring":
        draw.ellipse((left, top, right, bottom), outline=ink, width=4)
    else:
        draw.line((left, top, right, bottom), fill=ink, width=5)
    image.putpixel((size // 2, 1), paper + 1 + number % 20)
    return image


def write_pictures(folder: Path, numbers: range, kinds: tuple[str, ...] = ("bar", "ring")) -> Path:
    """A folder a kind with a PNG a number."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            picture(kind, number).save(folder / kind / f"{number}.png")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten bars and ten rings."""
    return write_pictures(tmp_path / "arrived", range(10))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(
        scratch=tmp_path,
        read_named=lambda spec: sources.read(spec, data_dir=None, kaggle_dir=None, download=False),
        download=lambda repo_id, folder: None,
        notify=lambda sentence: None,
    )


@pytest.fixture
def take_in(home: Home, desk: Desk) -> Ingest:
    """Ingest into ``shapes``, 12 x 12 grey, unless asked otherwise."""

    def ingested(*specs: Path | str, **options: Any) -> Batch:
        first = not (home.datasets / str(options.get("dataset", NAME)) / "snapshots").exists()
        declared = {"kind": "fit", "size": "12,12,1"} if first else {}
        order = Order(tuple(map(str, specs)), **({"dataset": NAME} | declared | options))
        return ingest(home, order, desk, lambda done, total: None)

    return ingested
