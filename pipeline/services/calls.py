"""Calls to outside services: bounded in time, tried again where that helps, and without a secret in any word."""

import contextlib
import email.utils
import io
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.errors import ServiceError

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long an outside service is waited for.

    Attributes:
        limit_seconds: For a whole stage, retries and polling included.
        attempts: How often one call is tried.
        pause_seconds: Before the second try; doubled for each further one.
        poll_seconds: Between the first two looks at a submission's status, and longer between later ones.
        sleep: Waits that many seconds.
    """

    limit_seconds: float = 600.0
    attempts: int = 4
    pause_seconds: float = 2.0
    poll_seconds: float = 5.0
    sleep: Callable[[float], None] = time.sleep

    def start(self) -> "Deadline":
        """The deadline of a stage that starts now."""
        return Deadline(time.monotonic() + self.limit_seconds)


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    def left(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self.at - time.monotonic())


@dataclass(frozen=True)
class ServiceProblem:
    """What went wrong in a call.

    Attributes:
        sentence: For a person; without secrets.
        temporary: Whether trying again may help.
        retry_after: How many seconds the service asks to wait, ``None`` where it does not say.
        refused: Whether the service itself said no, so that certainly nothing happened.
    """

    sentence: str
    temporary: bool = False
    retry_after: float | None = None
    refused: bool = False


class NoAnswerError(Exception):
    """A call did not return before its deadline."""


def bounded(call: Callable[[], T], deadline: Deadline) -> T:
    """The result of a call, which is abandoned at the deadline; what the client prints is swallowed.

    The clients have no time limit of their own, call ``exit`` and print addresses that carry tokens,
    hence the daemon thread and the two redirections.

    Raises:
        NoAnswerError: The deadline passed.
        BaseException: Whatever the call raised.
    """
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["result"] = call()
        except BaseException as error:  # SystemExit among them
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        thread.start()
        thread.join(deadline.left())
    if "error" in outcome:
        raise outcome["error"]
    if "result" not in outcome:
        raise NoAnswerError
    result: T = outcome["result"]
    return result


def persistent(
    call: Callable[[], T],
    describe: Callable[[BaseException], ServiceProblem],
    patience: Patience,
    deadline: Deadline,
    already_done: Callable[[], T | None] | None = None,
) -> T:
    """The result of a call, tried again while its problem is temporary and time is left.

    Args:
        call: What to do, itself bounded by the deadline.
        describe: Names the problem of an exception.
        patience: How often to try and how long to wait in between.
        deadline: When to give up in any case.
        already_done: Asked before each further try, for a call that must not happen twice: the result of
            an earlier try that succeeded although it failed to say so, or ``None``.

    Raises:
        ServiceError: It did not work out.
    """
    for attempt in range(patience.attempts):
        try:
            if attempt > 0 and already_done and (found := already_done()) is not None:
                return found
            return call()
        except (Exception, SystemExit) as error:
            problem = describe(error)
        pause = patience.pause_seconds * 2**attempt if problem.retry_after is None else problem.retry_after
        if not problem.temporary or attempt == patience.attempts - 1:
            raise ServiceError(problem.sentence) from None
        if pause >= deadline.left():
            raise ServiceError(f"{problem.sentence} The time limit leaves no room to try again.") from None
        patience.sleep(pause)
    raise ServiceError("Nothing was tried: the number of attempts must be at least 1.")


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; ``None`` if it cannot be read."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def redact(text: str, secrets: Iterable[str]) -> str:
    """A text with known secrets, tokens by their look, and what addresses carry beside host and path blotted out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 3:
            text = text.replace(secret, "***")
    text = re.sub(r"\b(?:KGAT_|hf_)\w+", "***", text)
    text = re.sub(r"://[^/\s@]+@", "://***@", text)
    return re.sub(r"(https?://[^\s?'\"]*)\?[^\s'\"]*", r"\1?***", text)
