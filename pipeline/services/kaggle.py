"""Kaggle through its own client: authenticate, ask for submissions and limits, follow a score.

The client authenticates while it is imported, so it is imported only where credentials are known to exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TypeVar

from pipeline import moments
from pipeline.errors import ServiceError
from pipeline.services import kaggle_credentials
from pipeline.services.calls import Deadline, Patience, bounded, persistent
from pipeline.services.kaggle_problems import describe
from pipeline.services.redaction import clean
from pipeline.text import plain

T = TypeVar("T")
PAGE = 100
MOST_PAGES = 20
LONGEST_POLL_SECONDS = 30.0
LONGEST_MESSAGE = 1000
State = Literal["pending", "complete", "error"]


class MissingCredentialsError(ServiceError):
    """There are no credentials at all; the message says where they go."""


@dataclass(frozen=True)
class KaggleSession:
    """An authenticated client, for one competition and until one deadline."""

    api: Any
    competition: str
    patience: Patience
    deadline: Deadline


@dataclass(frozen=True)
class ListedSubmission:
    """A submission as Kaggle lists it.

    Attributes:
        reference: Kaggle's number for it.
        message: The description it was sent with.
        state: What became of it.
        public_score: ``None`` until there is one.
        reason: Kaggle's words if it could not be scored.
        submitted_at: When Kaggle took it, as moments are recorded; ``None`` where it does not say.
    """

    reference: int
    message: str
    state: State
    public_score: float | None
    reason: str
    submitted_at: str | None


@dataclass(frozen=True)
class Allowance:
    """How many submissions Kaggle still takes.

    Attributes:
        now: Allowed right now; ``None`` if Kaggle cannot say yet.
        by_total: Whether the competition's total limit, not the daily one, is what bounds it.
    """

    now: int | None
    by_total: bool


def connect(competition: str, patience: Patience) -> KaggleSession:
    """Authenticate; the time limit starts here.

    Raises:
        MissingCredentialsError: There are none.
        ServiceError: They are malformed, or Kaggle rejects them or does not answer.
    """
    if kaggle_credentials.source() is None:
        raise MissingCredentialsError(kaggle_credentials.HOW_TO)
    deadline = patience.start()
    describe_error = partial(describe, competition=competition)
    api = persistent(partial(bounded, _authenticated, deadline), describe_error, patience, deadline)
    return KaggleSession(api, competition, patience, deadline)


def call(session: KaggleSession, what: Callable[[], T]) -> T:
    """Return the result of a call to the client that is safe to repeat, repeated where that may help.

    Raises:
        ServiceError: It failed.
    """
    describe_error = partial(describe, competition=session.competition)
    return persistent(partial(bounded, what, session.deadline), describe_error, session.patience, session.deadline)


def entries(session: KaggleSession) -> list[ListedSubmission]:
    """Return all of the account's submissions to the competition, newest first.

    Raises:
        ServiceError: Kaggle does not list them.
    """
    found: dict[int, ListedSubmission] = {}
    for page in range(1, MOST_PAGES + 1):
        listed = [entry for entry in call(session, partial(_page, session, page)) if entry.reference not in found]
        if not listed:
            break
        found |= {entry.reference: entry for entry in listed}
    return list(found.values())


def allowance(session: KaggleSession) -> Allowance:
    """Return how many submissions are left.

    An account that is not on a team yet gets zeros throughout, and may well submit.

    Raises:
        ServiceError: Kaggle does not say.
    """
    limits = call(session, lambda: session.api.competition_get_submission_limits(session.competition))
    if limits.num_allowed_now == 0 and limits.num_today == 0 and limits.num_total == 0:
        return Allowance(None, by_total=False)
    return Allowance(int(limits.num_allowed_now), bool(limits.limited_by_total))


def follow(session: KaggleSession, reference: int, notify: Callable[[str], None]) -> ListedSubmission | None:
    """Return the submission once it is scored or failed, or as it is at the time limit; ``None`` if never seen.

    Raises:
        ServiceError: Kaggle could not be asked.
    """
    entry, pause = None, session.patience.poll_seconds
    while True:
        entry = next((found for found in entries(session) if found.reference == reference), entry)
        if entry is not None and entry.state != "pending":
            return entry
        wait = min(pause, session.deadline.left())
        if wait < session.patience.poll_seconds:
            return entry
        notify(f"Kaggle is scoring submission {reference} … ({session.deadline.left():.0f} s left)")
        session.patience.sleep(wait)
        pause = min(1.5 * pause, max(LONGEST_POLL_SECONDS, session.patience.poll_seconds))


def _authenticated() -> Any:
    from kaggle.api.kaggle_api_extended import KaggleApi

    api = KaggleApi()
    api.authenticate()
    return api


def _page(session: KaggleSession, page: int) -> list[ListedSubmission]:
    rows = session.api.competition_submissions(session.competition, page_number=page, page_size=PAGE) or []
    return [_entry(row) for row in rows if row is not None]


def _entry(row: Any) -> ListedSubmission:
    state: State = {"COMPLETE": "complete", "ERROR": "error"}.get(row.status.name, "pending")  # type: ignore[assignment]
    score = float(row.public_score) if row.public_score else None
    reason = clean(row.error_description or "", kaggle_credentials.secrets())
    message, taken = plain(row.description or "", LONGEST_MESSAGE), _recorded(row.date)
    return ListedSubmission(int(row.ref), message, state, score, reason, taken)


def _recorded(date: datetime | None) -> str | None:
    """A moment of Kaggle's, which are UTC whether or not they say so."""
    if date is None:
        return None
    return moments.of_seconds((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
