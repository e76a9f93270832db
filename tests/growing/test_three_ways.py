"""A file is the same to ``ingest``, ``predict`` and ``POST /predict``, by the preparation that a dataset declares."""

import sys
from pathlib import Path

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
    ("kind", "size"),
    [
        ("crop", "16,16,3"),
        pytest.param("fit", "18,12,1", marks=pytest.mark.slow),
        pytest.param("stretch", "10,20,1", marks=pytest.mark.slow),
    ],
)
def test_two_hundred_files_give_equal_probabilities_by_all_three(
    home: Home, tmp_path: Path, files: Path, take_in: Ingest, kind: str, size: str
) -> None:
    take_in(write_pictures(tmp_path / "train", range(60)), kind=kind, size=size)
    settings = Settings(dataset=NAME, models=("logistic",), train_sizes=("all",), gate=AS_GOOD)
    simulator.run(settings, home, Silent())
    champion = production.current(home, NAME)
    assert champion is not None
    application = Application(champion)
    assert application.preparation.kind == kind

    ingested = {one.arrival.name: one.prepared.pixels for one in take_in(files, label="bar").outcomes}
    predicted = unlabelled.load(files, application.shape, preparation=application.preparation)
    with TestClient(create_app(home)) as client:
        answers = []
        for start in range(0, 200, 25):
            names = predicted.ids[start : start + 25]
            reply = client.post("/predict", files=[("files", (name, (files / name).read_bytes())) for name in names])
            assert reply.status_code == 200, reply.text
            answers += reply.json()["predictions"]

    stacked = np.stack([ingested[name] for name in predicted.ids])
    np.testing.assert_array_equal(stacked, predicted.images)
    probabilities = application.predict(UnlabelledImages("ingested", stacked, predicted.ids))
    np.testing.assert_array_equal(probabilities, application.predict(predicted))
    assert [answer["probability"] for answer in answers] == pytest.approx(probabilities.max(axis=1).tolist(), abs=1e-6)
