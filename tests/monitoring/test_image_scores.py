"""Scores of images: what is unlike the training images lies far out, and small or strange sets do no harm."""

import numpy as np
import pytest

from pipeline.contracts import Images
from pipeline.monitoring import image_scores
from pipeline.monitoring.image_scores import BINS, GENERAL, Seen

MIDDLE = BINS // 2


def bars(count: int, seed: int, channels: int = 1) -> tuple[Images, np.ndarray]:
    """Two classes of noisy 12 x 12 images: upright and lying bars."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, count)
    images = generator.integers(0, 60, (count, 12, 12, channels), dtype=np.uint8)
    images[labels == 0, :, 5:7] += 150
    images[labels == 1, 5:7, :] += 150
    return images, labels


def seen(images: Images) -> Seen:
    """What a sure champion makes of them; its features are two sums and their product."""
    upright, lying = (images[:, rows, columns].mean(axis=(1, 2, 3)) for rows, columns in AREAS)
    features = np.stack([upright, lying, upright * lying / 100], axis=1).astype(np.float32)
    first = 1 / (1 + np.exp((lying - upright) / 10))
    return Seen(images, features, np.stack([first, 1 - first], axis=1).astype(np.float32))


AREAS = ((slice(None), slice(5, 7)), (slice(5, 7), slice(None)))


@pytest.fixture(scope="module")
def scorer() -> image_scores.Scorer:
    images, labels = bars(1500, 0)
    return image_scores.fit(seen(images), labels, 0)


def test_images_like_those_of_training_are_usual_in_every_score(scorer: image_scores.Scorer) -> None:
    placed = image_scores.bins(scorer, seen(bars(1000, 1)[0]))
    assert placed.shape == (1000, len(GENERAL) + 2)
    assert (np.abs(np.median(placed[:, : len(GENERAL)], axis=0) - MIDDLE) <= 6).all()
    assert (placed[:, len(GENERAL) :].sum(axis=1) == 1).all()
    assert scorer.vanishing[: len(GENERAL)].tolist() == [0] * len(GENERAL)
    assert scorer.shares == pytest.approx([0.5, 0.5], abs=0.06)


@pytest.mark.parametrize(
    ("change", "score"),
    [
        (lambda images: 255 - images, image_scores.INK),
        (lambda images: 255 - images, image_scores.NEIGHBOUR_DISTANCE),
        (lambda images: np.roll(images, 4, axis=(1, 2)), image_scores.CONFIDENCE),
        (lambda images: np.roll(images, 4, axis=(1, 2)), image_scores.CLASS_DISTANCE),
        (lambda images: images ^ np.uint8(1 << 6), image_scores.RESIDUAL),
    ],
)
def test_what_is_unlike_the_training_images_lies_far_out(
    scorer: image_scores.Scorer, change: object, score: str
) -> None:
    images = change(bars(300, 2)[0])  # type: ignore[operator]
    assert np.median(image_scores.bins(scorer, seen(images))[:, GENERAL.index(score)]) > MIDDLE + 30


def test_slant_has_two_sides(scorer: image_scores.Scorer) -> None:
    rows = np.arange(12)
    leaning = np.zeros((2, 12, 12, 1), np.uint8)
    leaning[0, rows, rows], leaning[1, rows, 11 - rows] = 255, 255
    right, left = image_scores.general_scores(scorer, seen(leaning))[:, GENERAL.index(image_scores.SLANT)]
    assert (right, left) == (pytest.approx(1), pytest.approx(-1))


def test_colour_and_blank_images_have_finite_scores() -> None:
    images, labels = bars(60, 3, channels=3)
    fitted = image_scores.fit(seen(images), labels, 0)
    blank = np.zeros((4, 12, 12, 3), np.uint8)
    assert np.isfinite(image_scores.general_scores(fitted, seen(blank))).all()


def test_ten_training_images_and_a_class_without_any_will_do() -> None:
    images, _ = bars(10, 4)
    fitted = image_scores.fit(seen(images), np.zeros(10, int), 0)
    assert np.isfinite(image_scores.general_scores(fitted, seen(images))).all()
    with pytest.raises(ValueError, match="at least 10"):
        image_scores.fit(seen(images[:9]), np.zeros(9, int), 0)


def test_no_images_have_no_scores(scorer: image_scores.Scorer) -> None:
    assert image_scores.bins(scorer, seen(bars(1, 5)[0][:0])).shape == (0, len(GENERAL) + 2)
