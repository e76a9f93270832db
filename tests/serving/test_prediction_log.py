"""``serve --log``: what is kept, who can change it, and that nobody reads it over HTTP."""

import http.client
import json
import re
import shutil
import time
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from kept import BEARER, CHAMPION, DATASET, TOKEN, as_json, growing_home, images
from served import constant_onnx, install_version, running, wait_until
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.data import digests
from pipeline.errors import SettingsError, StoreError
from pipeline.growing import quarantine, removal
from pipeline.serving.app import create_app
from pipeline.serving.keeping import Keeping
from pipeline.store import atomic, drift_files, prediction_ids, served_log
from pipeline.store.home import Home
from pipeline.store.served_upkeep import Limits

KEEPING = Keeping(Limits(1_000, 30))


@pytest.fixture
def home(home: Home) -> Home:
    return growing_home(home)


@pytest.fixture
def client(home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(home, token=TOKEN, keeping=KEEPING), headers=BEARER) as opened:
        yield opened


def predict(client: TestClient, count: int = 1, seed: int = 0, **query: str) -> list[str | None]:
    """Predict noise; returns the ids."""
    reply = client.post("/predict", json=as_json(images(count, seed=seed)), params=query)
    assert reply.status_code == 200, reply.text
    return [prediction.get("prediction_id") for prediction in reply.json()["predictions"]]


def wait_for_the_disk(client: TestClient) -> None:
    """Deleting writes what waits first."""
    client.delete("/predictions/" + prediction_ids.Numbering().take(1)[0])


def test_every_prediction_is_kept_as_the_model_saw_it(home: Home) -> None:
    with TestClient(create_app(home, keeping=KEEPING)) as client:
        ids = predict(client, 3) + predict(client, 2, seed=5)
    (served,) = served_log.read(home, DATASET)
    assert served.ids == tuple(ids)
    assert served.requests == (ids[0],) * 3 + (ids[3],) * 2
    assert np.array_equal(served.images, np.concatenate([images(3), images(2, seed=5)]))
    assert served.predicted == ("7",) * 5
    assert served.probabilities[0].argmax() == 7
    assert served.probabilities[0][7] == pytest.approx(0.9)
    assert set(served.sources) == {"pixels"}
    assert (served.facts.version, served.facts.classes) == (CHAMPION, tuple("0123456789"))
    assert abs(served.times[0].astype("int64") / 1e6 - time.time()) < 60


def test_without_log_there_are_neither_ids_nor_files(home: Home) -> None:
    with TestClient(create_app(home, token=TOKEN), headers=BEARER) as client:
        assert predict(client) == [None]
        assert client.get("/production").json()["log"] is None
        said = {"prediction_id": prediction_ids.Numbering().take(1)[0], "label": "1"}
        assert "--log" in client.post("/feedback", json=said).json()["detail"]
    assert not home.served.exists()


def test_a_request_can_be_left_out(client: TestClient, home: Home) -> None:
    assert predict(client, keep="false") == [None]
    (kept,) = predict(client)
    wait_for_the_disk(client)
    assert [served.ids for served in served_log.read(home, DATASET)] == [(kept,)]


def test_the_page_can_say_what_is_kept(client: TestClient) -> None:
    assert client.get("/production").json()["log"] == {"images": 1_000, "days": 30.0, "feedback": True}


def test_a_correction_waits_for_review_and_a_confirmation_does_not(client: TestClient, home: Home) -> None:
    right, wrong, strange = predict(client, 3)
    for prediction, label, status in ((right, "7", "confirmed"), (wrong, "1", "queued"), (strange, None, "queued")):
        reply = client.post("/feedback", json={"prediction_id": prediction, "label": label})
        assert (reply.status_code, reply.json()["status"]) == (200, status)
    waiting = {entry.source: entry for entry in quarantine.waiting(home.datasets / DATASET)}
    assert waiting.keys() == {wrong, strange}
    entry = waiting[wrong]
    assert (entry.label, entry.cause, entry.selection) == (1, quarantine.CORRECTED, "corrected")
    assert (entry.opinions[0].version, entry.opinions[0].classes[0]) == (CHAMPION, "7")
    assert waiting[strange].label == quarantine.NO_LABEL
    assert 'feedback_total{kind="corrected"} 2.0' in client.get("/metrics").text


REFUSED = {
    "an unknown id": (404, {"prediction_id": prediction_ids.Numbering().take(1)[0], "label": "1"}),
    "no id": (422, {"prediction_id": "../../etc", "label": "1"}),
    "no label": (422, {"prediction_id": prediction_ids.Numbering().take(1)[0]}),
    "another field": (422, {"prediction_id": prediction_ids.Numbering().take(1)[0], "label": "1", "train": True}),
}


