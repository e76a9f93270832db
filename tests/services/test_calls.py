"""Bounded calls: time limits, retries, Retry-After, and the removal of secrets."""

import base64
import email.utils
import html
import json
import string
import time
import unicodedata
import urllib.parse
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listeners import Naps

from pipeline.errors import ServiceError
from pipeline.services import calls, redaction


def test_a_call_that_never_returns_is_given_up() -> None:
    with pytest.raises(calls.NoAnswerError):
        calls.bounded(lambda: time.sleep(5), calls.Patience(limit_seconds=0.05).start())


def test_a_call_that_exits_does_not_end_the_process(capfd: pytest.CaptureFixture) -> None:
    def prints_and_exits() -> None:
        print("help that nobody asked for")
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        calls.bounded(prints_and_exits, calls.Patience().start())
    assert capfd.readouterr().out == ""


HEADERS = {
    "seconds": ("7", 7.0),
    "a date in the past": ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    "negative": ("-3", 0.0),
    "nonsense": ("soon", None),
    "missing": (None, None),
}


@pytest.mark.parametrize(("header", "seconds"), HEADERS.values(), ids=HEADERS)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert calls.retry_after(header) == seconds


def test_retry_after_as_a_date_to_come() -> None:
    wait = calls.retry_after(email.utils.formatdate(time.time() + 100, usegmt=True))
    assert wait is not None
    assert 90 <= wait <= 101


WORDS = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40)


@given(secret=WORDS, before=st.text(max_size=30), after=st.text(max_size=30))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret not in redaction.redact(f"{before}{secret}{after}", {secret})


FORMS = {
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "percent-encoded": urllib.parse.quote_plus,
    "in JSON": lambda secret: json.dumps({"echo": secret}),
    "in HTML": html.escape,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(secret=st.text(string.printable, min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8))
def test_nor_does_a_form_of_it(form, secret: str) -> None:
    echoed = form(secret)
    said = redaction.redact(f"<p>you sent {echoed}</p>", {secret})
    assert echoed not in said
    assert "***" in said


@given(secret=WORDS)
def test_nor_the_query_of_an_address_nor_a_token_by_its_form(secret: str) -> None:
    text = redaction.redact(
        f"PUT https://me:{secret}@host/path?sig={secret} failed; token hf_{secret}, KGAT_{secret}; "
        f"Authorization: Bearer {secret}{secret}",
        set(),
    )
    assert secret not in text
    assert "https://***@host/path?***" in text


@given(text=st.text(max_size=400))
def test_what_a_service_said_is_one_short_line_of_plain_text(text: str) -> None:
    said = redaction.clean(text, ())
    assert len(said.encode("unicode_escape")) <= 10 * 301
    assert all(unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in said)


def flaky(failures: int):
    tries = iter(range(99))

    def call() -> str:
        if next(tries) < failures:
            raise OSError
        return "done"

    return call


def temporary(error: BaseException) -> calls.ServiceProblem:
    return calls.ServiceProblem("It failed.", temporary=True)


def test_a_temporary_problem_is_retried_with_growing_pauses(naps: Naps, patience: calls.Patience) -> None:
    assert calls.persistent(flaky(2), temporary, patience, patience.start()) == "done"
    assert naps.seconds == [1, 2]


def test_the_last_problem_is_told_once_the_attempts_are_used_up(naps: Naps, patience: calls.Patience) -> None:
    with pytest.raises(ServiceError, match=r"^It failed\.$"):
        calls.persistent(flaky(9), temporary, patience, patience.start())
    assert naps.seconds == [1, 2]


def test_pauses_while_looking_grow_up_to_a_minute(patience: calls.Patience) -> None:
    pauses = list(calls.look_pauses(patience, calls.Deadline(time.monotonic() + 1000)))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 57]


@pytest.mark.parametrize("limit", [0.3, 5.0, 20.0, 200.0])
@pytest.mark.parametrize("look", [0.1, 4.0])
def test_pauses_while_looking_end_in_time_for_the_last_look(
    patience: calls.Patience, monkeypatch: pytest.MonkeyPatch, limit: float, look: float
) -> None:
    now = 0.0
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=lambda: now))
    deadline, looked = calls.Deadline(limit), 0
    for pause in calls.look_pauses(patience, deadline):
        now += pause
        assert deadline.left() >= pause - 1e-9
        now, looked = min(now + look, limit), looked + 1
    assert looked >= 1
    assert now > limit / 4
