"""Homes to break: a small dataset, real versions, and reports whose pictures are not drawn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from crash_commands import Bench, simulate, writing_commands
from faulty_disk import copy_home
from striped import write_few_stripes

from pipeline.contracts import UnlabelledImages
from pipeline.reports import excel, learning_curves, version_report
from pipeline.store.home import Home

PNG = b"a picture"


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Pictures and workbook as constant bytes: drawing takes seconds and touches no disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(version_report, "plots", lambda inputs: {"confusion": PNG})
        patch.setattr(learning_curves, "learning_curve", lambda *parts: PNG)
        patch.setattr(learning_curves, "learning_curve_seconds", lambda *parts: PNG)
        patch.setattr(excel, "workbook", lambda *parts, **named: PNG)
        yield


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 8 x 8 images that a linear model tells apart."""
    return write_few_stripes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def bench(undrawn: None, stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Real versions, judged and promoted by real runs; one of them failed."""
    commands = writing_commands(stripes)
    serving = Home(tmp_path_factory.mktemp("serving"))
    for strength in (0.9, 1.0, 2.0):
        simulate(stripes, serving, strength)
    simulate(stripes, serving, 1.0, models=("dummy",), overrides={})
    rolled_back = Home(copy_home(serving.root, tmp_path_factory.mktemp("rolled back") / "home"))
    commands["rollback"](rolled_back)
    noise = UnlabelledImages("noise", np.zeros((2, 8, 8, 1), np.uint8), ("1", "2"))
    return Bench(serving, rolled_back, commands, noise)
