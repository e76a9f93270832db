"""A single image is flagged as often as promised if it is like the others, and where nothing is known never."""

import numpy as np
import pytest
from test_image_scores import bars, seen

from pipeline.monitoring import image_scores, one_image
from pipeline.monitoring.image_scores import BINS, GENERAL


def counts_of(scorer: image_scores.Scorer, images: np.ndarray) -> np.ndarray:
    placed = image_scores.bins(scorer, seen(images))
    return np.stack([np.bincount(column, minlength=BINS) for column in placed.T])


@pytest.fixture(scope="module")
def scorer() -> image_scores.Scorer:
    images, labels = bars(1500, 0)
    return image_scores.fit(seen(images), labels, 0)


def test_strange_images_are_far_and_usual_ones_as_rarely_as_promised(scorer: image_scores.Scorer) -> None:
    counts, usual = counts_of(scorer, bars(2000, 1)[0]), bars(2000, 2)[0]
    flagged = one_image.far_from_training(scorer, counts, seen(usual))
    assert flagged.mean() <= 2 * one_image.LEVEL
    assert one_image.far_from_training(scorer, counts, seen(255 - usual[:20])).all()


def test_a_reference_of_less_than_a_hundred_images_proves_nothing(scorer: image_scores.Scorer) -> None:
    strange = seen(255 - bars(5, 2)[0])
    assert not one_image.far_from_training(scorer, counts_of(scorer, bars(98, 1)[0]), strange).any()
    assert one_image.far_from_training(scorer, counts_of(scorer, bars(99, 1)[0]), strange).all()
    assert counts_of(scorer, bars(9, 1)[0]).shape == (len(GENERAL) + 2, BINS)


@pytest.mark.parametrize(("images", "place"), [(98, None), (99, 0), (198, 0), (199, 1), (10_000, 99)])
def test_an_answer_is_unsure_below_the_hundredth_part_of_the_benchmark(images: int, place: int | None) -> None:
    sure = np.random.default_rng(0).uniform(0.5, 1, images).astype(np.float32)
    found = one_image.least_confidence(np.stack([1 - sure, sure], axis=1))
    assert found == (0 if place is None else np.sort(sure)[place])
