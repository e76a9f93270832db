"""Attempts of unknown outcome: Kaggle may have the file, so that it is looked for and never sent again unasked."""

import dataclasses
import threading
import time

import pytest
from faults import Fault, cut, error, reply, slow
from kaggle_server import KaggleServer
from listeners import Naps, Told

from pipeline.errors import ServiceError, StoreError
from pipeline.publishing import delivery, submitter
from pipeline.publishing.submitter import Request
from pipeline.services.calls import Patience
from pipeline.store import submissions
from pipeline.store.home import Home


def test_a_file_is_not_sent_again_after_a_crash_between_sending_and_recording(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, monkeypatch
) -> None:
    saved = submissions.save

    def crash_after_sending(home: Home, record: submissions.SubmissionRecord) -> None:
        if record.reference is not None:
            raise KeyboardInterrupt
        saved(home, record)

    monkeypatch.setattr(submissions, "save", crash_after_sending)
    with pytest.raises(KeyboardInterrupt):
        submitter.submit(home, request_, patience, told)
    assert [record.status for record in submissions.read(home)] == ["sending"]
    monkeypatch.setattr(submissions, "save", saved)
    kaggle_site.lists_until_shown = 3  # Kaggle finished it only after the process was gone

    record = submitter.submit(home, request_, patience, told)
    assert len(kaggle_site.submissions) == 1
    assert record.reference == kaggle_site.submissions[0]["ref"]
    assert submissions.read(home) == [record]


