"""Images that stay on disk: indexed like an array, read no further than asked, never as a whole."""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline import stored_images
from pipeline.data import digests, npz
from pipeline.stored_images import StoredImages, blocks, joined, take, view

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (40, 5, 4, 1), dtype=np.uint8)
INDICES = {
    "slice": slice(7, 31, 3),
    "backwards": slice(None, None, -1),
    "rows in any order, some twice": np.array([39, 3, 3, 12, 0]),
    "rows of batches": np.array([[1, 30], [13, 12]]),
    "mask": np.arange(40) % 7 == 0,
    "negative": np.array([-1, -40]),
    "none": np.array([], int),
    "list": [5, 6],
}


@pytest.fixture
def stored(tmp_path: Path) -> StoredImages:
    """The pixels in three files, mapped into memory."""
    ends = (0, 12, 13, 40)
    for number, (start, end) in enumerate(pairwise(ends)):
        np.save(tmp_path / f"{number}.npy", PIXELS[start:end])
    return StoredImages(tuple(np.load(tmp_path / f"{number}.npy", mmap_mode="r") for number in range(3)))


@pytest.mark.parametrize("name", INDICES)
def test_they_are_indexed_like_an_array(stored: StoredImages, name: str) -> None:
    order = RANDOM.permutation(40)
    assert np.array_equal(stored[INDICES[name]], PIXELS[INDICES[name]])
    assert np.array_equal(view(stored, order)[INDICES[name]], PIXELS[order][INDICES[name]])


def test_one_image_and_the_form_of_all(stored: StoredImages) -> None:
    assert np.array_equal(stored[np.int64(13)], PIXELS[13])
    assert (stored.shape, stored.ndim, stored.dtype, stored.nbytes) == (PIXELS.shape, 4, PIXELS.dtype, PIXELS.nbytes)
    assert len(list(blocks(stored, 16))) == 3


@pytest.mark.parametrize("which", [40, -41, np.array([3, 40]), np.ones(39, bool)], ids=str)
def test_there_are_no_other_rows(stored: StoredImages, which: object) -> None:
    with pytest.raises(IndexError):
        stored[which]


def test_they_are_never_read_as_a_whole_by_accident(stored: StoredImages) -> None:
    for mistake in (np.asarray, lambda images: np.concatenate([images, images]), lambda images: images * np.ones(40)):
        with pytest.raises(TypeError, match="stay on disk"):
            mistake(stored)


@pytest.mark.parametrize(
    ("most", "kind"), [(2 * PIXELS.nbytes, np.ndarray), (10, StoredImages)], ids=["small", "large"]
)
def test_a_large_selection_is_a_view(
    stored: StoredImages, monkeypatch: pytest.MonkeyPatch, most: int, kind: type
) -> None:
    monkeypatch.setattr(stored_images, "MOST_IN_MEMORY", most)
    rows, mask = np.array([30, 2, 15]), PIXELS[:, 0, 0, 0] > 100
    for images in (stored, PIXELS):
        taken = take(take(images, mask), np.array([3, 1]))
        assert isinstance(taken, kind)
        assert np.array_equal(taken[:], PIXELS[mask][[3, 1]])
        both = joined([take(images, rows), images, PIXELS[:0]])
        assert isinstance(both, kind)
        assert np.array_equal(both[:], np.concatenate([PIXELS[rows], PIXELS]))


def test_digests_and_archives_are_those_of_the_array(stored: StoredImages) -> None:
    assert digests.image_digests(stored).tobytes() == digests.image_digests(PIXELS).tobytes()
    with np.load(io.BytesIO(b"".join(npz.archive({"images": stored, "labels": np.arange(40)})))) as archive:
        assert np.array_equal(archive["images"], PIXELS)
        assert np.array_equal(archive["labels"], np.arange(40))
