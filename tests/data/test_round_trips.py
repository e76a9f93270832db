"""Whatever images are written in any form are read back as they were."""

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_sets import idx_bytes

from pipeline.data import sources

TYPES = ("u1", ">u2", "i2", "i8", "u8", "f2", "f4", ">f8", "g")


@st.composite
def labelled_images(
    draw: st.DrawFn, *, square: bool, channels: tuple[int, ...] = (1,)
) -> tuple[np.ndarray, np.ndarray]:
    """At least three different images of each of two or more classes, uint8 ``[N, H, W, C]``."""
    side = st.integers(2, 6)
    height = draw(side)
    shape = (height, height if square else draw(side), draw(st.sampled_from(channels)))
    labels = np.repeat(np.arange(draw(st.integers(2, 4))), draw(st.integers(3, 5)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = random.integers(
        0, draw(st.sampled_from((1, 2, 255))), (len(labels), *shape), endpoint=True, dtype=np.uint8
    )
    images[:, 0, 0, 0] = np.arange(len(labels))  # no two are equal
    order = random.permutation(len(labels))
    return images[order], labels[order]


def write_csv(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    table = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
    header = ",".join(["label", *(f"pixel{index}" for index in range(table.shape[1] - 1))])
    np.savetxt(folder / "set.csv", table, fmt="%d", delimiter=",", header=header, comments="")
    return folder / "set.csv"


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images[..., 0])))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


def write_pictures(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    for label in np.unique(labels):
        (folder / str(label)).mkdir()
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image).save(
            folder / str(label) / f"{row:03}.png"
        )
    return folder


@pytest.mark.parametrize(
    ("write", "square", "channels"),
    [(write_csv, True, (1,)), (write_idx, False, (1,)), (write_pictures, False, (1, 3))],
    ids=["csv", "idx", "pictures"],
)
def test_a_file_gives_back_what_was_written(
    write: Callable[..., Path], square: bool, channels: tuple[int, ...]
) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(made=labelled_images(square=square, channels=channels))
    def check(made: tuple[np.ndarray, np.ndarray]) -> None:
        images, labels = made
        with tempfile.TemporaryDirectory() as folder:
            data = sources.load(str(write(Path(folder), images, labels)))
        # A folder of pictures is read class by class.
        order = np.argsort(labels, kind="stable") if write is write_pictures else np.arange(len(labels))
        np.testing.assert_array_equal(data.images, images[order])
        np.testing.assert_array_equal(data.labels, labels[order])

    check()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    made=labelled_images(square=False, channels=(1, 3)),
    pixel_type=st.sampled_from(TYPES),
    label_type=st.sampled_from(TYPES),
    packed=st.booleans(),
)
def test_an_archive_of_any_numeric_type_gives_back_what_was_written(
    made: tuple[np.ndarray, np.ndarray], pixel_type: str, label_type: str, packed: bool
) -> None:
    images, labels = made
    with tempfile.TemporaryDirectory() as folder:
        save = np.savez_compressed if packed else np.savez
        save(Path(folder) / "set.npz", x=np.asfortranarray(images.astype(pixel_type)), y=labels.astype(label_type))
        data = sources.load(str(Path(folder) / "set.npz"))
    np.testing.assert_array_equal(data.images, images)
    np.testing.assert_array_equal(data.labels, labels)
