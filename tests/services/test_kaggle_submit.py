"""Submitting with the real client: the good way, and each way in which it can fail."""

import base64
import dataclasses
import urllib.parse

import numpy as np
import pytest
from faults import cut, error, reply, slow
from kaggle_server import KaggleServer
from listeners import KEY, Naps, Told
from small_version import SLUG, digits, publish, unseen_labels

from pipeline.application import Application
from pipeline.contracts import Submission, UnlabelledImages, Version
from pipeline.errors import DataError, ServiceError
from pipeline.facts.competition import numbered_form
from pipeline.publishing import delivery, submitter
from pipeline.publishing.entry import Entry
from pipeline.publishing.submitter import Request
from pipeline.services.calls import Patience
from pipeline.store import production, submissions
from pipeline.store.home import Home


def test_a_submission_is_announced_sent_recorded_and_scored(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    record = submitter.submit(home, request_, patience, told)

    assert [row["content"] for row in kaggle_site.submissions] == [request_.submission.csv.read_bytes()]
    message = kaggle_site.submissions[0]["description"]
    for part in (request_.version.id, "logistic", "700 images", request_.version.manifest.digest[:12]):
        assert part in message
    assert told.sentences[0].startswith(f"Expected public score of {request_.version.id}: ")
    assert record.status == "complete"
    assert record.reference == kaggle_site.submissions[0]["ref"]
    assert record.expected_low <= record.public_score <= record.expected_high
    assert submissions.read(home) == [record]
    assert f"{100 * record.public_score:.3f} %; expected" in submitter.outcome_sentence(record)


def test_the_same_file_of_the_same_version_is_never_sent_twice(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    first = submitter.submit(home, request_, patience, told)
    assert submitter.submit(home, request_, patience, told) == first
    assert len(kaggle_site.submissions) == 1


REFUSALS = {
    "rules not accepted": (
        "StartSubmissionUpload",
        error(403, "403 - You cannot submit until you accept the competition rules"),
        "web page only: kaggle.com/competitions/digit-recognizer/rules",
    ),
    "wrong slug": (
        "GetSubmissionLimits",
        error(403, "Permission 'competitions.participate' was denied"),
        "check --competition",
    ),
    "not joined": (
        "GetSubmissionLimits",
        error(403, "Permission 'competitions.participate' was denied"),
        "This account has not joined 'digit-recognizer'",
    ),
    "another 403": ("StartSubmissionUpload", error(403, "Your account is suspended"), "Your account is suspended"),
    "401": ("ListSubmissions", error(401, "Unauthenticated"), "rejected the credentials"),
    "404": ("ListSubmissions", error(404, "Not found"), "does not know the competition 'digit-recognizer'"),
    "400 while creating": ("CreateSubmission", error(400, "Too many rows"), "Kaggle refused (400): Too many rows"),
    "the storage refuses the file": ("upload", reply(403), "Kaggle forbids this (403)"),
}


@pytest.mark.parametrize(("call", "fault", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_one_sentence_and_leaves_the_file(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, call, fault, words
) -> None:
    kaggle_site.faults[call] = [fault] * 9
    with pytest.raises(ServiceError) as raised:
        submitter.submit(home, request_, patience, told)
    sentence = str(raised.value)
    assert words in sentence
    assert sentence.endswith(f"The file stays in {request_.submission.csv}.")
    assert request_.submission.csv.exists()
    assert kaggle_site.submissions == []
    assert kaggle_site.calls.count(call) == 1


def test_a_refused_file_may_be_sent_again(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.faults["CreateSubmission"] = [error(400, "Not now")]
    with pytest.raises(ServiceError):
        submitter.submit(home, request_, patience, told)
    assert [(r.status, "Not now" in r.reason) for r in submissions.read(home)] == [("refused", True)]
    assert submitter.submit(home, request_, patience, told).status == "complete"
    assert [record.status for record in submissions.read(home)] == ["refused", "complete"]


TEMPORARY = {
    "429 with Retry-After": (reply(429, {"code": 429, "message": "Too many requests"}, {"Retry-After": "7"}), [7, 7]),
    "429 without Retry-After": (error(429, "Too many requests"), [1, 2]),
    "500": (error(500, "Internal error"), [1, 2]),
    "503": (reply(503, b"unavailable"), [1, 2]),
    "connection cut": (cut, [1, 2]),
    "empty JSON": (reply(200, b"", {"Content-Type": "application/json"}), [1, 2]),
    "malformed JSON": (reply(200, b'{"token": ', {"Content-Type": "application/json"}), [1, 2]),
}


@pytest.mark.parametrize(("fault", "waits"), TEMPORARY.values(), ids=TEMPORARY)
def test_a_temporary_problem_is_waited_out(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, naps: Naps, told: Told, fault, waits
) -> None:
    kaggle_site.faults["StartSubmissionUpload"] = [fault, fault]
    kaggle_site.polls_until_scored = 0
    assert submitter.submit(home, request_, patience, told).status == "complete"
    assert naps.seconds[:2] == waits
    assert len(kaggle_site.submissions) == 1


@pytest.mark.parametrize(("fault", "waits"), TEMPORARY.values(), ids=TEMPORARY)
def test_and_given_up_after_a_bounded_number_of_tries(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, fault, waits
) -> None:
    kaggle_site.faults["StartSubmissionUpload"] = [fault] * 9
    with pytest.raises(ServiceError, match="The file stays in"):
        submitter.submit(home, request_, patience, told)
    assert kaggle_site.calls.count("StartSubmissionUpload") == 3
    assert kaggle_site.submissions == []


def test_a_wait_longer_than_the_time_limit_is_not_begun(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, naps: Naps, told: Told
) -> None:
    kaggle_site.faults["StartSubmissionUpload"] = [reply(429, {}, {"Retry-After": "3600"})]
    with pytest.raises(ServiceError, match=r"asks to wait 3600 s.*no room to try again"):
        submitter.submit(home, request_, patience, told)
    assert naps.seconds == []


@pytest.mark.slow
@pytest.mark.parametrize("call", ["ListSubmissions", "StartSubmissionUpload", "upload"])
def test_a_silent_server_ends_with_the_time_limit(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, call: str
) -> None:
    kaggle_site.faults[call] = [slow(4)] * 3
    with pytest.raises(ServiceError, match=r"did not answer within the time limit.*The file stays in"):
        submitter.submit(home, request_, dataclasses.replace(patience, limit_seconds=1), told)


def test_an_upload_that_is_always_cut_is_given_up(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.faults["upload"] = [cut] * 99
    with pytest.raises(ServiceError, match="connection to Kaggle failed or was cut"):
        submitter.submit(home, request_, patience, told)
    assert kaggle_site.calls.count("upload") == 3
    assert kaggle_site.submissions == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_upload_that_the_storage_fails_is_retried(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, naps: Naps, told: Told, status: int
) -> None:
    kaggle_site.faults["upload"] = [reply(status, b"<html>down</html>")] * 2
    assert submitter.submit(home, request_, patience, told).status == "complete"
    assert naps.seconds[:2] == [1, 2]
    assert len(kaggle_site.submissions) == 1


def test_a_file_that_kaggle_cannot_score_says_why(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.truth = ["1"]
    with pytest.raises(ServiceError, match="could not score submission 50000000: Submission must have the columns"):
        submitter.submit(home, request_, patience, told)
    assert [record.status for record in submissions.read(home)] == ["error"]


def test_what_could_not_be_scored_is_sent_again_only_if_that_is_asked_for(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    truth, kaggle_site.truth = kaggle_site.truth, ["1"]
    with pytest.raises(ServiceError, match="could not score submission 50000000"):
        submitter.submit(home, request_, patience, told)
    kaggle_site.truth = truth
    with pytest.raises(ServiceError, match="could not score submission 50000000"):
        submitter.submit(home, request_, patience, told)
    assert "and Kaggle could not score it: it is not sent again without --resend" in told
    assert submitter.submit(home, dataclasses.replace(request_, resend=True), patience, told).status == "complete"
    assert [record.status for record in submissions.read(home)] == ["error", "complete"]
    assert submitter.submit(home, request_, patience, told).reference == 50_000_001
    assert len(kaggle_site.submissions) == 2


def test_a_score_that_takes_longer_is_taken_up_later(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.polls_until_scored = 10**6
    record = submitter.submit(home, request_, dataclasses.replace(patience, limit_seconds=2), told)
    assert record.status == "pending"
    assert "kaggle status" in submitter.outcome_sentence(record)
    kaggle_site.submit(b"", "a newer one, which is the first row now")
    kaggle_site.polls_until_scored = 0

    [refreshed] = delivery.refresh(home, "digit-recognizer", patience)
    assert refreshed.status == "complete"
    assert refreshed.public_score == pytest.approx(_accuracy(request_), abs=1e-5)
    assert submissions.read(home) == [refreshed]


def test_looks_at_the_score_grow_rarer_and_each_is_told(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, naps: Naps, told: Told
) -> None:
    kaggle_site.polls_until_scored = 4
    assert submitter.submit(home, request_, patience, told).status == "complete"
    assert naps.seconds == [1, 1.5, 2.25, 3.375]
    assert sum("is scoring submission 50000000" in sentence for sentence in told.sentences) == 4


def test_a_score_that_cannot_be_asked_for_does_not_hide_that_the_file_was_sent(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.faults_after["CreateSubmission"] = [
        lambda handler: (
            kaggle_site.faults["ListSubmissions"].extend([error(500, "Down")] * 9),
            handler.send(200, {"message": "ok", "ref": 50_000_000}),
        )
    ]
    record = submitter.submit(home, request_, patience, told)
    assert record.status == "pending"
    assert "was sent, but its score could not be requested" in told


def test_the_daily_limit_is_respected(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.limits = {"numToday": 5, "numTotal": 10, "numAllowedNow": 0, "limitedByTotal": False}
    with pytest.raises(ServiceError, match="used up: nothing was sent"):
        submitter.submit(home, request_, patience, told)
    assert "StartSubmissionUpload" not in kaggle_site.calls
    assert submissions.read(home) == []


def test_a_total_limit_is_not_called_todays(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.limits = {"numToday": 1, "numTotal": 100, "numAllowedNow": 0, "limitedByTotal": True}
    with pytest.raises(ServiceError, match="allows in total are used up") as raised:
        submitter.submit(home, request_, patience, told)
    assert "midnight" not in str(raised.value)


def test_zeros_for_an_account_without_a_team_are_no_limit(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.limits = {"numToday": 0, "numTotal": 0, "numAllowedNow": 0, "limitedByTotal": False}
    assert submitter.submit(home, request_, patience, told).status == "complete"


def test_training_images_among_the_test_images_are_refused(
    home: Home, champion: Version, kaggle_site: KaggleServer, patience: Patience, told: Told, tmp_path
) -> None:
    leaky = _request(home, champion, np.concatenate([digits()[0][:25], digits()[0][1200:1300]]))
    with pytest.raises(DataError, match=r"25 of the 125 test images are among the training images.*--allow-leak"):
        submitter.submit(home, leaky, patience, told)
    assert kaggle_site.calls == []

    kaggle_site.truth = ["0"] * 125
    record = submitter.submit(home, dataclasses.replace(leaky, allow_leak=True), patience, told)
    assert record.leak
    assert kaggle_site.submissions[0]["description"].endswith("trained on test images")


BAD_FILES = {
    "columns": ("ImageId,Digit\n", "instead of 'ImageId,Label'"),
    "rows": ("ImageId,Label\n1,3\n", "1 predictions for 697 images"),
    "order": (
        "ImageId,Label\n2,3\n1,3\n" + "".join(f"{n},3\n" for n in range(3, 698)),
        "expected a prediction for id 1, found '2,3'",
    ),
    "labels": (
        "ImageId,Label\n1,x\n" + "".join(f"{n},3\n" for n in range(2, 698)),
        "label 'x' is not one of the classes",
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_not_fit_is_not_sent(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, content, words
) -> None:
    request_.submission.csv.write_text(content)
    with pytest.raises(DataError, match=words):
        submitter.submit(home, request_, patience, told)
    assert kaggle_site.calls == []


def test_predictions_of_stand_in_images_are_not_sent(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    stand_in = dataclasses.replace(request_, submission=dataclasses.replace(request_.submission, stand_in=True))
    with pytest.raises(DataError, match="kaggle download"):
        submitter.submit(home, stand_in, patience, told)


def test_images_unlike_the_benchmark_are_warned_of(
    home: Home, champion: Version, test_set: UnlabelledImages, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    submitter.submit(home, _request(home, champion, 255 - test_set.images), patience, told)
    assert "do not look like those the model was judged on" in told


def test_after_a_run_only_a_new_champion_is_submitted(
    home: Home, request_: Request, test_set: UnlabelledImages, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    def after_run(submission: Submission) -> submissions.SubmissionRecord | None:
        return submitter.after_run(home, submission, test_set, entry=request_.entry, patience=patience, notify=told)

    assert after_run(request_.submission) is not None
    assert after_run(request_.submission) is None
    assert "the champion is unchanged" in told
    (sent,) = submissions.read(home)
    with submissions.exclusive(home, SLUG):
        submissions.save(home, dataclasses.replace(sent, status="error", public_score=None, reason="Wrong."))
    with pytest.raises(ServiceError, match="could not score submission"):
        after_run(request_.submission)
    with submissions.exclusive(home, SLUG):
        submissions.save(home, sent)
    better = publish(home, number=2, strength=0.1)
    newer = _request(home, better, test_set.images).submission
    assert after_run(newer) is not None
    assert len(kaggle_site.submissions) == 2


PAIR = f"somebody:{KEY}"
ECHOES = {
    "the key": KEY,
    "base64 of user and key": base64.b64encode(PAIR.encode()).decode(),
    "the header": f"Authorization: Basic {base64.b64encode(PAIR.encode()).decode()}",
    "percent-encoded": urllib.parse.quote(PAIR, safe=""),
    "an address": f"http://{PAIR}@127.0.0.1/upload?X-Signature=a-signature-nobody-should-see",
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_secret_is_ever_told_or_written(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, capfd, echo: str
) -> None:
    kaggle_site.faults["upload"] = [cut]
    kaggle_site.faults["CreateSubmission"] = [error(400, f"You sent {echo}")]
    with pytest.raises(ServiceError, match=r"You sent .*\*\*\*") as raised:
        submitter.submit(home, request_, patience, told)
    captured = capfd.readouterr()
    written = "".join(path.read_text() for path in home.metric_results.glob("*.csv"))
    everything = f"{raised.value} {told.sentences} {captured.out} {captured.err} {written}"
    for secret in (KEY, base64.b64encode(PAIR.encode()).decode().rstrip("="), "nobody-should-see"):
        assert secret not in everything
    assert raised.value.__suppress_context__


def test_a_token_that_a_variable_names_by_file_is_redacted(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, monkeypatch, tmp_path
) -> None:
    (tmp_path / "token").write_text("a-token-nobody-should-see\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "token"))
    kaggle_site.token_user = "somebody"
    kaggle_site.faults["StartSubmissionUpload"] = [error(400, "token a-token-nobody-should-see is of no use")]
    with pytest.raises(ServiceError, match=r"token \*\*\* is of no use"):
        submitter.submit(home, request_, patience, told)


def test_what_kaggle_says_is_recorded_as_plain_text(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    nasty = "=cmd|' /C calc'!A0 [/3] [bold]\x1b[2J\r\nline\u2028two <script>"
    kaggle_site.faults["CreateSubmission"] = [error(400, nasty)]
    with pytest.raises(ServiceError) as raised:
        submitter.submit(home, request_, patience, told)
    [record] = submissions.read(home)
    for text in (str(raised.value), record.reason, (home.metric_results / "submissions.csv").read_text()[:-1]):
        assert "\x1b" not in text
        assert "\u2028" not in text
    assert "[/3] [bold]\\x1b[2J line two <script>" in record.reason


def _request(home: Home, version: Version, images: np.ndarray) -> Request:
    test = UnlabelledImages("images", images, tuple(str(n) for n in range(1, len(images) + 1)))
    deployment = production.current(home, "digits")
    assert deployment is not None
    made = Application(deployment).run(test, home.metric_results / "other.csv")
    return Request(version, made, test, Entry(SLUG, numbered_form(test.ids)))


def _accuracy(request: Request) -> float:
    predicted = [line.split(",")[1] for line in request.submission.csv.read_text().splitlines()[1:]]
    return float(np.mean([int(p) == label for p, label in zip(predicted, unseen_labels(), strict=True)]))
