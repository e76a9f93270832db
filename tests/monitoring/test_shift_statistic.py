"""The shift's Kolmogorov-Smirnov test against SciPy's."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from pipeline.monitoring.shift import can_be_found, detect_shift


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
