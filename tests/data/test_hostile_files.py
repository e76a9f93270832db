"""Small files that unpack into gigabytes, and names that a terminal or a report could take for something else."""

import os
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy
from PIL import Image
from small_sets import idx_bytes, small_images, small_labels

from pipeline.data import idx, reading, sources
from pipeline.errors import DataError

MIB = 2**20
ODD_NAMES = ("=cmd|' calc'!A0", "[red]3", "<b>7", "$\\frac$", "日本", "a, b", "'", "🙂", "%s {0}")


def gzip_bomb(path: Path, header: bytes, mebibytes: int) -> Path:
    """As many MiB of zeros after the header, in as many kB: gzip allows members one after the other."""
    header_member, zeros = (zlib.compressobj(9, wbits=31) for _ in range(2))
    member = zeros.compress(bytes(16 * MIB)) + zeros.flush()
    start = header_member.compress(header) + header_member.flush()
    path.write_bytes(start + member * (mebibytes // 16))
    return path


def archive_bomb(path: Path, gibibytes: float) -> Path:
    """Floating-point zeros, a thousand times as large in memory as in the file."""
    count = int(gibibytes * 2**30 / 8 / 784)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        with packed.open("images.npy", "w", force_zip64=True) as stream:
            npy.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (count, 28, 28)})
            for start in range(0, count * 784 * 8, MIB):
                stream.write(bytes(min(MIB, count * 784 * 8 - start)))
        with packed.open("labels.npy", "w") as stream:
            npy.write_array(stream, np.zeros(count, np.uint8))
    return path


def peak_mebibytes(work: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("lengths", "sentence"),
    [
        ((4 * MIB, 32, 32), "declares 4,194,304 x 32 x 32 1-byte numbers, more than the 2 GiB that are read"),
        ((10, 28, 28), "declares 10 items, 7,840 bytes, but holds more bytes"),
    ],
)
def test_a_gzip_that_unpacks_to_4_gib_takes_no_memory(tmp_path: Path, lengths: tuple[int, ...], sentence: str) -> None:
    header = b"\0\0\x08\3" + b"".join(length.to_bytes(4, "big") for length in lengths)
    path = gzip_bomb(tmp_path / "train-images-idx3-ubyte.gz", header, 4096)
    assert path.stat().st_size < 5 * MIB

    def read() -> None:
        with pytest.raises(DataError, match=sentence):
            idx.read(path, 3)

    assert peak_mebibytes(read) < 20


def test_an_archive_that_unpacks_beyond_the_limit_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_BYTES", 2**27)
    path = archive_bomb(tmp_path / "set.npz", 0.25)
    assert path.stat().st_size < MIB

    def read() -> None:
        with pytest.raises(DataError, match=r"set\.npz\[images\] declares 42,799 x 28 x 28 8-byte numbers, more than"):
            sources.load(str(path))

    assert peak_mebibytes(read) < 20


def test_pixels_as_floats_take_little_memory_of_their_own(tmp_path: Path) -> None:
    path = archive_bomb(tmp_path / "set.npz", 0.125)

    def read() -> None:
        with pytest.raises(DataError, match="holds only one class"):
            sources.load(str(path))

    assert peak_mebibytes(read) < 128 * 1.6


def test_black_and_white_floats_are_scaled_and_it_is_said(tmp_path: Path) -> None:
    images = (small_images() > 127).astype(np.float32)
    told: list[str] = []
    np.savez(tmp_path / "floats.npz", images=images, labels=small_labels())
    np.savez(tmp_path / "numbers.npz", images=images.astype(np.int16), labels=small_labels())
    floats = sources.load(str(tmp_path / "floats.npz"), notify=told.append)
    assert np.unique(floats.images).tolist() == [0, 255]
    assert ["taken as black (0) and white (255)" in sentence for sentence in told] == [True]
    numbers = sources.load(str(tmp_path / "numbers.npz"), notify=told.append)
    assert np.unique(numbers.images).tolist() == [0, 1]
    assert len(told) == 1


def test_exif_orientation_turns_pictures_of_a_training_folder(tmp_path: Path) -> None:
    """A picture that a camera stored on its side is upright for a person, and so it is for the model."""
    upright = small_images(6)[:, :4]
    for row, image in enumerate(upright):
        (tmp_path / "set" / str(row % 2)).mkdir(parents=True, exist_ok=True)
        picture, exif = Image.fromarray(np.rot90(image)), Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees clockwise
        picture.save(tmp_path / "set" / str(row % 2) / f"{row}.png", exif=exif)
    data = sources.load(str(tmp_path / "set"))
    np.testing.assert_array_equal(data.images[..., 0], upright[[0, 2, 4, 1, 3, 5]])


def pictures(folder: Path, names: tuple[str, ...]) -> Path:
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(small_images(3, seed=label)):
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return folder


def test_any_printable_name_is_a_class(tmp_path: Path) -> None:
    data = sources.load(str(pictures(tmp_path / "odd", ODD_NAMES)))
    assert data.classes == tuple(sorted(ODD_NAMES))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (os.fsdecode(b"caf\xe9"), r"class folder '.*/caf\\udce9' has a name that is not valid UTF-8: rename it\."),
        ("a\nb", r"class folder '.*/a\\nb' has control characters in its name: rename it\."),
        ("\x1b[2J", r"class folder '.*/\\x1b\[2J' has control characters in its name"),
        ("line\u2028end", r"class folder '.*/line\\u2028end' has control characters in its name"),
    ],
)
def test_a_class_of_unprintable_name_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as refusal:
        sources.load(str(pictures(tmp_path / "odd", ("one", name))))
    assert str(refusal.value).isprintable()


def test_a_picture_of_unprintable_name_is_refused(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "odd", ("one", "two"))
    (folder / "two" / "0.png").rename(folder / "two" / os.fsdecode(b"\xff.png"))
    with pytest.raises(DataError, match=r"The picture '.*two/\\udcff\.png' has a name that is not valid UTF-8"):
        sources.load(str(folder))


def test_a_file_without_permission_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx_bytes(small_images()))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"ubyte cannot be read: Permission denied\.$"):
        idx.read(path, 3)
