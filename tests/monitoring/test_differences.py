"""What is different after an alarm: the corruption that explains it, and the classes that changed."""

import re

import numpy as np
import pytest

from pipeline.monitoring.differences import class_changes, resemblance
from pipeline.monitoring.image_scores import BINS, GENERAL, NEIGHBOUR_DISTANCE
from pipeline.reports import drift_page

SCORES = len(GENERAL)


def bins(count: int, centres: dict[int, float], seed: int, first: float = 0.5) -> np.ndarray:
    """Bins of images of two classes; scores lie around the middle, or around what ``centres`` says."""
    generator = np.random.default_rng(seed)
    middle = np.array([centres.get(score, BINS / 2) for score in range(SCORES)])
    general = np.clip(generator.normal(middle, 12, (count, SCORES)), 0, BINS - 1).astype(int)
    own = (generator.random((count, 1)) < first).astype(int)
    return np.concatenate([general, own, 1 - own], axis=1)


def counts(placed: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(column, minlength=BINS) for column in placed.T])


REFERENCE = counts(bins(5000, {}, 0))
CORRUPTED = {
    "rotate": counts(bins(500, {0: 90, 2: 95}, 1)),
    "inversion": counts(bins(500, {3: 120, 4: 120, 2: 120}, 2)),
    "gaussian_blur": counts(bins(500, {4: 10}, 3)),
}


@pytest.mark.parametrize("count", [25, 400])
@pytest.mark.parametrize(
    ("name", "centres"),
    [("rotate", {0: 88, 2: 96}), ("inversion", {3: 119, 4: 121, 2: 118}), ("gaussian_blur", {4: 11})],
)
def test_the_corruption_is_named(name: str, centres: dict[int, float], count: int) -> None:
    found = resemblance(REFERENCE, CORRUPTED, bins(count, centres, 4))
    assert found is not None
    assert found.name == name
    assert found.share >= 0.7


def test_a_share_of_corrupted_images_is_estimated() -> None:
    mixed = np.concatenate([bins(700, {}, 5), bins(300, {0: 90, 2: 95}, 6)])
    found = resemblance(REFERENCE, CORRUPTED, mixed)
    assert found is not None
    assert (found.name, found.share) == ("rotate", 0.3)


def test_what_no_corruption_explains_is_not_named() -> None:
    assert resemblance(REFERENCE, CORRUPTED, bins(400, {5: 10, 1: 110}, 7)) is None
    assert resemblance(REFERENCE, {}, bins(400, {0: 90}, 7)) is None


def test_a_class_that_changed_is_marked_and_unusual_images_are_counted() -> None:
    far = {GENERAL.index(NEIGHBOUR_DISTANCE): 115.0}
    placed = np.concatenate([bins(200, {}, 8, first=0.0), bins(100, far, 9, first=1.0)])
    one, other = class_changes(REFERENCE, placed)
    assert (one.changed, other.changed) == (True, True)
    assert one.seen == pytest.approx(1 / 3)
    assert one.expected == pytest.approx(0.5, abs=0.02)
    assert one.unusual == pytest.approx(1, abs=0.1)
    assert other.unusual == pytest.approx(0, abs=0.05)


def test_a_class_that_was_never_predicted_has_no_share_of_unusual_images() -> None:
    always, never = class_changes(REFERENCE, bins(100, {}, 11, first=1.0))
    assert (never.seen, never.unusual) == (0, None)
    shown = drift_page.page("Drift", [], [], {"always": always, "never": never}, looked_at=100, promise="")
    assert re.search(r'never</th>.*<span class="badge error">changed</span></td><td>–</td>', shown)


def test_shares_that_chance_explains_are_not_marked() -> None:
    assert not any(change.changed for change in class_changes(REFERENCE, bins(300, {}, 10)))
