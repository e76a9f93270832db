"""Kaggle through its own client: submit a file and follow its score.

The client authenticates while it is imported, so it is imported only where credentials are known to exist.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from pipeline.errors import ServiceError
from pipeline.services import kaggle_credentials
from pipeline.services.calls import Deadline, Patience, ServiceProblem, bounded, persistent, redact
from pipeline.services.kaggle_problems import describe

T = TypeVar("T")
PAGE = 100
MOST_PAGES = 20
LONGEST_POLL_SECONDS = 30.0
State = Literal["pending", "complete", "error"]


class MissingCredentialsError(ServiceError):
    """There are no credentials at all; the message says where they go."""


class RefusedError(ServiceError):
    """Kaggle took the call and not the submission: it was certainly not made."""


@dataclass(frozen=True)
class Session:
    """An authenticated client, for one competition and until one deadline."""

    api: Any
    competition: str
    patience: Patience
    deadline: Deadline


@dataclass(frozen=True)
class Entry:
    """A submission as Kaggle lists it.

    Attributes:
        reference: Kaggle's number for it.
        message: The description it was sent with.
        state: What became of it.
        public_score: ``None`` until there is one.
        reason: Kaggle's words where it could not be scored.
    """

    reference: int
    message: str
    state: State
    public_score: float | None
    reason: str


def connect(competition: str, patience: Patience) -> Session:
    """Authenticate; the time limit starts here.

    Raises:
        MissingCredentialsError: There are none.
        ServiceError: Kaggle does not take them or does not answer.
    """
    if kaggle_credentials.source() is None:
        raise MissingCredentialsError(kaggle_credentials.HOW_TO)
    deadline = patience.start()
    describe_error = partial(describe, competition=competition)
    api = persistent(partial(bounded, _authenticated, deadline), describe_error, patience, deadline)
    return Session(api, competition, patience, deadline)


def call(session: Session, what: Callable[[], T]) -> T:
    """The result of a call to the client, tried again where that may help.

    Raises:
        ServiceError: It did not work out.
    """
    describe_error = partial(describe, competition=session.competition)
    return persistent(partial(bounded, what, session.deadline), describe_error, session.patience, session.deadline)


def entries(session: Session) -> list[Entry]:
    """All of the account's submissions to the competition, newest first."""
    return call(session, lambda: list(_entries(session)))


def find_by_message(session: Session, message: str) -> Entry | None:
    """The submission that was sent with this message."""
    return call(session, lambda: _with_message(session, message))


def find_by_reference(session: Session, reference: int) -> Entry | None:
    """The submission of this number, never just the first of the list."""
    return call(session, lambda: next((e for e in _entries(session) if e.reference == reference), None))


def submissions_left(session: Session) -> int | None:
    """How many submissions are allowed for the rest of the day; ``None`` where Kaggle cannot say yet.

    An account that is not on a team yet gets zeros throughout, and may well submit.
    """
    limits = call(session, lambda: session.api.competition_get_submission_limits(session.competition))
    if limits.num_allowed_now == 0 and limits.num_today == 0 and limits.num_total == 0:
        return None
    return int(limits.num_allowed_now)


def send(session: Session, csv: Path, message: str) -> int:
    """Submit a file once and return its reference, also where Kaggle took it and failed to say so.

    The message must be unlike that of any other submission: it is how this one is recognized.

    Raises:
        RefusedError: It was certainly not submitted.
        ServiceError: It is not known whether it was submitted.
    """

    def submitted() -> int:
        answer = session.api.competition_submit(str(csv), message, session.competition, quiet=True)
        return int(answer.ref) or _unnumbered(session, message, str(answer.message))

    def already_done() -> int | None:
        entry = _with_message(session, message)
        return entry.reference if entry else None

    def describe_error(error: BaseException) -> ServiceProblem:
        if isinstance(error, RefusedError):
            raise error
        problem = describe(error, session.competition)
        if problem.refused:
            raise RefusedError(problem.sentence) from None
        return problem

    deadline = session.deadline
    return persistent(
        partial(bounded, submitted, deadline),
        describe_error,
        session.patience,
        deadline,
        partial(bounded, already_done, deadline),
    )


def follow(session: Session, reference: int, tell: Callable[[str], None]) -> Entry | None:
    """The submission once it is scored or failed, or as it stood at the time limit; ``None`` if it was never seen.

    Raises:
        ServiceError: Kaggle could not be asked.
    """
    entry, pause = None, session.patience.poll_seconds
    while True:
        entry = find_by_reference(session, reference) or entry
        if entry is not None and entry.state != "pending":
            return entry
        wait = min(pause, session.deadline.left())
        if wait < session.patience.poll_seconds:
            return entry
        tell(f"Kaggle is scoring submission {reference} … ({session.deadline.left():.0f} s left)")
        session.patience.sleep(wait)
        pause = min(1.5 * pause, max(LONGEST_POLL_SECONDS, session.patience.poll_seconds))


def _authenticated() -> Any:
    from kaggle.api.kaggle_api_extended import KaggleApi

    api = KaggleApi()
    api.authenticate()
    return api


def _entries(session: Session) -> Iterator[Entry]:
    seen: set[int] = set()
    for page in range(1, MOST_PAGES + 1):
        rows = session.api.competition_submissions(session.competition, page_number=page, page_size=PAGE) or []
        new = [_entry(row) for row in rows if row is not None and row.ref not in seen]
        if not new:
            return
        seen |= {entry.reference for entry in new}
        yield from new


def _with_message(session: Session, message: str) -> Entry | None:
    return next((entry for entry in _entries(session) if entry.message == message), None)


def _entry(row: Any) -> Entry:
    state: State = {"COMPLETE": "complete", "ERROR": "error"}.get(row.status.name, "pending")  # type: ignore[assignment]
    score = float(row.public_score) if row.public_score else None
    reason = redact(str(row.error_description or ""), kaggle_credentials.secrets())
    return Entry(int(row.ref), str(row.description or ""), state, score, reason)


def _unnumbered(session: Session, message: str, answer: str) -> int:
    entry = _with_message(session, message)
    if entry is not None:
        return entry.reference
    said = redact(answer, kaggle_credentials.secrets()).rstrip(".") or "no reason given"
    raise RefusedError(f"Kaggle did not take the file ({said}), though it reported no error: try again later.")
