"""Pictures as people have them: whatever is wrong with one is that file's fault, in one sentence that names it."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data import image_folder, picture_file
from pipeline.errors import DataError


def saved(kind: str, mode: str = "RGB", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    kept = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(kept, kind, **options)
    return kept.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(bits: int, colour: int, pixels: bytes, *more: bytes, size: tuple[int, int] = (1, 1)) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0" + pixels))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + data + chunk(b"IEND", b"")


def bad_exif() -> bytes:
    return png(8, 0, b"\x07", chunk(b"eXIf", b"MM\0*\0\0\0"))


def animated() -> bytes:
    kept = io.BytesIO()
    frames = [Image.new("L", (9, 9), level) for level in (10, 200)]
    frames[0].save(kept, "GIF", save_all=True, append_images=frames[1:])
    return kept.getvalue()


def bomb(side: int) -> bytes:
    return png(1, 0, b"\0" * (side // 8), size=(side, side))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not a picture"),
    "text": (lambda: b"I am text", "not a picture"),
    "another format": (lambda: saved("PDF"), "not a picture"),
    "broken EXIF": (bad_exif, "damaged"),
    "PNG without its end": (lambda: saved("PNG")[:-6], "cut off"),
    "PNG without its last hundredth": (lambda: saved("PNG")[:-40], "cut off"),
    "half a PNG": (lambda: saved("PNG")[:900], "cut off"),
    "JPEG without its end": (lambda: saved("JPEG")[:-2], "cut off"),
    "half a JPEG": (lambda: saved("JPEG")[:900], "cut off"),
    "half a JPEG with a whole preview": (lambda: saved("JPEG", exif=_preview())[:-300], "cut off"),
    "half a GIF": (lambda: saved("GIF")[:-30], "cut off"),
    "half a WebP": (lambda: saved("WEBP")[:300], "damaged|not a picture"),
    "half a TIFF": (lambda: saved("TIFF")[:900], "damaged"),
    "flipped data": (lambda: saved("PNG").replace(b"IDAT", b"IDAT\xff", 1), "damaged"),
    "several frames": (animated, "several frames"),
    "16 bits per channel": (lambda: png(16, 2, b"\x12\x34" * 3), "more than 8 bits per channel"),
    "16 bits per channel and alpha": (lambda: png(16, 6, b"\x12\x34" * 4), "more than 8 bits per channel"),
    "more pixels than are decoded": (lambda: bomb(8_000), "million pixels"),
    "a bomb": (lambda: bomb(30_000), "million pixels"),
}


def _preview() -> bytes:
    """An EXIF block that holds a whole small JPEG, end marker included."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + saved("JPEG", size=(8, 8))


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_picture_is_refused_by_its_name(tmp_path: Path, make: Callable[[], bytes], words: str) -> None:
    path = tmp_path / "some picture.png"
    path.write_bytes(make())
    with pytest.raises(DataError, match=words) as refused:
        picture_file.read_picture(path)
    assert str(refused.value).startswith(str(path))


WHOLE: dict[str, Callable[[], bytes]] = {
    "data behind a PNG": lambda: saved("PNG") + b"more",
    "data behind a JPEG": lambda: saved("JPEG") + b"\xff\xda a film",
    "a preview in a JPEG": lambda: saved("JPEG", exif=_preview()),
    "progressive JPEG": lambda: saved("JPEG", progressive=True),
    "grey JPEG": lambda: saved("JPEG", "L"),
    "JPEG for print": lambda: saved("JPEG", "CMYK"),
    "JPEG with restarts": lambda: saved("JPEG", restart_marker_blocks=1),
    "two pictures of a phone": lambda: saved("MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    "WebP": lambda: saved("WEBP"),
    "TIFF": lambda: saved("TIFF", compression="tiff_lzw"),
    "PPM": lambda: saved("PPM"),
}


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE.keys())
@pytest.mark.parametrize("side", [None, 16])
def test_a_whole_picture_is_decoded(make: Callable[[], bytes], side: int | None) -> None:
    image = picture_file.decode_picture(make(), "picture", side)
    assert image.size in {(40, 30), (20, 15)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_counts_in_training_folders_too(tmp_path: Path, orientation: int) -> None:
    upright = np.arange(9, dtype=np.uint8).reshape(3, 3) * 20
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright), 7: np.rot90(upright.T, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "set" / name / "1.png", exif=exif)
    images = image_folder.read(tmp_path / "set").part.images
    np.testing.assert_array_equal(images[0, ..., 0], upright)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"]), st.data())
def test_damage_of_any_kind_is_a_sentence_or_a_picture(kind: str, data: st.DataObject) -> None:
    content = bytearray(saved(kind, exif=_preview()) if kind in {"PNG", "JPEG", "WEBP"} else saved(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    for damaged in (bytes(content), cut):
        try:
            picture_file.decode_picture(damaged, "picture", data.draw(st.sampled_from([None, 16])))
        except DataError as error:
            assert str(error).startswith("picture ")
