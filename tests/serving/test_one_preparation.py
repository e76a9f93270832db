"""A file means the same to ``predict`` on the command line and to ``POST /predict``: the same pixels and numbers."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pipeline.data import unlabelled
from pipeline.serving.app import create_app
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
TOGETHER = 25
Kind = Callable[[Image.Image], tuple[str, bytes]]


def saved(picture: Image.Image, kind: str, **options: object) -> tuple[str, bytes]:
    kept = io.BytesIO()
    picture.save(kept, kind, **options)
    return kind.lower(), kept.getvalue()


def digit(label: int, side: int = 280) -> Image.Image:
    """A dark digit on light paper."""
    picture = Image.new("L", (side, side), 255)
    font = ImageFont.load_default(side * 2 // 3)
    ImageDraw.Draw(picture).text((side / 2, side / 2), str(label), fill=0, font=font, anchor="mm")
    return picture


def small(picture: Image.Image) -> Image.Image:
    return picture.resize((28, 28), Image.Resampling.BICUBIC)


def transparent(picture: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", picture.size, "#204080")
    layer.putalpha(ImageOps.invert(picture))
    return layer


def turned(picture: Image.Image) -> tuple[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


def turned_and_small(picture: Image.Image) -> tuple[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 3
    light = ImageOps.invert(small(picture))
    return saved(light.transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif)


def photo(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    light = np.linspace(0.55, 1, size[0]) * np.linspace(0.8, 1, size[1])[:, None]
    noise = np.random.default_rng(3).normal(0, 4, light.shape)
    sheet = np.asarray(picture.resize(size), np.float64) * 0.8 + 25
    return Image.fromarray(np.clip(sheet * light + noise, 0, 255).astype(np.uint8)).convert("RGB")


KINDS: dict[str, Kind] = {
    "light on dark, exact": lambda picture: saved(ImageOps.invert(small(picture)), "PNG"),
    "dark on light, exact": lambda picture: saved(small(picture), "PNG"),
    "exact, in colour": lambda picture: saved(ImageOps.invert(small(picture)).convert("RGB"), "PNG"),
    "exact, JPEG": lambda picture: saved(ImageOps.invert(small(picture)), "JPEG", quality=90),
    "exact, turned": turned_and_small,
    "drawn": lambda picture: saved(picture, "PNG"),
    "drawn, light on dark": lambda picture: saved(ImageOps.invert(picture), "PNG"),
    "palette": lambda picture: saved(picture.convert("RGB").quantize(8), "PNG"),
    "GIF": lambda picture: saved(picture, "GIF"),
    "bilevel": lambda picture: saved(picture.convert("1"), "BMP"),
    "transparent": lambda picture: saved(transparent(picture), "PNG"),
    "transparent WebP": lambda picture: saved(transparent(picture), "WEBP", lossless=True),
    "16 bits": lambda picture: saved(Image.fromarray(np.asarray(picture).astype(np.uint16) * 257), "PNG"),
    "12 bits in 16": lambda picture: saved(Image.fromarray(np.asarray(picture).astype(np.uint16) * 16), "TIFF"),
    "floats": lambda picture: saved(Image.fromarray(np.asarray(picture, np.float32) / 255), "TIFF"),
    "turned by EXIF": turned,
    "photo": lambda picture: saved(photo(picture, (640, 480)), "JPEG"),
    "large photo": lambda picture: saved(photo(picture, (2400, 1800)), "JPEG", quality=80),
    "progressive photo": lambda picture: saved(photo(picture, (900, 1200)), "JPEG", progressive=True),
    "for print": lambda picture: saved(picture.convert("CMYK"), "JPEG"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred files: each digit in each of twenty kinds."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, make in enumerate(KINDS.values()):
        for label in range(10):
            suffix, content = make(digit(label))
            (folder / f"{number:02}-{label}.{suffix}").write_bytes(content)
    return folder


@pytest.mark.slow
def test_two_hundred_files_are_the_same_to_the_command_line_and_to_the_server(digits_home: Home, folder: Path) -> None:
    command = [sys.executable, str(ROOT / "simulator.py"), "predict", str(folder), "--json", "--home"]
    done = subprocess.run([*command, str(digits_home.root)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    paths = sorted(folder.iterdir())
    answered = []
    with TestClient(create_app(digits_home)) as client:
        for start in range(0, len(paths), TOGETHER):
            files = [("files", (path.name, path.read_bytes())) for path in paths[start : start + TOGETHER]]
            reply = client.post("/predict?seen=true", files=files)
            assert reply.status_code == 200, reply.text
            answered += reply.json()["predictions"]

    assert len(answered) == len(printed) == 200
    pixels = unlabelled.load(folder, (28, 28, 1)).images
    for path, prediction, row, image in zip(paths, answered, printed, pixels, strict=True):
        assert np.array_equal(prediction["seen"], image), path
        assert (path.name, prediction["label"]) == (row["image"], row["class"])
        assert prediction["probability"] == pytest.approx(row["probability"], abs=1e-6)
    right = [prediction["label"] == path.stem[-1] for path, prediction in zip(paths, answered, strict=True)]
    assert np.mean(right) >= 0.95, "and they are read"


def test_a_picture_of_the_models_form_passes_unchanged_and_its_negative_is_inverted(folder: Path) -> None:
    for label in range(10):
        light, dark, colour, _, exact_turned = (
            unlabelled.load(folder / f"{number:02}-{label}.{kind}", (28, 28, 1)).images
            for number, kind in enumerate(("png", "png", "png", "jpeg", "png"))
        )
        expected = 255 - np.asarray(small(digit(label)))
        for images in (light, dark, colour, exact_turned):
            np.testing.assert_array_equal(images[0, ..., 0], expected)
