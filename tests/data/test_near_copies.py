"""Near copies of training images in the benchmark are all found, and chance is told from leakage."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pipeline.contracts import Images, LabelledImages
from pipeline.data import sources
from pipeline.data.near_copies import CORRELATION, SHIFTS, NearCopies, near_copies, searched
from pipeline.data.near_copy_chance import chance
from pipeline.stored_images import StoredImages


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    return sources.load("digits")


def brute_force(train: Images, benchmark: Images) -> dict[int, float]:
    """The highest correlation of each benchmark image with any training image, where it is high enough."""
    best = np.zeros(len(benchmark))
    for down, right in SHIFTS:
        shifted = ndimage.shift(benchmark, (0, down, right, 0), order=0, mode="nearest")
        both = np.concatenate([shifted, train]).reshape(len(benchmark) + len(train), -1)
        with np.errstate(invalid="ignore", divide="ignore"):
            table = np.nan_to_num(np.corrcoef(both.astype(np.float64)))
        best = np.maximum(best, table[: len(benchmark), len(benchmark) :].max(axis=1))
    return {int(row): float(best[row]) for row in np.flatnonzero(best >= CORRELATION)}


def smooth_images(count: int, shape: tuple[int, int, int], seed: int) -> Images:
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    blurred = ndimage.gaussian_filter(noise, (0, 2, 2, 0))
    return np.clip(128 + 400 * blurred, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 14, 3), (4, 4, 1), (2, 2, 1)])
def test_what_is_found_is_what_comparing_all_pairs_finds(shape: tuple[int, int, int]) -> None:
    train, benchmark = smooth_images(700, shape, 0), smooth_images(90, shape, 1)
    benchmark[:20] = np.clip(train[50:70].astype(int) + np.arange(20)[:, None, None, None] * 3, 0, 255)
    benchmark[20:40] = np.roll(train[80:100], (1, -1), axis=(1, 2))
    train[5], benchmark[41] = 100, 100  # of one grey level: correlates with nothing
    found = near_copies(train, benchmark)
    expected = brute_force(train, benchmark)
    assert found.benchmark.tolist() == list(expected)
    np.testing.assert_allclose(found.correlation, list(expected.values()), atol=1e-5)


def test_parts_and_images_on_disk_are_searched_like_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    train, benchmark = smooth_images(400, (9, 14, 1), 0), smooth_images(50, (9, 14, 1), 1)
    train[300:310] = train[20:30]
    benchmark[10:30] = train[20:40]
    whole = near_copies(train, benchmark)
    assert whole.training[:10].tolist() == list(range(20, 30)), "of equal copies, the first"
    monkeypatch.setattr("pipeline.data.near_copies.SEARCHED", 64)
    monkeypatch.setattr("pipeline.data.near_copies.QUERIES", 16)
    stored = StoredImages((train[:100], train[100:]))
    for searched_images in (stored, searched(stored)):
        found = near_copies(searched_images, StoredImages((benchmark,)))
        for name in ("benchmark", "training", "shifts", "correlation"):
            assert np.array_equal(getattr(found, name), getattr(whole, name)), name


def test_ones_are_found_beside_copies_as_comparing_all_pairs_finds(digits: LabelledImages) -> None:
    train, benchmark = digits.images[:1200], digits.images[1200:]
    found = near_copies(train, benchmark)
    assert found.benchmark.tolist() == list(brute_force(train, benchmark))
    assert 0 < len(found) < 0.05 * len(benchmark)


def recompressed(images: Images) -> Images:
    def once(image: Images) -> np.ndarray:
        stream = io.BytesIO()
        Image.fromarray(image[..., 0]).save(stream, "JPEG", quality=75)
        return np.asarray(Image.open(stream))[..., None]

    return np.stack([once(image) for image in images])


def with_noise(images: Images) -> Images:
    noise = np.random.default_rng(0).normal(0, 5, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


COPIES = {
    "one down": lambda images: np.roll(images, 1, axis=1),
    "one up, one right": lambda images: np.roll(images, (-1, 1), axis=(1, 2)),
    "as JPEG": recompressed,
    "with noise": with_noise,
    "dimmed": lambda images: (images * 0.7 + 20).astype(np.uint8),
}


@pytest.mark.parametrize("kind", COPIES)
def test_altered_copies_are_found_with_their_original(digits: LabelledImages, kind: str) -> None:
    benchmark = digits.images[:200]
    train = np.concatenate([digits.images[900:], COPIES[kind](benchmark)])
    found = near_copies(train, benchmark)
    original = found.training - (len(digits) - 900)
    assert (original == found.benchmark).sum() >= 198
    if kind == "one down":
        assert (found.shifts[original == found.benchmark] == [1, 0]).all(axis=1).mean() > 0.95


def test_without_images_there_are_no_copies(digits: LabelledImages) -> None:
    assert len(near_copies(digits.images[:0], digits.images[:9])) == 0
    assert len(near_copies(digits.images[:9], digits.images[:0])) == 0
    assert near_copies(digits.images[:1], digits.images[:1]).correlation == pytest.approx([1])


def flags(found: NearCopies, count: int) -> np.ndarray:
    return np.isin(np.arange(count), found.benchmark)


def test_leaked_copies_stand_out_from_chance(digits: LabelledImages) -> None:
    images, labels = digits.images, digits.labels
    train, benchmark, reference = images[:1000], images[1000:1400], images[1400:]
    own_labels, other_labels = labels[1000:1400], labels[1400:]
    other = flags(near_copies(train, reference), len(reference))
    clean = chance(flags(near_copies(train, benchmark), 400), own_labels, other, other_labels)
    assert clean.p_value > 0.05
    leaked = np.concatenate([train, np.roll(benchmark[::20], 1, axis=2)])
    dirty = chance(flags(near_copies(leaked, benchmark), 400), own_labels, other, other_labels)
    assert dirty.found >= clean.found + 15
    assert dirty.expected == clean.expected
    assert dirty.p_value < 0.001


def test_chance_is_counted_within_each_class() -> None:
    """Ones alone resemble each other, and the benchmark holds more of them: its higher rate proves nothing."""
    labels, other_labels = np.repeat([0, 1], [100, 300]), np.repeat([0, 1], [300, 100])
    copies, other_copies = np.zeros(400, bool), np.zeros(400, bool)
    copies[100:130], other_copies[300:310] = True, True
    result = chance(copies, labels, other_copies, other_labels)
    assert (result.found, result.expected) == (30, pytest.approx(30))
    assert result.p_value > 0.4


def test_the_chance_of_a_single_class_is_fishers() -> None:
    from scipy import stats

    copies, others = np.arange(50) < 9, np.arange(80) < 4
    result = chance(copies, np.zeros(50, np.int64), others, np.zeros(80, np.int64))
    fisher = stats.fisher_exact([[9, 41], [4, 76]], alternative="greater").pvalue
    assert result.p_value == pytest.approx(fisher)


def test_nothing_found_is_certain() -> None:
    nothing = np.zeros(10, bool)
    result = chance(nothing, np.zeros(10, np.int64), nothing, np.zeros(10, np.int64))
    assert (result.found, result.expected, result.p_value) == (0, 0.0, 1.0)
