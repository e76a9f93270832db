"""The shift's Kolmogorov-Smirnov test against SciPy's."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from pipeline.monitoring.shift import Shift, can_be_found, detect_shift


@pytest.mark.parametrize(("first", "second", "moved"), [(400, 900, 0.0), (5_000, 3_000, 0.02), (60, 40, 0.2)])
def test_distance_and_p_value_are_those_of_scipy(first: int, second: int, moved: float) -> None:
    rng = np.random.default_rng(first)
    one = rng.random((first, 1), dtype=np.float32).round(2)
    other = np.clip(rng.random((second, 1), dtype=np.float32) + np.float32(moved), 0, 1).round(2)
    known = ks_2samp(one[:, 0], other[:, 0], method="asymp")
    found = detect_shift(one, other)
    assert found.distance == pytest.approx(float(known.statistic), abs=1e-12)
    assert found.p_value == pytest.approx(float(known.pvalue), rel=0.25, abs=1e-9)


@pytest.mark.parametrize("classes", [2, 10, 60])
@pytest.mark.parametrize("images", range(1, 9))
def test_what_cannot_be_found_is_known_beforehand(images: int, classes: int) -> None:
    benchmark, opposite = np.zeros((100_000, classes), np.float32), np.ones((images, classes), np.float32)
    assert detect_shift(benchmark, opposite).found == can_be_found(images, classes)


@pytest.mark.parametrize(
    ("outputs", "named"),
    [
        ((2,), "class triangle)"),
        ((0, 2), "classes circle and triangle)"),
        ((0, 2, 1), "classes circle, triangle and square)"),
        ((0, 2, 1, 3), "classes circle, triangle, square and another)"),
        ((0, 2, 1, 4, 3), "classes circle, triangle, square and 2 others)"),
    ],
)
def test_the_warning_names_classes_and_every_likely_cause(outputs: tuple[int, ...], named: str) -> None:
    said = Shift(True, 1e-9, 0.5, outputs).sentence(["circle", "square", "triangle", "star", "9"], "the score")
    assert named in said
    assert "look for inverted colours, shifted or noisy images, or another mix of classes; the score" in said
    prepared = Shift(True, 1e-9, 0.5, outputs).sentence("abcde", "the score", one_polarity=True)
    assert "look for shifted or noisy images, or another mix" in prepared


def test_images_of_one_class_of_the_dataset_itself_differ_by_their_mix_alone() -> None:
    answers = np.random.default_rng(0).dirichlet(np.full(3, 0.1), 1_000).astype(np.float32)
    found = detect_shift(answers, answers[answers.argmax(axis=1) == 1])
    assert found.found
    assert "another mix of classes" in found.sentence("abc", "the score")
