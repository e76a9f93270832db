"""The expected score on real digits: honest sets fall inside its interval, and its width is what it must be."""

import numpy as np
import pytest
from real_outputs import Outputs

from pipeline.judging.competition_metrics import METRICS
from pipeline.publishing.expected_score import expected_score


@pytest.mark.slow
def test_the_interval_holds_the_score_of_honest_test_sets(outputs: Outputs) -> None:
    """95 % are promised; of 40 sets at least 34 must keep it, which a true 95 % misses once in 10,000 times."""
    rng = np.random.default_rng(1)
    inside = 0
    for seed in range(40):
        benchmark, test = outputs.halves(rng)
        scored = rng.choice(test, len(test) // 4, replace=False)
        found = expected_score(
            outputs.honest[benchmark],
            outputs.labels[benchmark],
            outputs.honest[test],
            scored_fraction=0.25,
            seed=seed,
        )
        inside += found.low <= outputs.accuracy(outputs.honest, scored) <= found.high
    assert inside >= 34


def test_a_mild_shift_is_followed_better_than_by_the_benchmarks_accuracy(outputs: Outputs) -> None:
    benchmark, test = outputs.halves(np.random.default_rng(2))
    moved = outputs.variants["one pixel to the right"]
    found = expected_score(outputs.honest[benchmark], outputs.labels[benchmark], moved[test])
    truth = outputs.accuracy(moved, test)
    naive = outputs.accuracy(outputs.honest, benchmark)
    assert abs(found.score - truth) < abs(naive - truth) / 2


def test_a_score_on_fewer_images_is_less_certain(outputs: Outputs) -> None:
    benchmark, test = outputs.halves(np.random.default_rng(3))
    sets = outputs.honest[benchmark], outputs.labels[benchmark], outputs.honest[test]
    widths = [found.high - found.low for found in (expected_score(*sets, scored_fraction=f) for f in (1.0, 0.25, 0.05))]
    assert widths == sorted(widths)
    assert widths[0] < widths[2] / 2


def test_the_same_seed_gives_the_same_interval(outputs: Outputs) -> None:
    sets = outputs.honest[:500], outputs.labels[:500], outputs.honest[500:900]
    assert expected_score(*sets, seed=7) == expected_score(*sets, seed=7)


def test_a_benchmark_without_errors_promises_no_certainty() -> None:
    labels = np.arange(200) % 2
    sure = np.where(labels[:, None] == np.arange(2), 0.99, 0.01).astype(np.float32)
    found = expected_score(sure, labels, sure)
    assert found.score == 1.0
    assert 0.95 < found.low < 1.0


def test_a_log_loss_allows_for_the_sure_error_that_a_small_benchmark_has_no_example_of() -> None:
    labels = np.arange(200) % 2
    sure = np.where(labels[:, None] == np.arange(2), 0.9999, 0.0001).astype(np.float32)
    found = expected_score(sure, labels, sure, metric=METRICS["log-loss"])
    one_error_in_the_test_set = -np.log(0.0001) / 200
    assert found.score == pytest.approx(0.0001, rel=0.1)
    assert one_error_in_the_test_set < found.high < 5 * one_error_in_the_test_set


def test_a_benchmark_of_errors_alone_expects_nothing() -> None:
    labels = np.zeros(50, np.int64)
    wrong = np.tile(np.array([0.1, 0.9], np.float32), (50, 1))
    assert expected_score(wrong, labels, wrong).score == 0.0


def test_empty_sets_are_refused() -> None:
    some, none = np.full((3, 2), 0.5, np.float32), np.empty((0, 2), np.float32)
    with pytest.raises(ValueError, match="needs benchmark images"):
        expected_score(some, np.zeros(3, np.int64), none)
