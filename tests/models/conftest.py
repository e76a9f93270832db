"""Real digits for models, and each recipe trained once for all tests that look at it."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from model_training import QUICK, Digits, Trained, train

from pipeline.models.runtime import prepare_process

prepare_process()  # before any test imports scikit-learn


@pytest.fixture(scope="session")
def digits() -> Digits:
    from sklearn.datasets import load_digits

    source = load_digits()
    enlarged = np.kron((source.images * 255 / 16).astype(np.uint8), np.ones((1, 3, 3), np.uint8))
    images = np.pad(enlarged, ((0, 0), (2, 2), (2, 2)))[..., None]
    labels = source.target.astype(np.int64)
    parts = [slice(0, 1000), slice(1000, 1200), slice(1200, None)]
    return Digits(*(values[part] for part in parts for values in (images, labels)))


@pytest.fixture(scope="session")
def trained(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """A recipe by name, trained at most once in the session with its quick parameters."""

    @cache
    def of(name: str) -> Trained:
        return train(name, digits, tmp_path_factory.mktemp(name), QUICK.get(name, {}))

    return of
