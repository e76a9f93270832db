"""Tests with many cases: the fast tests take some of them, the long tests the others."""

from collections.abc import Iterable
from typing import Any

import pytest


def quick(cases: Iterable[Any], *named: Any) -> list[Any]:
    """Return all cases for ``parametrize``, those that are not named marked as slow."""
    cases = list(cases)
    assert set(named) <= set(cases), set(named) - set(cases)
    return [pytest.param(case, marks=() if case in named else pytest.mark.slow) for case in cases]
