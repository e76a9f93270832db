"""Where credentials are found, what is said without them, and that the client then takes them."""

import json
from pathlib import Path

import pytest
from faults import reply
from kaggle_server import KaggleServer
from listeners import KEY
from local_kaggle import forget_kaggle

from pipeline.errors import ServiceError
from pipeline.services import kaggle, kaggle_credentials
from pipeline.services.calls import Patience


def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def in_token_variable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", KEY)


def in_token_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    folder.mkdir()
    (folder / "access_token").write_text(KEY + "\n")


def in_a_named_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text(KEY + "\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(folder / "mine"))


def in_two_variables(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", KEY)


def in_json(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    folder.mkdir()
    (folder / "kaggle.json").write_text(json.dumps({"username": "somebody", "key": KEY}))


def in_json_elsewhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folder))
    in_json(monkeypatch, folder)


WAYS = {
    "token in a variable": (in_token_variable, "KAGGLE_API_TOKEN"),
    "token in a file": (in_token_file, "access_token"),
    "token in a file that a variable names": (in_a_named_file, "mine"),
    "user name and key in variables": (in_two_variables, "KAGGLE_USERNAME"),
    "kaggle.json": (in_json, "kaggle.json"),
    "kaggle.json elsewhere": (in_json_elsewhere, "kaggle.json"),
}


@pytest.mark.parametrize(("way", "named"), WAYS.values(), ids=WAYS)
def test_each_way_is_found_and_the_client_takes_it(
    kaggle_site: KaggleServer, patience: Patience, monkeypatch: pytest.MonkeyPatch, way, named: str
) -> None:
    no_variables(monkeypatch)
    way(monkeypatch, Path.home() / ".kaggle")
    forget_kaggle()
    kaggle_site.token_user = "somebody"

    found = kaggle_credentials.source()
    assert found is not None
    assert named in found
    assert KEY in kaggle_credentials.secrets()
    assert kaggle.entries(kaggle.connect("digit-recognizer", patience)) == []


def test_without_any_the_sentence_names_the_three_ways_and_nothing_is_asked(
    kaggle_site: KaggleServer, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_variables(monkeypatch)
    with pytest.raises(kaggle.MissingCredentialsError) as raised:
        kaggle.connect("digit-recognizer", patience)
    for way in ("KAGGLE_API_TOKEN", "~/.kaggle/access_token", "KAGGLE_USERNAME", "kaggle.json"):
        assert way in str(raised.value)
    assert kaggle_site.calls == []


UNUSABLE = {
    "no JSON": ("kaggle.json", b"{", "kaggle.json is not valid JSON"),
    "a list": ("kaggle.json", b"[]", "kaggle.json is not a JSON object"),
    "no key": ("kaggle.json", b'{"username": "somebody"}', "kaggle.json lacks 'username' or 'key'"),
    "not UTF-8": ("kaggle.json", b"\xff\xfe\x00", "kaggle.json is not text in UTF-8"),
    "a token that is not UTF-8": ("access_token", b"\xff", "access_token is not text in UTF-8"),
    "two lines of token": ("access_token", b"abc\ndef", "line break"),
    "a line break in the key": ("kaggle.json", b'{"username": "me", "key": "abc\\ndef"}', "line break"),
}


@pytest.mark.parametrize(("name", "content", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_credentials_are_not_called_missing(
    kaggle_site: KaggleServer,
    patience: Patience,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes,
    words: str,
) -> None:
    no_variables(monkeypatch)
    folder = Path.home() / ".kaggle"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(ServiceError, match=words) as raised:
        kaggle.connect("digit-recognizer", patience)
    assert not isinstance(raised.value, kaggle.MissingCredentialsError)
    assert kaggle_credentials.given()
    assert kaggle_site.calls == []


def test_a_folder_in_place_of_the_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    no_variables(monkeypatch)
    (Path.home() / ".kaggle" / "kaggle.json").mkdir(parents=True)
    with pytest.raises(ServiceError, match=r"kaggle.json cannot be read \(Is a directory\)"):
        kaggle_credentials.source()


def test_an_empty_token_file_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    no_variables(monkeypatch)
    folder = Path.home() / ".kaggle"
    folder.mkdir()
    (folder / "access_token").write_text("")
    assert kaggle_credentials.source() is None
    assert not kaggle_credentials.given()
    assert kaggle_credentials.secrets() == set()


def test_a_token_with_a_line_break_is_named_and_not_sent(
    kaggle_site: KaggleServer, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_variables(monkeypatch)
    monkeypatch.setenv("KAGGLE_API_TOKEN", KEY + "\n")
    with pytest.raises(ServiceError, match="KAGGLE_API_TOKEN contain a space, a line break") as raised:
        kaggle.connect("digit-recognizer", patience)
    assert KEY not in str(raised.value)
    assert kaggle_site.calls == []


def test_a_token_that_kaggle_does_not_know_ends_in_a_sentence_and_not_in_an_exit(
    kaggle_site: KaggleServer, patience: Patience, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    no_variables(monkeypatch)
    in_token_variable(monkeypatch, Path.home())
    refused = reply(403, {"code": 403, "message": "Invalid token"})
    kaggle_site.faults["security.OAuthService/IntrospectToken"] = [refused] * 9
    with pytest.raises(ServiceError, match="rejected the credentials from the environment variable"):
        kaggle.connect("digit-recognizer", patience)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
