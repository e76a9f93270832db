"""Levels: better on validation buys more, nothing buys more than what is left, and shown is what is applied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.judging import spending


@pytest.mark.parametrize(
    ("p", "share"),
    [
        pytest.param(1.0, 0.002, id="worse on validation"),
        pytest.param(0.5, 0.004, id="no difference"),
        pytest.param(0.01, 0.2, id="promising"),
        pytest.param(0.0, 0.3, id="beyond doubt: the largest share"),
    ],
)
def test_shares(p, share):
    assert float(spending.share(p)) == pytest.approx(share)


@given(st.floats(1e-6, 0.5), st.floats(0, 1))
def test_a_level_is_shown_exactly_and_never_more_than_its_share(left, p):
    level = spending.level(left, p)
    assert 0.99 * left * float(spending.share(p)) <= level <= left * float(spending.share(p))
    assert level == float(f"{level:.3g}")


def test_without_validation_there_is_a_stated_share_and_without_budget_nothing():
    assert spending.level(0.05, None) == 0.0005
    assert spending.level(0.0, 0.0) == 0.0
    assert spending.level(spending.NOTHING_LEFT, 0.0) == 0.0 < spending.level(2 * spending.NOTHING_LEFT, 0.0)


def test_the_mean_share_is_the_mean_over_uniform_p_values():
    p = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert spending.mean_share() == pytest.approx(float(spending.share(p).mean()), rel=1e-3)


def test_a_level_out_of_fold_is_a_twentieth_of_what_is_left_by_its_caution():
    assert spending.out_of_fold_level(0.05, 1) == 0.0025
    assert spending.out_of_fold_level(0.05, 2) == 0.00125
    assert spending.out_of_fold_level(0.0, 2) == 0.0
