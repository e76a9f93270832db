"""Moved copies of images: they stay the images they are, and each is moved on its own."""

import numpy as np
import pytest

from pipeline.models.augmentation import SHIFT, distorted
from pipeline.models.runtime import import_tensorflow
from pipeline.models.shifting import DIRECTIONS, shifted, shifted_copies, suitable_count


@pytest.fixture(scope="module")
def blob() -> np.ndarray:
    """64 float images of one bright square, off the middle."""
    images = np.zeros((64, 28, 20, 1), np.float32)
    images[:, 8:14, 6:12] = 200
    return images


def moved(images: np.ndarray, strength: float, seed: int) -> np.ndarray:
    tensorflow = import_tensorflow()
    return np.asarray(distorted(tensorflow.constant(images), strength, tensorflow.constant([seed, 0])))


def centres(images: np.ndarray) -> np.ndarray:
    rows, columns = np.arange(images.shape[1]), np.arange(images.shape[2])
    mass = images[..., 0].sum(axis=(1, 2))
    down = (images[..., 0].sum(axis=2) * rows).sum(axis=1) / mass
    right = (images[..., 0].sum(axis=1) * columns).sum(axis=1) / mass
    return np.stack([down, right], axis=1)


def test_no_strength_leaves_images_as_they_are(blob: np.ndarray) -> None:
    np.testing.assert_allclose(moved(blob, 0.0, 1), blob, atol=1e-3)


def test_what_is_in_the_middle_is_shifted_only_so_far_and_each_image_on_its_own(blob: np.ndarray) -> None:
    middle = np.zeros_like(blob)
    middle[:, 11:17, 7:13] = 200
    result = moved(middle, 1.0, 1)
    way = centres(result) - centres(middle)
    # The shift is drawn in pixels of the original, which the zoom of up to 10 % makes larger.
    assert np.abs(way[:, 0]).max() <= 28 * SHIFT * 1.1 + 0.2
    assert np.abs(way[:, 1]).max() <= 20 * SHIFT * 1.1 + 0.2
    assert len(np.unique(way.round(3), axis=0)) == 64


def test_more_strength_moves_further(blob: np.ndarray) -> None:
    def way(strength: float) -> float:
        return float(np.abs(centres(moved(blob, strength, 1)) - centres(blob)).mean())

    assert way(1.5) > 1.5 * way(0.5) > 0


def test_the_seed_decides(blob: np.ndarray) -> None:
    np.testing.assert_array_equal(moved(blob, 1.0, 1), moved(blob, 1.0, 1))
    assert not np.array_equal(moved(blob, 1.0, 1), moved(blob, 1.0, 2))


def test_shifted_copies_follow_the_images_with_their_labels() -> None:
    images = np.zeros((2, 5, 5, 1), np.uint8)
    images[0, 2, 2] = 9
    images[1, 0, 0] = 7
    copies, labels = shifted_copies(images, np.array([3, 4]), 16)
    assert copies.shape == (18, 5, 5, 1) and labels.tolist() == [3, 4] * 9
    np.testing.assert_array_equal(copies[:2], images)
    where = [tuple(int(i) for i in np.argwhere(image[..., 0])[0]) for image in copies[2::2]]
    assert where == [(2 + down, 2 + right) for down, right in DIRECTIONS]


@pytest.mark.parametrize(("images", "count"), [(10, 40), (6_000, 24_000), (20_000, 10_000), (50_000, 0)])
def test_few_images_are_copied_often_and_many_never(images: int, count: int) -> None:
    assert suitable_count(images) == count


@pytest.mark.parametrize("count", [0, 1, 3, 7, 12])
def test_every_image_is_copied_about_equally_often_and_never_twice_alike(count: int) -> None:
    images = np.zeros((3, 5, 5, 1), np.uint8)
    images[:, 2, 2, 0] = 1, 2, 3
    copies, labels = shifted_copies(images, np.array([1, 2, 3]), count)
    assert len(copies) == len(labels) == 3 + count
    np.testing.assert_array_equal(copies.max(axis=(1, 2, 3)), labels)
    assert np.ptp(np.bincount(labels)[1:]) <= 1
    assert len(np.unique(copies, axis=0)) == 3 + count


def test_what_moves_in_is_empty_and_what_moves_out_is_gone() -> None:
    full = np.full((1, 3, 4, 1), 5, np.uint8)
    right = shifted(full, 0, 1)[0, :, :, 0]
    assert right.tolist() == [[0, 5, 5, 5]] * 3
    assert shifted(full, -2, 0)[0, :, 0, 0].tolist() == [5, 0, 0]
