"""A file is the same to ``ingest``, ``predict``, ``POST /predict`` and the page, by the preparation of a dataset."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from short_runs import AS_GOOD, Silent
from small_pictures import NAME, Ingest, write_pictures

from pipeline import simulator
from pipeline.application import Application
from pipeline.config import Settings
from pipeline.contracts import UnlabelledImages
from pipeline.data import unlabelled
from pipeline.serving.app import create_app
from pipeline.store import production
from pipeline.store.home import Home

sys.path.append(str(Path(__file__).parents[1] / "serving"))
from test_one_preparation import KINDS, digit

AS_THE_PAGE_ASKS = "/predict?seen=true&keep=false"
"""With each picture as it was chosen, under a name without suffix."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two hundred files: each digit in each of twenty kinds."""
    folder = tmp_path / "two hundred"
    folder.mkdir()
    for number, make in enumerate(KINDS.values()):
        for label in range(10):
            suffix, content = make(digit(label))
            (folder / f"{number:02}-{label}.{suffix}").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("kind", "size", "polarity"),
    [
        ("digit", "28,28,1", None),
        pytest.param("crop", "16,16,3", None, marks=pytest.mark.slow),
        pytest.param("fit", "18,12,1", "light-on-dark", marks=pytest.mark.slow),
        pytest.param("stretch", "10,20,1", None, marks=pytest.mark.slow),
    ],
)
def test_two_hundred_files_give_equal_probabilities_by_all_three(
    home: Home, tmp_path: Path, files: Path, take_in: Ingest, kind: str, size: str, polarity: str | None
) -> None:
    take_in(write_pictures(tmp_path / "train", range(60)), kind=kind, size=size, polarity=polarity)
    settings = Settings(dataset=NAME, models=("logistic",), train_sizes=("all",), gate=AS_GOOD)
    simulator.run(settings, home, Silent())
    champion = production.current(home, NAME)
    assert champion is not None
    application = Application(champion)
    assert application.preparation.kind == kind

    ingested = {one.arrival.name: one.prepared.pixels for one in take_in(files, label="bar").outcomes}
    predicted = unlabelled.load(files, application.shape, preparation=application.preparation)
    with TestClient(create_app(home)) as client:
        by_name = _answers(client, "/predict", [(name, files / name) for name in predicted.ids])
        by_page = _answers(client, AS_THE_PAGE_ASKS, [("picture", files / name) for name in predicted.ids])

    stacked = np.stack([ingested[name] for name in predicted.ids])
    np.testing.assert_array_equal(stacked, predicted.images)
    probabilities = application.predict(UnlabelledImages("ingested", stacked, predicted.ids))
    np.testing.assert_array_equal(probabilities, application.predict(predicted))
    for answers in (by_name, by_page):
        found = [answer["probability"] for answer in answers]
        assert found == pytest.approx(probabilities.max(axis=1).tolist(), abs=1e-6)
    np.testing.assert_array_equal([answer["seen"] for answer in by_page], stacked)


def _answers(client: TestClient, address: str, files: list[tuple[str, Path]]) -> list[dict[str, Any]]:
    answers = []
    for start in range(0, len(files), 25):
        sent = [("files", (name, path.read_bytes())) for name, path in files[start : start + 25]]
        reply = client.post(address, files=sent)
        assert reply.status_code == 200, reply.text
        answers += reply.json()["predictions"]
    return answers