def test_the_last_word_of_a_user_counts(client: TestClient, home: Home) -> None:
    (prediction,) = predict(client)
    folder = home.datasets / DATASET
    for label in ("1", "2"):
        assert client.post("/feedback", json={"prediction_id": prediction, "label": label}).status_code == 200
    (waiting,) = quarantine.waiting(folder)
    assert "A user says 2 where" in waiting.reason
    answered = waiting.reason.split()[-3]
    client.post("/feedback", json={"prediction_id": prediction, "label": answered})
    assert quarantine.waiting(folder) == []


@pytest.mark.parametrize("label", ["1", None])
def test_a_correction_of_an_image_that_waits_for_a_label_already_is_kept(
    client: TestClient, home: Home, label: str | None
) -> None:
    (prediction,) = predict(client)
    folder = home.datasets / DATASET
    wait_for_the_disk(client)
    (served,) = served_log.read(home, DATASET)
    about = {"source": prediction, "batch": "shadow", "reason": "Two versions disagree."}
    quarantine.add(folder, "shadow", [quarantine.of_pixels(served.images[0], cause=quarantine.SHADOW, **about)], "012")
    client.post("/feedback", json={"prediction_id": prediction, "label": label})
    (waiting,) = quarantine.waiting(folder)
    assert (waiting.cause, waiting.labelled_by) == (quarantine.CORRECTED, "a user")
    assert waiting.reason.startswith("A user says")


def test_feedback_that_makes_no_sense_is_refused(client: TestClient, home: Home) -> None:
    for name, (status, said) in REFUSED.items():
        reply = client.post("/feedback", json=said)
        assert (reply.status_code, set(reply.json())) == (status, {"detail"}), name
    reply = client.post("/feedback", json={"prediction_id": predict(client)[0], "label": "<b>x</b>"})
    assert (reply.status_code, "0, 1, 2" in reply.json()["detail"]) == (422, True)
    assert quarantine.waiting(home.datasets / DATASET) == []


def test_a_prediction_is_deleted_everywhere(client: TestClient, home: Home) -> None:
    kept, gone = predict(client, 2)
    client.post("/feedback", json={"prediction_id": gone, "label": "1"})
    page = drift_files.page_file(home, DATASET)
    atomic.write_text(page, "It may show what is deleted.")
    assert client.delete(f"/predictions/{gone}").json() == {"status": "deleted", "detail": None}
    assert client.delete(f"/predictions/{gone}").status_code == 404
    assert [served.ids for served in served_log.read(home, DATASET)] == [(kept,)]
    assert not page.exists()
    assert quarantine.waiting(home.datasets / DATASET) == []


def test_erasing_an_image_from_the_dataset_deletes_every_logged_copy(client: TestClient, home: Home) -> None:
    (stored, other) = images(1, seed=1)[0], images(1)[0]
    for pixels in (stored, other, stored):
        client.post("/predict", json=as_json(pixels[None]))
    wait_for_the_disk(client)
    shutil.copytree(home.served_of(DATASET), home.served_of("other"))
    page = drift_files.page_file(home, "other")
    page.write_text("what was served")
    digest = digests.image_digests(stored[None]).tobytes().hex()
    removal.remove(home, DATASET, [digest], erase=True, notify=print)
    assert not page.exists()
    assert [served.images[0].tolist() for served in served_log.read(home, DATASET)] == [other.tolist()]


def test_a_command_lists_and_deletes(client: TestClient, home: Home) -> None:
    first, second, third = predict(client, 3)
    wait_for_the_disk(client)

    def served(*words: str) -> Result:
        return CliRunner().invoke(app, ["served", *words, "--home", str(home.root)])

    (facts,) = json.loads(served("show", "--json").stdout)
    assert (facts["dataset"], facts["version"], facts["predictions"]) == (DATASET, CHAMPION, 3)
    assert "Deleted: 1 of 1" in served("delete", str(first)).stdout
    refused = served("delete", str(first), str(second))
    assert isinstance(refused.exception, StoreError)
    assert str(first) in str(refused.exception)
    assert [one.ids for one in served_log.read(home, DATASET)] == [(third,)]
    assert isinstance(served("delete").exception, SettingsError)
    assert "Deleted: 1 of 1" in served("delete", "--all").stdout
    assert "No predictions are kept" in served("show").stdout


NOT_OURS = {
    "no token": (401, {}, False),
    "another token": (401, {"authorization": "Bearer " + "c0ffef" * 8}, False),
    "another site": (403, {"sec-fetch-site": "cross-site", "origin": "http://testserver"}, True),
    "a sister site": (403, {"sec-fetch-site": "same-site"}, True),
    "another site in an old browser": (403, {"origin": "http://evil.test"}, True),
    "nobody says from where": (403, {}, True),
}
"""What is answered, the headers, and whether the page's cookie is sent."""
OURS = ({"sec-fetch-site": "same-origin"}, {"origin": "http://testserver"})


