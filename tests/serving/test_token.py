"""A server with a token answers those who have it, and asks the others for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import running

from pipeline.errors import SettingsError
from pipeline.serving import access
from pipeline.serving.app import create_app
from pipeline.store.home import Home

TOKEN = "c0ffee" * 8
PROTECTED = ("/", "/dashboard", "/production", "/versions", "/readyz", "/metrics", "/openapi.json", "/nothing")


@pytest.fixture
def client(digits_home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(digits_home, token=TOKEN)) as open_client:
        yield open_client


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"authorization": f"{scheme} {token}"}


@pytest.mark.parametrize("path", PROTECTED)
def test_nothing_is_answered_without_the_token(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer" in reply.json()["detail"]
    assert client.get(path, headers=bearer(TOKEN)).status_code == (404 if path == "/nothing" else 200)


WRONG = {
    "another": bearer("c0ffee" * 7 + "c0ffef"),
    "shorter": bearer(TOKEN[:-1]),
    "longer": bearer(TOKEN + "c"),
    "another scheme": bearer(TOKEN, "Basic"),
    "no scheme": {"authorization": TOKEN},
    "in a cookie": {"cookie": f"{access.COOKIE}={TOKEN}"},
    "no cookie": {"cookie": "\x7f;;=="},
    "not ASCII": {"authorization": b"Bearer \xff\xfe"},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_token_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/production", headers=headers).status_code == 401
    assert client.post("/session", headers=headers).status_code == 401
    assert client.post("/predict", headers=headers, json={"images": [[[0] * 28] * 28]}).status_code == 401


def test_health_and_the_sign_in_page_need_no_token(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    page = client.get("/", headers={"accept": "text/html"})
    assert (page.status_code, "sign-in.js" in page.text) == (401, True)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/static/sign-in.js").status_code == 200


def test_signing_in_gives_a_cookie_that_scripts_cannot_read_and_other_sites_cannot_use(client: TestClient) -> None:
    reply = client.post("/session", headers=bearer(TOKEN))
    cookie = reply.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    for path in ("/", "/dashboard", "/production"):
        assert client.get(path).status_code == 200, "the client keeps the cookie"


def test_the_document_says_that_a_token_is_needed(client: TestClient, digits_home: Home) -> None:
    document = client.get("/openapi.json", headers=bearer(TOKEN)).json()
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    with TestClient(create_app(digits_home)) as unprotected:
        assert "security" not in unprotected.get("/openapi.json").json()


BAD_FILES = {
    "missing": (None, "cannot be read"),
    "empty": (b"", "16 to 1,000"),
    "short": (b"secret\n", "16 to 1,000"),
    "two lines": (b"c0ffeec0ffee\nc0ffeec0ffee\n", "one line"),
    "not ASCII": ("ünsafe-tøken-of-a-person".encode(), "not ASCII"),
    "endless": (b"c" * 5_000, "16 to 1,000"),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_token_file_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "token.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        access.read_token(path)


def test_serving_others_without_a_token_warns(digits_home: Home, tmp_path: Path) -> None:
    token = tmp_path / "token.txt"
    token.write_text(f"{TOKEN}\n")
    for options, warned in ((("--host", "0.0.0.0"), True), (("--host", "0.0.0.0", "--token-file", str(token)), False)):
        server = running(digits_home, *options)
        with server:
            assert ("--token-file" in server.logged()) is warned
    assert access.read_token(token) == TOKEN
