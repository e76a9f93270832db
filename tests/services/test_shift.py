"""The shift check on real digits: silent on honest sets, loud on what does not look like the benchmark."""

import numpy as np
import pytest
from real_outputs import VARIANTS, Outputs

from pipeline.monitoring.shift import detect_shift


def test_honest_sets_are_passed_over(outputs: Outputs) -> None:
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(25):
        benchmark, test = outputs.halves(rng)
        found += detect_shift(outputs.honest[benchmark], outputs.honest[test]).found
    assert found <= 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_unlike_the_benchmark_are_found(outputs: Outputs, variant: str) -> None:
    benchmark, test = outputs.halves(np.random.default_rng(5))
    shift = detect_shift(outputs.honest[benchmark], outputs.variants[variant][test])
    assert shift.found
    assert shift.p_value < 0.01
    assert shift.outputs


def test_the_most_different_class_comes_first() -> None:
    rng = np.random.default_rng(6)
    benchmark = rng.dirichlet(np.ones(3), 2000).astype(np.float32)
    test = rng.dirichlet([1, 1, 6], 2000).astype(np.float32)
    assert detect_shift(benchmark, test).outputs[0] == 2


def test_a_difference_that_is_certain_and_a_trifle_is_no_shift() -> None:
    rng = np.random.default_rng(7)
    benchmark = rng.uniform(size=(400_000, 1)).astype(np.float32)
    test = (rng.uniform(size=(400_000, 1)) ** 1.03).astype(np.float32)
    shift = detect_shift(benchmark, test)
    assert shift.p_value < 1e-3
    assert not shift.found


def test_sets_of_different_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="same classes"):
        detect_shift(np.ones((3, 2), np.float32), np.ones((3, 4), np.float32))