def test_only_who_has_the_token_and_our_own_page_write(client: TestClient, home: Home) -> None:
    first, second = predict(client, 2)
    client.post("/session")
    cookies = dict(client.cookies)
    del client.headers["authorization"]
    for name, (status, headers, signed_in) in NOT_OURS.items():
        client.cookies = cookies if signed_in else {}
        said = {"prediction_id": first, "label": "1"}
        replies = [
            client.post("/feedback", json=said, headers=headers),
            client.delete(f"/predictions/{first}", headers=headers),
        ]
        assert [reply.status_code for reply in replies] == [status, status], name
    assert quarantine.waiting(home.datasets / DATASET) == []
    client.cookies = cookies
    for prediction, headers in zip((first, second), OURS, strict=True):
        reply = client.post("/feedback", json={"prediction_id": prediction, "label": "1"}, headers=headers)
        assert reply.status_code == 200, headers
    assert {entry.source for entry in quarantine.waiting(home.datasets / DATASET)} == {first, second}


def test_a_server_that_is_open_to_all_takes_changes_only_with_its_private_token(home: Home) -> None:
    for private, status in ((TOKEN, 401), (None, 403)):
        with TestClient(create_app(home, private_token=private, keeping=KEEPING)) as client:
            (prediction,) = predict(client)
            assert client.get("/production").json()["log"]["feedback"] is False
            reply = client.post("/feedback", json={"prediction_id": prediction, "label": "1"})
            assert reply.status_code == status
            assert client.delete(f"/predictions/{prediction}").status_code == status
            assert client.get("/production", headers=BEARER).json()["log"]["feedback"] is (private is not None)
            reply = client.delete(f"/predictions/{prediction}", headers=BEARER)
            assert reply.status_code == (200 if private else 403)


def test_what_is_kept_is_not_read_over_http(client: TestClient, home: Home) -> None:
    (prediction,) = predict(client)
    wait_for_the_disk(client)
    (file,) = served_log.files(home, DATASET)
    place = file.relative_to(home.root).as_posix()
    paths = (
        f"/{place}",
        f"/static/../../../{place}",
        f"/static/..%2f..%2f..%2f{place}",
        f"/versions/..%2fserved%2f{DATASET}/report.html",
        f"/predictions/{prediction}",
        "/feedback",
        f"/served/{DATASET}",
    )
    assert {path: status for path in paths if (status := client.get(path).status_code) not in {404, 405}} == {}
    del client.headers["authorization"]
    for path in paths:
        assert client.get(path).status_code in ({401, 404} if "static" in path else {401}), path


def test_a_dataset_that_does_not_grow_takes_no_corrections(home: Home) -> None:
    install_version(home, constant_onnx((8, 8, 1), 3), "20261122-100000-cnn-100-aaaa", "digits", (8, 8, 1), "digits")
    with TestClient(create_app(home, "digits", token=TOKEN, keeping=KEEPING), headers=BEARER) as client:
        (prediction,) = predict(client)
        assert client.get("/production").json()["log"]["feedback"] is False
        reply = client.post("/feedback", json={"prediction_id": prediction, "label": "1"})
        assert (reply.status_code, "ingest" in reply.json()["detail"]) == (409, True)


def test_metrics_count_what_is_kept(client: TestClient) -> None:
    predict(client, 3)
    wait_for_the_disk(client)
    text = client.get("/metrics").text
    assert {"predictions_logged_total 3.0", "predictions_not_logged_total 0.0"} <= set(text.splitlines())
    assert json.loads(client.get("/openapi.json").text)["paths"].keys() >= {"/feedback", "/predictions/{prediction_id}"}


@pytest.mark.slow
def test_a_killed_server_keeps_what_it_said_to_have_kept(home: Home) -> None:
    answered: list[str] = []
    server = running(home, "--log")
    with server as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"))
        body = json.dumps(as_json(images(1)))

        def kept() -> int:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            answered.append(json.loads(connection.getresponse().read())["predictions"][0]["prediction_id"])
            connection.request("GET", "/metrics")
            counted = re.search(r"^predictions_logged_total (\S+)", connection.getresponse().read().decode(), re.M)
            assert counted is not None
            return int(float(counted[1]))

        wait_until(lambda: kept() >= 20, "some are kept")
        said = kept()
        server.process.kill()
        server.process.wait()
    found = [one for served in served_log.read(home, DATASET) for one in served.ids]
    assert len(found) >= said
    assert found == answered[: len(found)]
