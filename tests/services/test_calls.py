"""Bounded calls: time limits, Retry-After, and the blotting out of secrets."""

import email.utils
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.services import calls


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
    assert secret not in calls.redact(f"{before}{secret}{after}", {secret})


@given(secret=WORDS)
def test_nor_the_query_of_an_address_nor_a_token_by_its_look(secret: str) -> None:
    text = calls.redact(
        f"PUT https://me:{secret}@host/path?sig={secret} failed; token hf_{secret}, KGAT_{secret}", set()
    )
    assert secret not in text
    assert "https://***@host/path?***" in text
