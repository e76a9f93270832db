"""Corrupted copies: reproducible, of any small shape, and truly corrupted."""

import numpy as np
import pytest

from pipeline.judging.corruptions import CORRUPTIONS
from pipeline.judging.robustness import corrupted, subset

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((6, 28, 28, 1), id="mnist"),
        pytest.param((3, 32, 24, 3), id="colour, not square"),
        pytest.param((2, 4, 4, 1), id="tiny"),
        pytest.param((1, 1, 1, 1), id="one pixel"),
    ],
)
def test_every_corruption_keeps_shape_and_type_and_repeats(shape):
    images = RNG.integers(0, 256, shape).astype(np.uint8)
    first, second = dict(corrupted(images)), dict(corrupted(images))
    assert list(first) == [corruption.__name__ for corruption in CORRUPTIONS]
    assert len(first) == 15
    for name, copy in first.items():
        assert (copy.shape, copy.dtype) == (images.shape, np.uint8)
        assert np.array_equal(copy, second[name])


@pytest.mark.parametrize("name", [corruption.__name__ for corruption in CORRUPTIONS])
def test_every_corruption_changes_images_and_leaves_them_recognisable(name):
    images = np.zeros((20, 28, 28, 1), np.uint8)
    images[:, 6:22, 12:16] = 255
    copy = dict(corrupted(images))[name].astype(float)
    assert (copy != images).any(axis=(1, 2, 3)).mean() > 0.9
    inside, outside = copy[:, 8:20, 13:15].mean(), copy[:, :3].mean()
    assert inside > outside + 50


def test_another_seed_gives_other_copies():
    images = RNG.integers(0, 256, (4, 28, 28, 1)).astype(np.uint8)
    assert not np.array_equal(dict(corrupted(images, 1))["shot_noise"], dict(corrupted(images, 2))["shot_noise"])


def test_the_subset_is_chosen_by_content():
    digests = RNG.integers(0, 256, (2000, 16)).astype(np.uint8).view("V16").reshape(-1)
    order = RNG.permutation(2000)
    assert digests[subset(digests, 50)].tolist() == digests[order][subset(digests[order], 50)].tolist()
    assert len(subset(digests[:30], 50)) == 30
