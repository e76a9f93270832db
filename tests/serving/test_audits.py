"""Audits: served predictions drawn at random become the accuracy in production, wherever it is shown."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from kept import BEARER, CHALLENGER, CHAMPION, DATASET, SHAPE, TOKEN, as_json, growing_home, images
from served import constant_onnx, install_version, wait_until
from served_builders import served_of
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.growing import audits, from_production, quarantine, served_deletion
from pipeline.growing.audits import ProductionAccuracy
from pipeline.growing.review import ReviewQueue
from pipeline.monitoring.accuracy import accuracy_estimate
from pipeline.serving.app import create_app
from pipeline.serving.keeping import Keeping
from pipeline.store import production
from pipeline.store.home import Home
from pipeline.store.served_files import Served, ServedFacts
from pipeline.store.served_upkeep import Limits


@pytest.fixture
def home(home: Home) -> Home:
    return growing_home(home)


def predictions(count: int, version: str = CHAMPION, seed: int = 0) -> Served:
    """Return predictions that all say 7."""
    facts = ServedFacts(dataset=DATASET, version=version, classes=tuple("0123456789"), shape=SHAPE)
    sevens = np.eye(10, dtype=np.float32)[np.full(count, 7)]
    return replace(served_of(count), facts=facts, images=images(count, seed=seed), probabilities=sevens)


def draw(home: Home, served: Served) -> None:
    queue = from_production.queue_of(home, f"{DATASET}@1")
    assert queue is not None
    audits.draw(home, queue, served)


def decide(home: Home, labels: list[str | None]) -> None:
    """Answer what waits: a label, or ``None`` for an image that shows no class."""
    queue = ReviewQueue(home, DATASET)
    for label in labels:
        question = queue.next("Ada")
        assert question is not None
        assert question.blind
        assert (question.label, question.opinions, question.reason) == (None, (), "")
        queue.decide(question.digest, "label" if label else "discard", label, "Ada")


def accuracy(home: Home) -> ProductionAccuracy:
    champion = production.current(home, DATASET)
    assert champion is not None
    found = audits.of_champion(home, champion)
    assert found is not None
    return found


def test_from_a_served_prediction_to_the_figure_on_every_page(home: Home) -> None:
    keeping = Keeping(Limits(1_000, 30), audit=1.0)
    with TestClient(create_app(home, token=TOKEN, keeping=keeping), headers=BEARER) as client:
        client.post("/predict", json=as_json(images(10)))
        wait_until(lambda: "predictions_audited_total 10.0" in client.get("/metrics").text, "all are drawn")
        assert "production_accuracy{" not in client.get("/metrics").text, "nobody has labelled any"
        decide(home, ["7"] * 7 + ["1", None])
        labels = f'production_audits{{dataset="{DATASET}",version="{CHAMPION}"}} 8.0'
        wait_until(lambda: labels in client.get("/metrics").text, "the labels are read")
        text, dashboard = client.get("/metrics").text, client.get("/dashboard").text
    estimate = accuracy_estimate(7, 8)
    assert f'bound="estimate",dataset="{DATASET}",version="{CHAMPION}"}} 0.875' in text
    assert f'bound="low",dataset="{DATASET}",version="{CHAMPION}"}} {estimate.low}' in text
    assert "by random audits" in dashboard
    assert "8 audits; 1 wait for a label" in dashboard
    shown = CliRunner().invoke(app, ["production", "--json", "--home", str(home.root)])
    (facts,) = (one["in_production"] for one in json.loads(shown.stdout)["champions"])
    assert (facts["right"], facts["labels"], facts["waiting"], facts["discarded"]) == (7, 8, 1, 1)
    assert facts["low"] == estimate.low
    assert "87.50 % of 8 predictions" in CliRunner().invoke(app, ["production", "--home", str(home.root)]).stdout


def test_the_share_is_drawn_whatever_the_images_show(home: Home) -> None:
    keeping = Keeping(Limits(1_000, 30), audit=0.25, seed=5)
    with TestClient(create_app(home, token=TOKEN, keeping=keeping), headers=BEARER) as client:
        client.post("/predict", json=as_json(images(400)))
        wait_until(lambda: "predictions_logged_total 400.0" in client.get("/metrics").text, "all are kept")
    assert 70 <= len(audits.recorded(home, DATASET)) <= 130, "100 expected, standard deviation 9"
    assert {entry.selection for entry in quarantine.waiting(home.datasets / DATASET)} == {"audit"}


def test_corrections_do_not_count_and_each_drawn_copy_does(home: Home) -> None:
    same = predictions(2)
    draw(home, replace(same, images=same.images[[0, 0]]))
    decide(home, ["7"])
    draw(home, replace(predictions(1), images=same.images[[0]]))
    assert quarantine.digests_of(home.datasets / DATASET) == set(from_production.digests_of(same.rows([0])))
    queue = from_production.queue_of(home, f"{DATASET}@1")
    assert queue is not None
    wrong = from_production.entry(predictions(1, seed=9), 0, quarantine.CORRECTED, queue, label="1")
    from_production.add(queue, [wrong])
    ReviewQueue(home, DATASET).decide(wrong.digest, "label", "1", "Ada")
    found = accuracy(home)
    assert (found.estimate.right, found.estimate.labels, found.waiting) == (3, 3, 0)


def test_a_new_champion_starts_again(home: Home) -> None:
    draw(home, predictions(3))
    decide(home, ["7", "7", "7"])
    install_version(home, constant_onnx(SHAPE, 3), CHALLENGER, DATASET, SHAPE, f"{DATASET}@1")
    draw(home, predictions(1, CHALLENGER, seed=3))
    assert (accuracy(home).version, accuracy(home).estimate.labels, accuracy(home).drawn) == (CHALLENGER, 0, 1)
    assert "unknown: 1 of 1 audits wait" in accuracy(home).in_words()


def test_a_deleted_prediction_is_no_audit_any_more(home: Home) -> None:
    served = predictions(2)
    draw(home, served)
    assert served_deletion.delete(home, DATASET, [served.ids[0]]) == {served.ids[0]}
    assert [audit.prediction_id for audit in audits.recorded(home, DATASET)] == [served.ids[1]]
    assert [entry.source for entry in quarantine.waiting(home.datasets / DATASET)] == [served.ids[1]]


def test_no_more_are_drawn_than_people_can_label(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "MOST_UNANSWERED", 5)
    draw(home, predictions(8))
    draw(home, predictions(8, seed=2))
    assert len(audits.recorded(home, DATASET)) == 5
