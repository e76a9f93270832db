"""Reviewing over HTTP: who may, from which pages, and what they are told."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from reviewed import NAME, TOKEN, make_queue
from served import running

from pipeline.data import snapshots
from pipeline.growing import decisions, quarantine
from pipeline.serving import access
from pipeline.serving.app import create_app
from pipeline.store.home import Home

OWN, FOREIGN = "http://testserver", "http://elsewhere.example"
ASK = {"reviewer": "Ada"}
Open = Callable[..., TestClient]


@pytest.fixture
def queue_home(home: Home) -> Home:
    return make_queue(home)


@pytest.fixture
def client(queue_home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(queue_home, NAME, private_token=TOKEN)) as opened:
        yield opened


def bearer() -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"}


def test_without_any_token_nobody_reviews(queue_home: Home) -> None:
    with TestClient(create_app(queue_home, NAME)) as client:
        for reply in (
            client.get("/review"),
            client.get("/review/next", params=ASK),
            client.post("/review/store", json=ASK, headers=bearer()),
            client.post("/session", headers=bearer()),
        ):
            assert reply.status_code == 403
            assert "--token-file" in reply.json()["detail"]
        assert client.get("/dashboard").status_code == 200, "the rest is open"


def test_a_token_for_reviews_alone_leaves_the_rest_open(client: TestClient) -> None:
    assert client.get("/dashboard").status_code == 200
    page = client.get("/review", headers={"accept": "text/html"})
    assert (page.status_code, "sign-in.js" in page.text) == (401, True)
    assert client.get("/review/next", params=ASK).status_code == 401
    assert client.get("/review/next", params=ASK, headers=bearer()).status_code == 200
    assert client.get("/reviewed").status_code == 404, "no other path is meant"
    client.post("/session", headers=bearer())
    assert "review.js" in client.get("/review", headers={"accept": "text/html"}).text


SENDERS = {
    "a program with the token": (True, False, {}, 200),
    "our page with the token": (True, False, {"origin": OWN}, 200),
    "another site's page with the token": (True, False, {"origin": FOREIGN}, 403),
    "another site's page with the token, as its browser says": (True, False, {"sec-fetch-site": "cross-site"}, 403),
    "our page, signed in": (False, True, {"origin": OWN}, 200),
    "our page, signed in, as its browser says": (False, True, {"sec-fetch-site": "same-origin"}, 200),
    "our page behind a proxy that changes the host": (
        False,
        True,
        {"sec-fetch-site": "same-origin", "origin": "https://public.example"},
        200,
    ),
    "another site's page, signed in": (False, True, {"origin": FOREIGN}, 403),
    "another site's page that names us": (False, True, {"origin": OWN, "sec-fetch-site": "cross-site"}, 403),
    "a page on another port": (False, True, {"origin": f"{OWN}:81"}, 403),
    "a page of a neighbouring name": (False, True, {"sec-fetch-site": "same-site"}, 403),
    "a page in a sandbox": (False, True, {"origin": "null"}, 403),
    "a cookie alone": (False, True, {}, 403),
    "nobody": (False, False, {}, 401),
    "our page, not signed in": (False, False, {"origin": OWN}, 401),
}


@pytest.mark.parametrize("for_all", [True, False], ids=["a token for all", "a token for reviews"])
def test_only_our_own_pages_and_who_has_the_token_can_write(queue_home: Home, for_all: bool) -> None:
    tokens = {"token": TOKEN} if for_all else {"private_token": TOKEN}
    for name, (has_token, has_cookie, headers, status) in SENDERS.items():
        with TestClient(create_app(queue_home, NAME, **tokens)) as client:
            question = client.get("/review/next", params=ASK, headers=bearer()).json()["question"]
            if has_cookie:
                client.post("/session", headers=bearer())
            own = {**headers, **(bearer() if has_token else {})}
            body = {**ASK, "digest": question["digest"], "action": "discard"}
            reply = client.post("/review/decisions", json=body, headers=own)
            assert reply.status_code == status, name
            pending = decisions.read(queue_home.datasets / NAME).pending
            assert (question["digest"] in pending) is (status == 200), name
            client.post("/review/undo", json=ASK, headers=bearer())


def test_a_form_of_another_page_is_not_understood(client: TestClient, queue_home: Home) -> None:
    question = client.get("/review/next", params=ASK, headers=bearer()).json()["question"]
    text = f'{{"reviewer":"Ada","digest":"{question["digest"]}","action":"discard"}}'
    reply = client.post("/review/decisions", content=text, headers={**bearer(), "content-type": "text/plain"})

    assert reply.status_code == 422
    assert decisions.read(queue_home.datasets / NAME).pending == {}


def test_decide_undo_and_store(client: TestClient, queue_home: Home) -> None:
    client.headers.update(bearer())
    start = client.get("/review/next", params=ASK).json()
    first = start["question"]
    assert start["progress"] == {"left": 4, "decided": 0, "skipped": 0}
    assert start["classes"][7] == {"name": "7", "key": "7"}
    assert base64.b64decode(first["picture"].partition(",")[2]).startswith(b"\x89PNG")
    assert first["opinions"][0]["classes"][0] == "4", "what the champion predicts"

    body = {**ASK, "digest": first["digest"], "action": "label", "label": "3"}
    after = client.post("/review/decisions", json=body).json()
    assert after["question"]["digest"] != first["digest"]
    other = client.post("/review/decisions", json={**body, "reviewer": "Grace"})
    assert (other.status_code, "Ada has already decided" in other.json()["detail"]) == (409, True)
    assert client.post("/review/undo", json=ASK).json()["question"]["digest"] == first["digest"]
    assert client.post("/review/undo", json=ASK).status_code == 409
    client.post("/review/decisions", json=body)
    stored = client.post("/review/store", json=ASK).json()
    assert stored["sentences"][0] == "Reviewed by Ada: 1 added."
    assert stored["progress"] == {"left": 3, "decided": 0, "skipped": 0}
    assert snapshots.find(queue_home.datasets, NAME).number == 2


def test_who_reviews_blind_is_sent_the_picture_alone(client: TestClient, queue_home: Home) -> None:
    client.headers.update(bearer())
    audits = {one.digest for one in quarantine.waiting(queue_home.datasets / NAME) if one.cause == quarantine.AUDIT}
    seen = set()
    while (question := client.get("/review/next", params=ASK).json()["question"]) is not None:
        if question["digest"] in audits:
            seen.add(question["digest"])
            facts = {name: value for name, value in question.items() if name not in {"digest", "picture"}}
            assert facts == {"blind": True, "label": None, "reason": "", "opinions": [], "twin": None}
        body = {**ASK, "digest": question["digest"], "action": "skip"}
        assert client.post("/review/decisions", json=body).status_code == 200
    assert seen == audits != set()


BAD = {
    "no reviewer": {"digest": "0" * 32, "action": "skip"},
    "no name": {"digest": "0" * 32, "action": "skip", "reviewer": ""},
    "another action": {"digest": "0" * 32, "action": "erase", "reviewer": "Ada"},
    "no digest": {"digest": "../up", "action": "skip", "reviewer": "Ada"},
    "a number as label": {"digest": "0" * 32, "action": "label", "label": 3, "reviewer": "Ada"},
    "more than asked": {"digest": "0" * 32, "action": "skip", "reviewer": "Ada", "blind": False},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_bad_decisions_are_refused(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/review/decisions", json=body, headers=bearer()).status_code == 422


def test_what_does_not_wait_or_is_no_class_is_refused(client: TestClient) -> None:
    client.headers.update(bearer())
    gone = {**ASK, "digest": "0" * 32, "action": "skip"}
    assert client.post("/review/decisions", json=gone).status_code == 409
    question = client.get("/review/next", params=ASK).json()["question"]
    wrong = {**ASK, "digest": question["digest"], "action": "label", "label": "eleven"}
    assert "no class 'eleven'" in client.post("/review/decisions", json=wrong).json()["detail"]


def test_a_dataset_that_does_not_grow_has_nothing_to_review(digits_home: Home) -> None:
    with TestClient(create_app(digits_home, private_token=TOKEN)) as client:
        reply = client.get("/review/next", params=ASK, headers=bearer())
        assert (reply.status_code, "'mnist' is not a growing dataset" in reply.json()["detail"]) == (404, True)


@pytest.mark.slow
def test_serve_prints_a_link_with_a_token_of_its_own_on_loopback_only(digits_home: Home, tmp_path: Path) -> None:
    server = running(digits_home)
    with server as address:
        link = server.review_link()
        token = link.partition("#token=")[2]
        assert link.startswith(f"{address}/review#token=")
        assert len(token) >= access.SHORTEST_TOKEN
    kept = tmp_path / "token.txt"
    kept.write_text(TOKEN)
    for options in (("--host", "0.0.0.0"), ("--token-file", str(kept))):
        server = running(digits_home, *options)
        with server:
            pass
        assert "review" not in server.rest
