"""Small pictures of two kinds, in a folder for each."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipeline.growing.batch import Batch

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
