"""The commands, from the download to the score, and what they print."""

import json
from dataclasses import replace
from typing import Any

import pytest
from faults import stop
from huggingface_server import TOKEN
from kaggle_server import KaggleServer
from listeners import Told
from small_version import publish
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.contracts import Submission, UnlabelledImages, Version
from pipeline.errors import DataError, ServiceError
from pipeline.publishing import submitter
from pipeline.publishing.entry import Entry
from pipeline.publishing.submitter import Request
from pipeline.services.calls import Patience
from pipeline.store import submissions
from pipeline.store.home import Home


@pytest.fixture
def call(home: Home):
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--home", str(home.root)])

    return run


def test_from_the_download_to_the_score(home: Home, champion: Version, competition: KaggleServer, call) -> None:
    assert "697 rows, fetched" in call("kaggle", "download").output
    submitted = call("kaggle", "submit")
    assert submitted.exit_code == 0
    assert f"Public score of {champion.id}" in submitted.output
    assert "expected" in submitted.output

    [shown] = json.loads(call("kaggle", "status", "--json").output)
    assert shown["version"] == champion.id
    assert shown["public_score"] > 0.9
    assert champion.id in call("kaggle", "status").output


def test_a_version_that_does_not_serve_can_be_submitted_by_name(
    home: Home, champion: Version, competition: KaggleServer, call
) -> None:
    other = publish(home, number=2, strength=0.1, serve=False)
    call("kaggle", "download")
    assert f"Public score of {other.id}" in call("kaggle", "submit", "--version", other.id[-9:]).output


def test_without_test_images_the_way_to_them_is_named(home: Home, champion: Version, call) -> None:
    found = call("kaggle", "submit")
    assert isinstance(found.exception, DataError)
    assert "simulator.py kaggle download" in str(found.exception)


def test_a_stop_says_where_to_look_for_what_may_have_been_sent(
    home: Home, champion: Version, competition: KaggleServer, call
) -> None:
    call("kaggle", "download")
    competition.faults_after["CreateSubmission"] = [stop]
    stopped = call("kaggle", "submit")
    assert stopped.exit_code == 143
    said = " ".join(stopped.output.split())
    assert (
        "Stopped. If a submission had been requested, Kaggle may have it: `simulator.py kaggle status` looks." in said
    )
    [record] = submissions.read(home)
    assert record.status == "sending"
    assert champion.id in call("kaggle", "status").output
    [record] = submissions.read(home)
    assert (record.status, len(competition.submissions)) == ("complete", 1)


def test_nothing_submitted_yet(home: Home, competition: KaggleServer, call) -> None:
    def said() -> str:
        return " ".join(call("kaggle", "status").output.split())

    nothing = "Nothing has been submitted to digit-recognizer yet"
    run = f"{nothing}: `simulator.py run --competition digit-recognizer --submit` does."
    assert said() == run
    (home.data / "kaggle" / "trees").mkdir(parents=True)
    (home.data / "kaggle" / "trees" / "train.csv").touch()
    assert said() == f"{nothing}; --competition NAME shows another: trees."
    call("kaggle", "download")
    assert said() == run, "there is no version yet"
    publish(home)
    assert said() == f"{nothing}: `simulator.py kaggle submit` does."
    assert "Public score" in call("kaggle", "submit").output


LEAK = {"leak": True, "public_score": 0.99}
NOTED = {
    "a leak alone": (LEAK, "Not counted: 1 trained on test images."),
    "a refused leak": (
        {"leak": True, "public_score": None, "status": "refused", "reason": "Not now."},
        "trained on test images; Not now.",
    ),
    "a refit that leaked": ({**LEAK, "refit": 2}, f"trained on test images; {submitter.REFIT_WORDS}"),
}


@pytest.mark.parametrize(("change", "words"), NOTED.values(), ids=NOTED)
def test_the_status_says_all_that_is_special_and_what_does_not_count(
    home: Home, request_: Request, competition: KaggleServer, patience: Patience, told: Told, call,
    change: dict[str, Any], words: str
) -> None:  # fmt: skip
    sent = submitter.submit(home, request_, patience, told)
    with submissions.exclusive(home, sent.competition):
        submissions.save(home, replace(sent, **change))
    competition.submissions.clear()
    output = call("kaggle", "status").output
    assert words in " ".join(output.split())
    assert not output.endswith("\n\n")


def test_a_run_without_credentials_says_in_one_line_how_to_submit(
    home: Home, submission: Submission, test_set: UnlabelledImages, entry: Entry, patience: Patience, told: Told
) -> None:
    record = submitter.after_run(home, submission, test_set, entry=entry, patience=patience, notify=told)
    assert record is None
    assert told.sentences[0].startswith("Expected public score")
    assert len(told.sentences) == 2
    again = f"simulator.py kaggle submit --dataset digits --version {submission.version_id}"
    assert f"set KAGGLE_API_TOKEN and run `{again}`" in told.sentences[1]
    assert str(submission.csv) in told.sentences[1]


KNOWN = {
    "sent": ({}, "This file of V was sent as submission 50000000: it is not sent again without --resend."),
    "sent for another version": (
        {"version": "another"},
        "The same file, predicted by another, was sent as submission 50000000: it is not sent again without --resend.",
    ),
    "of unknown outcome": (
        {"reference": None, "status": "unknown"},
        "Whether Kaggle has the submission of V is unknown. Run ",
    ),
    "refused": ({"reference": None, "status": "refused"}, "Not submitted, since there are no Kaggle credentials: "),
}


@pytest.mark.parametrize(("change", "words"), KNOWN.values(), ids=KNOWN)
def test_without_credentials_nobody_is_told_to_send_what_kaggle_has(
    home: Home, request_: Request, competition: KaggleServer, patience: Patience, told: Told,
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], words: str
) -> None:  # fmt: skip
    sent = replace(submitter.submit(home, request_, patience, told), **change)
    with submissions.exclusive(home, sent.competition):
        submissions.save(home, sent)
    monkeypatch.delenv("KAGGLE_KEY")
    assert submitter.submit_if_possible(home, request_, patience, told) is None
    assert told.sentences[-1].startswith(words.replace("V", request_.version.id))


def test_publishing_without_a_token_leaves_the_mirror(home: Home, champion: Version, call) -> None:
    found = call("publish", "somebody/digits")
    assert isinstance(found.exception, ServiceError)
    assert TOKEN not in str(found.exception)
    assert (home.production / "digits" / "huggingface" / "README.md").exists()
