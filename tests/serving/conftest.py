"""A home with a small champion that knows real digits, and a running server."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from served import Promote, constant_onnx, install_version, running, write_version
from small_champion import train_onnx

from pipeline.contracts import Deployment
from pipeline.store.home import Home


@pytest.fixture(scope="session")
def digits_onnx(pytestconfig: pytest.Config) -> bytes:
    """Return a small network that knows digits, exported; kept in pytest's cache between runs."""
    recipe = Path(__file__).with_name("small_champion.py").read_bytes()
    kept = pytestconfig.cache.mkdir("digits") / f"{hashlib.sha256(recipe).hexdigest()[:16]}.onnx"
    if not kept.exists():
        part = kept.with_suffix(f".{os.getpid()}")
        train_onnx(part)
        part.rename(kept)
    return kept.read_bytes()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    """A real browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser.chromium(), args=browser.arguments())
        yield launched
        launched.close()


@pytest.fixture
def promote(home: Home) -> Promote:
    """Promote a model as a new version of a dataset, the way the deployer does."""

    def install(
        model: bytes, version_id: str, dataset: str = "mnist", shape: tuple[int, int, int] = (28, 28, 1)
    ) -> Deployment:
        return install_version(home, model, version_id, dataset, shape)

    return install


@pytest.fixture(scope="session")
def digits_home(tmp_path_factory: pytest.TempPathFactory, digits_onnx: bytes) -> Home:
    """A home whose champion knows digits, with an older version beside it; not to be changed."""
    home = Home(tmp_path_factory.mktemp("served"))
    write_version(home, "20261120-090000-logistic-600-1a2b", constant_onnx((28, 28, 1), 1), "mnist", (28, 28, 1))
    install_version(home, digits_onnx, "20261121-134502-cnn-12000-7f3a")
    return home


@pytest.fixture(scope="session")
def server(digits_home: Home) -> Iterator[str]:
    """The address of a running ``simulator.py serve``."""
    with running(digits_home) as address:
        yield address
