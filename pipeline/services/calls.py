"""Calls to outside services: bounded in time, and repeated where that helps."""

import contextlib
import email.utils
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from pipeline.errors import ServiceError

T = TypeVar("T")
LONGEST_LOOK_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for an outside service.

    Attributes:
        limit_seconds: For a whole stage, retries and polling included.
        attempts: How often one call is tried.
        pause_seconds: Before the second try; doubled before each further one.
        poll_seconds: Between the first two looks at a submission's status, and longer between later ones.
        look_seconds: How long to look for a submission whose outcome is unknown, within ``limit_seconds``.
        sleep: Waits that many seconds.
    """

    limit_seconds: float = 600.0
    attempts: int = 4
    pause_seconds: float = 2.0
    poll_seconds: float = 5.0
    look_seconds: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def start(self) -> "Deadline":
        """Return the deadline of a stage that starts now."""
        return Deadline(time.monotonic() + self.limit_seconds)


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    def left(self) -> float:
        """Return the seconds until then, never negative."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> "Deadline":
        """Return this deadline, or the moment that is so many seconds from now if that comes first."""
        return Deadline(min(self.at, time.monotonic() + seconds))


@dataclass(frozen=True)
class ServiceProblem:
    """What went wrong in a call.

    Attributes:
        sentence: What happened, for a person; without secrets. It may say what to do.
        temporary: Whether trying again may help.
        retry_after: How many seconds the service asks to wait, ``None`` where it does not say.
        no_effect: Whether the call certainly changed nothing, since the service refused it or never got it.
        advice: What to do where the call may be repeated by hand, in a sentence.
    """

    sentence: str
    temporary: bool = False
    retry_after: float | None = None
    no_effect: bool = False
    advice: str = ""

    @property
    def with_advice(self) -> str:
        """What happened, and what to do."""
        return f"{self.sentence} {self.advice}".rstrip()


class NoAnswerError(Exception):
    """A call did not return before its deadline."""


class _FailedCallError(Exception):
    def __init__(self, problem: ServiceProblem) -> None:
        super().__init__(problem.with_advice)
        self.problem = problem


def bounded(call: Callable[[], T], deadline: Deadline) -> T:
    """Return the result of a call, which is abandoned at the deadline; what the client prints is discarded.

    The clients have no time limit of their own, call ``exit`` and print addresses that carry tokens,
    hence the daemon thread and the two redirections. An abandoned call may still complete: give this function
    one request at a time, so that an abandoned thread never starts the next.

    Raises:
        NoAnswerError: The deadline passed.
        BaseException: Whatever the call raised.
    """
    if deadline.left() == 0:
        raise NoAnswerError
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
    call: Callable[[], T], describe: Callable[[BaseException], ServiceProblem], patience: Patience, deadline: Deadline
) -> T:
    """Return the result of a call, repeated while its problem is temporary and time is left.

    Args:
        call: What to do, itself bounded by the deadline; it must be safe to repeat.
        describe: Names the problem of an exception, or raises what ends the attempts.
        patience: How often to try and how long to wait in between.
        deadline: When to give up in any case.

    Raises:
        ServiceError: No attempt succeeded.
    """

    def attempt() -> T:
        try:
            return call()
        except (Exception, SystemExit) as error:
            raise _FailedCallError(describe(error)) from None

    def enough(state: RetryCallState) -> bool:
        return state.attempt_number >= patience.attempts or state.upcoming_sleep >= deadline.left()

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, _FailedCallError) and error.problem.temporary),
        wait=lambda state: _pause(state, patience),
        stop=enough,
        sleep=patience.sleep,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except _FailedCallError as failure:
        problem = failure.problem
        gave_up_early = problem.temporary and retrying.statistics["attempt_number"] < patience.attempts
        words = " The time limit leaves no room to try again." if gave_up_early else ""
        raise ServiceError(problem.with_advice + words) from None


def look_pauses(patience: Patience, deadline: Deadline) -> Iterator[float]:
    """Yield growing pauses, each before a look for an unknown outcome.

    A pause takes half of the time left at most, so that the look after it has as much. They end where that half is
    less than ``pause_seconds``, and where they add up to ``look_seconds``.
    """
    unspent, pause, least = patience.look_seconds, patience.pause_seconds, 0.0
    while unspent > 0 and (room := deadline.left() / 2) > least:
        wait = min(pause, unspent, room)
        yield wait
        unspent -= wait
        pause, least = min(2 * pause, LONGEST_LOOK_PAUSE_SECONDS), patience.pause_seconds


def retry_after(header: str | None) -> float | None:
    """Return the seconds a Retry-After header asks for, as a number or a date; ``None`` if it is unreadable."""
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


def _pause(state: RetryCallState, patience: Patience) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.problem.retry_after if isinstance(error, _FailedCallError) else None
    return patience.pause_seconds * 2.0 ** (state.attempt_number - 1) if asked is None else asked