def test_a_kill_before_the_submission_is_requested_leaves_nothing_unknown(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, monkeypatch
) -> None:
    def killed(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pipeline.services.kaggle_sending.upload", killed)
        submitter.submit(home, request_, patience, told)
    assert submissions.read(home) == []
    assert submitter.submit(home, request_, patience, told).status == "complete"
    assert len(kaggle_site.submissions) == 1


def test_nor_is_one_whose_record_was_lost_and_the_submission_is_on_a_later_page(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    submitter.submit(home, request_, patience, told)
    (home.metric_results / "submissions.csv").unlink()
    for number in range(45):
        kaggle_site.submit(b"", f"somebody else's {number}")

    record = submitter.submit(home, request_, patience, told)
    assert record.public_score is not None
    assert len(kaggle_site.submissions) == 46


SENT_ANYWAY = {
    "connection cut after Kaggle took it": cut,
    "server error after Kaggle took it": reply(500, {"code": 500, "message": "Internal error"}),
    "empty answer after Kaggle took it": reply(200, b"", {"Content-Type": "application/json"}),
    "malformed answer after Kaggle took it": reply(200, b"<html>", {"Content-Type": "application/json"}),
    "an answer that names no reference": reply(200, {"message": "Successfully submitted", "ref": 0}),
}


@pytest.mark.parametrize("fault", SENT_ANYWAY.values(), ids=SENT_ANYWAY)
def test_a_submission_that_kaggle_took_without_saying_so_is_found(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, fault: Fault
) -> None:
    kaggle_site.faults_after["CreateSubmission"] = [fault]
    record = submitter.submit(home, request_, patience, told)
    assert record.status == "complete"
    assert len(kaggle_site.submissions) == 1


@pytest.mark.parametrize("fault", [cut, reply(503, {"code": 503, "message": "Down"})], ids=["cut", "503"])
def test_a_lost_answer_is_no_reason_to_try_again(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, fault: Fault
) -> None:
    kaggle_site.faults["CreateSubmission"] = [fault]
    with pytest.raises(ServiceError, match="only if it is not there, send it again with ") as raised:
        submitter.submit(home, request_, dataclasses.replace(patience, limit_seconds=2), told)
    assert "try again" not in str(raised.value).lower()
    kaggle_site.faults["ListSubmissions"] = [fault] * 9
    with pytest.raises(ServiceError, match=r"Check the network and try again|Try again later"):
        delivery.refresh(home, "digit-recognizer", patience)


LATE = {
    "504, finished later": reply(504, {"code": 504, "message": "Gateway timeout"}),
    "cut, finished later": cut,
    "without a reference, shown later": reply(200, {"message": "Successfully submitted", "ref": 0}),
}


@pytest.mark.parametrize("fault", LATE.values(), ids=LATE)
def test_a_submission_that_the_list_shows_late_is_found_and_not_sent_again(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, naps: Naps, told: Told, fault: Fault
) -> None:
    kaggle_site.faults_after["CreateSubmission"] = [fault]
    kaggle_site.lists_until_shown = 4
    record = submitter.submit(home, request_, dataclasses.replace(patience, limit_seconds=300), told)
    assert record.status == "complete"
    assert naps.seconds[:5] == [1, 2, 4, 8, 16]
    assert len(kaggle_site.submissions) == 1


LOST = {
    "504": reply(504, {"code": 504, "message": "Gateway timeout"}),
    "cut": cut,
    "not a JSON": reply(200, b"<html>", {"Content-Type": "application/json"}),
    "no reference": reply(200, {"message": "Successfully submitted", "ref": 0}),
    "no answer": slow(4),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("arrived", [True, False], ids=["it arrived", "it did not"])
def test_what_cannot_be_known_stays_unknown_until_a_person_decides(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, fault: Fault, arrived
) -> None:
    (kaggle_site.faults_after if arrived else kaggle_site.faults)["CreateSubmission"] = [fault]
    kaggle_site.lists_until_shown = 10**6
    hasty = dataclasses.replace(patience, limit_seconds=2, look_seconds=20)
    with pytest.raises(ServiceError, match=r"may or may not have the submission of .*--resend"):
        submitter.submit(home, request_, hasty, told)
    [record] = submissions.read(home)
    assert record.status == "unknown"
    assert "try again" not in record.reason.lower(), "it is not to be sent again before somebody has looked"

    patient = dataclasses.replace(patience, look_seconds=20)
    with pytest.raises(ServiceError, match="--resend"):
        submitter.submit(home, request_, patient, told)
    assert kaggle_site.calls.count("CreateSubmission") == 1

    with_resend = dataclasses.replace(request_, resend=True)
    kaggle_site.polls_until_scored = 0
    resent = submitter.submit(home, with_resend, hasty, told)
    assert resent.status == "pending"
    assert kaggle_site.calls.count("CreateSubmission") == 2
    first, second = submissions.read(home)
    assert (first.status, second.status) == ("superseded", "pending")
    assert first.reason == f"The same file was sent again, as submission {second.reference}."

    kaggle_site.lists_until_shown = 0
    known = [record.status for record in delivery.refresh(home, "digit-recognizer", patience)]
    assert known == (["complete", "complete"] if arrived else ["superseded", "complete"])
    messages = {row["description"] for row in kaggle_site.submissions}
    assert len(messages) == len(kaggle_site.submissions) == (2 if arrived else 1)


LOOK_UPS_REFUSED = {
    "401": reply(401, {"code": 401, "message": "Unauthenticated"}),
    "403": reply(403, {"code": 403, "message": "Forbidden"}),
    "404": reply(404, {"code": 404, "message": "Not found"}),
    "500": reply(500, {"code": 500, "message": "Internal"}),
}


@pytest.mark.parametrize("refusal", LOOK_UPS_REFUSED.values(), ids=LOOK_UPS_REFUSED)
def test_a_refused_look_up_says_nothing_about_the_submission(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, refusal: Fault
) -> None:
    def lose_the_answer_and_the_list(handler) -> None:
        kaggle_site.faults["ListSubmissions"] = [refusal] * 99
        cut(handler)

    kaggle_site.faults_after["CreateSubmission"] = [lose_the_answer_and_the_list]
    kaggle_site.polls_until_scored = 0
    with pytest.raises(ServiceError, match=r"may or may not have .*: its list could not be read\. "):
        submitter.submit(home, request_, patience, told)
    assert [record.status for record in submissions.read(home)] == ["unknown"]
    assert "does not show it" not in told

    kaggle_site.faults["ListSubmissions"] = []
    [record] = delivery.refresh(home, "digit-recognizer", patience)
    assert (record.status, record.reference) == ("complete", kaggle_site.submissions[0]["ref"])
    assert submitter.submit(home, request_, patience, told) == record
    assert len(kaggle_site.submissions) == 1


@pytest.mark.parametrize("resend", [False, True])
def test_time_is_kept_back_to_look_for_a_submission_whose_answer_does_not_come(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, resend: bool
) -> None:
    kaggle_site.faults_after["CreateSubmission"] = [slow(4)]
    kaggle_site.polls_until_scored = 0
    short = dataclasses.replace(patience, limit_seconds=3)
    record = submitter.submit(home, dataclasses.replace(request_, resend=resend), short, told)
    assert (record.status, len(kaggle_site.submissions)) == ("complete", 1)
    assert "looking for it in Kaggle's list for up to" in told


def test_a_list_that_was_read_before_is_not_said_to_be_unread_nor_to_be_read_now(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, naps: Naps, told: Told
) -> None:
    def refuse_the_list_after_two_looks(seconds: float) -> None:
        naps(seconds)
        if len(naps.seconds) > 2:
            kaggle_site.faults["ListSubmissions"] = [error(401, "Unauthenticated")]

    kaggle_site.faults_after["CreateSubmission"] = [cut]
    kaggle_site.lists_until_shown = 10**6
    restless = dataclasses.replace(patience, sleep=refuse_the_list_after_two_looks)
    with pytest.raises(ServiceError, match=r"its list did not show it when it was last read\. "):
        submitter.submit(home, request_, restless, told)
    assert sum("Kaggle's list does not show it yet" in sentence for sentence in told.sentences) == 2


@pytest.mark.slow
def test_looking_ends_within_the_time_limit_and_with_a_look_that_is_not_cut(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.faults_after["CreateSubmission"] = [
        lambda handler: (kaggle_site.faults_after["ListSubmissions"].extend([_half_a_second_late] * 99), cut(handler))
    ]
    kaggle_site.lists_until_shown = 10**6
    waiting = dataclasses.replace(patience, limit_seconds=8, sleep=time.sleep)
    start = time.monotonic()
    with pytest.raises(ServiceError, match="its list does not show it"):
        submitter.submit(home, request_, waiting, told)
    assert time.monotonic() - start < 9
    assert "could not be read" not in told


def test_a_limit_that_a_resend_meets_leaves_the_first_attempt_unknown_until_it_is_seen(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    kaggle_site.faults_after["CreateSubmission"] = [cut]
    kaggle_site.lists_until_shown = 10**6
    with pytest.raises(ServiceError, match="may or may not have"):
        submitter.submit(home, request_, patience, told)
    kaggle_site.faults_after["CreateSubmission"] = []
    kaggle_site.faults["CreateSubmission"] = [error(400, "Submission limit reached")]
    with pytest.raises(ServiceError, match="Submission limit reached"):
        submitter.submit(home, dataclasses.replace(request_, resend=True), patience, told)
    assert [record.status for record in submissions.read(home)] == ["unknown", "refused"]

    kaggle_site.lists_until_shown = kaggle_site.polls_until_scored = 0
    assert [r.status for r in delivery.refresh(home, "digit-recognizer", patience)] == ["complete", "refused"]


def test_a_record_that_says_refused_is_corrected(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    record = submitter.submit(home, request_, patience, told)
    with submissions.exclusive(home, "digit-recognizer"):
        wrong = dataclasses.replace(record, status="refused", reference=None, public_score=None, reason="401")
        submissions.save(home, wrong)
    assert delivery.refresh(home, "digit-recognizer", patience) == [record]


def test_waiting_for_another_process_that_submits_is_told(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    short = dataclasses.replace(patience, limit_seconds=1)
    other = f"Another process is submitting to digit-recognizer from {home.root}, or updating its records"
    waits = f"{other}; waiting up to 1 s for it to end."
    with submissions.exclusive(home, "digit-recognizer"), pytest.raises(StoreError, match="wait for it to end"):
        submitter.submit(home, request_, short, told)
    assert waits in told.sentences
    told.sentences.clear()

    kaggle_site.polls_until_scored = 10**6
    with submissions.exclusive(home, "another-competition"):
        submitter.submit(home, request_, short, told)
    assert waits not in told.sentences
    with (
        submissions.exclusive(home, "digit-recognizer"),
        pytest.raises(StoreError, match="Another process is submitting to"),
    ):
        delivery.refresh(home, "digit-recognizer", short, told)
    assert waits in told.sentences

    told.sentences.clear()
    delivery.refresh(home, "digit-recognizer", patience, told)
    assert told.sentences == []


def test_refused_records_need_no_credentials_to_be_shown(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told, monkeypatch
) -> None:
    kaggle_site.faults["CreateSubmission"] = [error(400, "Not now")]
    with pytest.raises(ServiceError):
        submitter.submit(home, request_, patience, told)
    monkeypatch.delenv("KAGGLE_KEY")
    assert [r.status for r in delivery.refresh(home, "digit-recognizer", patience)] == ["refused"]


@pytest.mark.slow
def test_a_call_abandoned_at_the_time_limit_does_not_go_on_to_submit(
    home: Home, request_: Request, kaggle_site: KaggleServer, patience: Patience, told: Told
) -> None:
    uploaded = threading.Event()

    def late_upload(handler) -> None:
        uploaded.wait(10)
        handler.send(200)

    kaggle_site.faults["upload"] = [late_upload]
    with pytest.raises(ServiceError, match="did not answer within the time limit"):
        submitter.submit(home, request_, dataclasses.replace(patience, limit_seconds=1), told)
    uploaded.set()
    time.sleep(0.5)
    assert "CreateSubmission" not in kaggle_site.calls
    assert submissions.read(home) == []


def _half_a_second_late(handler) -> None:
    time.sleep(0.5)
    handler.send(200, {"submissions": []})
