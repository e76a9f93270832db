"""Deliver a submission once: whatever happens, the record says what is known, and nothing is sent again on a guess.

Kaggle may finish a submission long after its answer was lost, and its list shows it later still. A submission that
the list does not show is therefore not known to be missing: its record stays ``unknown``, it is looked for again and
again, and only a person decides to send the file once more. Each attempt carries a token of its own in its message,
so that two attempts at the same file can be distinguished.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline import moments
from pipeline.errors import ServiceError
from pipeline.facts.competition import option
from pipeline.facts.submission import SubmissionRecord
from pipeline.services import kaggle, kaggle_credentials, kaggle_sending
from pipeline.services.calls import Patience, look_pauses
from pipeline.store import submissions
from pipeline.store.home import Home
from pipeline.store.submissions import UNCERTAIN
from pipeline.text import plain

Notify = Callable[[str], None]
SEPARATOR = " | "
_TOKEN_BYTES = 6
_TOKEN = re.compile(rf"\btoken [0-9a-f]{{{2 * _TOKEN_BYTES}}}\b")
_MOST_SECONDS_KEPT, _SHARE_KEPT = 60.0, 0.25
"""Of the time limit, kept back from the request that makes a submission, to look for it if the answer is lost."""
_NOT_SHOWN, _NOT_SHOWN_BEFORE = "does not show it", "did not show it when it was last read"
_NOT_READ = "could not be read"


class AlreadyThereError(Exception):
    """Kaggle has the file from an earlier attempt, and only a new one was wanted."""


def attempt_message(identity: Sequence[str], remarks: Sequence[str] = ()) -> str:
    """Return the description of one attempt: what the file is, a token that no other attempt has, and remarks."""
    return SEPARATOR.join([*identity, f"token {secrets.token_hex(_TOKEN_BYTES)}", *remarks])


def file_mark(file_sha256: str) -> str:
    """Return what a message says of the file that was sent."""
    return f"file {file_sha256[:12]}"


def deliver(
    home: Home,
    session: kaggle.KaggleSession,
    record: SubmissionRecord,
    csv: Path,
    notify: Notify,
    *,
    resend: bool,
    only_new: bool = False,
) -> SubmissionRecord:
    """Send a file unless Kaggle has it, or may have it; to be called inside ``submissions.exclusive``.

    Args:
        home: Where the record is kept.
        session: An authenticated client.
        record: The attempt about to be made.
        csv: The file.
        notify: Receives what a person should know.
        resend: Send although Kaggle has the file, or may have it from an attempt whose outcome is unknown.
        only_new: Raise where Kaggle has the file from an earlier attempt, which is on record then.

    Returns:
        The record of the attempt that Kaggle has, this one or an earlier one.

    Raises:
        AlreadyThereError: Only a new attempt was wanted.
        ServiceError: It was not sent, or it is not known whether it was; the record says which.
    """
    earlier = _delivered(home, session, record, notify, resend=resend)
    if earlier is not None:
        if only_new:
            raise AlreadyThereError
        return earlier
    uncertain = [known for known in submissions.attempts(home, *record.key) if known.status in UNCERTAIN]
    if uncertain and not resend:
        return _settle(home, session, uncertain[0], notify, its_list=_NOT_SHOWN_BEFORE)
    require_allowance(session)
    token = kaggle_sending.upload(session, csv)
    # On record before it is requested: a crash in between leaves a trace that is looked up.
    record = saved(home, replace(record, submitted_at=moments.now()))
    notify(f"Submitting to {record.competition}: {record.message}")
    try:
        reference = kaggle_sending.create(_with_time_to_look(session), token, record.message)
    except kaggle_sending.RefusedError as error:
        saved(home, replace(record, status="refused", reason=str(error)))
        raise
    except kaggle_sending.UnknownOutcomeError as error:
        return _settle(home, session, replace(record, reason=str(error)), notify, its_list=_NOT_READ)
    record = saved(home, replace(record, reference=reference, status="pending"))
    _supersede(home, record.competition)
    return record


def refresh(home: Home, competition: str, patience: Patience, notify: Notify | None = None) -> list[SubmissionRecord]:
    """Return all records of a competition, those that are not final brought up to date from Kaggle's list.

    A refused attempt is looked up too, so that a record which is wrong is corrected, and so is a superseded one.
    ``notify`` receives a sentence if it waits for another process.

    Raises:
        MissingCredentialsError: There is something to look up and no credentials.
        ServiceError: Kaggle could not be asked.
    """
    open_ones = [record for record in submissions.of_competition(home, competition) if _is_open(record)]
    settled = all(record.status in ("refused", "superseded") for record in open_ones)
    if open_ones and not (settled and not kaggle_credentials.given()):
        found = kaggle.entries(kaggle.connect(competition, patience))
        with submissions.exclusive(home, competition, patience.limit_seconds, notify):
            for record in filter(_is_open, submissions.of_competition(home, competition)):
                entry = _match(found, record)
                if entry is not None:
                    saved(home, updated(record, entry))
                elif record.status == "sending":
                    saved(home, replace(record, status="unknown", reason="The process that sent it was interrupted."))
            _supersede(home, competition)
    return submissions.of_competition(home, competition)


def updated(record: SubmissionRecord, entry: kaggle.ListedSubmission) -> SubmissionRecord:
    """Return a record with what Kaggle's list says."""
    return replace(
        record,
        reference=entry.reference,
        status=entry.state,
        public_score=entry.public_score,
        reason=entry.reason if entry.state == "error" else "",
    )


def saved(home: Home, record: SubmissionRecord) -> SubmissionRecord:
    """Write a record and return it."""
    submissions.save(home, record)
    return record


def unknown_sentence(record: SubmissionRecord, its_list: str = _NOT_SHOWN) -> str:
    """Return what is known of an attempt whose outcome is unknown, what Kaggle's list says of it, and what to do."""
    return (
        f"Kaggle may or may not have the submission of {record.predictor} from {record.submitted_at}: its list "
        f"{its_list}. {record.reason} {_advice(record)}"
    ).replace("  ", " ")


def how_to_settle(record: SubmissionRecord) -> str:
    """Return that the outcome of an attempt is unknown, wherever nobody looked for it now, and what to do."""
    return f"Whether Kaggle has the submission of {record.predictor} is unknown. {_advice(record)}"


def how_to_send_again(record: SubmissionRecord) -> str:
    """Return that Kaggle could not score a submission, and the command that sends it again."""
    why = record.reason.rstrip(".") or "no reason given"
    return (
        f"Kaggle could not score submission {record.reference}, of {record.predictor}: {why}. Once that is put right, "
        f"`{_again(record)}` sends it again."
    )


def why_not_to_send(home: Home, competition: str, file_sha256: str, predictor: str) -> str | None:
    """Return that Kaggle has a file, or may have it, by the records alone; ``None`` where it may be sent."""
    known = submissions.attempts(home, competition, file_sha256)
    if (sent := next((one for one in known if one.reference is not None), None)) is not None:
        return _sent_before(predictor, sent)
    return next((how_to_settle(one) for one in known if one.status in UNCERTAIN), None)


def _advice(record: SubmissionRecord) -> str:
    page = f"kaggle.com/competitions/{record.competition}/submissions"
    return (
        f"Run `simulator.py kaggle status{option(record.competition)}` later, or look at {page}; only if it is not "
        f"there, send it again with `{_again(record)}`."
    )


def _again(record: SubmissionRecord) -> str:
    how = (f" --refit {record.refit}" if record.refit else "") + (" --allow-leak" if record.leak else "")
    return f"simulator.py kaggle submit{option(record.competition)} --version {record.version}{how} --resend"


def _delivered(
    home: Home, session: kaggle.KaggleSession, record: SubmissionRecord, notify: Notify, *, resend: bool
) -> SubmissionRecord | None:
    """The earlier attempt at the same file that Kaggle has, also one that only its list knows.

    Of those that are on record as sent, none counts if the file is to be sent again.
    """
    known = submissions.attempts(home, *record.key)
    sent = next((attempt for attempt in known if attempt.reference is not None), None)
    if sent is not None and not resend:
        notify(_sent_before(record.predictor, sent))
        return sent
    found = kaggle.entries(session)
    open_ones = [attempt for attempt in known if attempt.reference is None]
    matches = [(attempt, entry) for attempt in open_ones if (entry := _match(found, attempt))]
    if not resend:
        # Also without a record: it may be lost, or another machine may have sent the file.
        mark = file_mark(record.file_sha256)
        there = [entry for entry in found if mark in entry.message.split(SEPARATOR)]
        matches += [
            (replace(record, message=entry.message, submitted_at=entry.submitted_at or record.submitted_at), entry)
            for entry in there
        ]
    if not matches:
        return None
    attempt, entry = matches[0]
    notify(f"Kaggle already has this file, as submission {entry.reference}: it is not sent again.")
    return saved(home, updated(attempt, entry))


def _sent_before(predictor: str, sent: SubmissionRecord) -> str:
    """Why a file is not sent that Kaggle has."""
    same = sent.predictor == predictor
    what = f"This file of {sent.predictor}" if same else f"The same file, predicted by {sent.predictor},"
    failed = ", and Kaggle could not score it" if sent.status == "error" else ""
    return f"{what} was sent as submission {sent.reference}{failed}: it is not sent again without --resend."


def _with_time_to_look(session: kaggle.KaggleSession) -> kaggle.KaggleSession:
    left = session.deadline.left()
    return replace(session, deadline=session.deadline.within(left - min(_MOST_SECONDS_KEPT, _SHARE_KEPT * left)))


def _settle(
    home: Home, session: kaggle.KaggleSession, record: SubmissionRecord, notify: Notify, *, its_list: str
) -> SubmissionRecord:
    """Look for an attempt of unknown outcome with growing pauses, as long as the time limit allows.

    Raises:
        ServiceError: It is still unknown; the sentence says what Kaggle's list says, at first ``its_list``.
    """
    record = saved(home, replace(record, status="unknown"))
    session = replace(session, deadline=session.deadline.within(session.patience.look_seconds))
    notify(
        f"It is not known whether Kaggle took the submission of {record.predictor}: looking for it in Kaggle's list "
        f"for up to {session.deadline.left():.0f} s …"
    )
    for pause in look_pauses(session.patience, session.deadline):
        session.patience.sleep(pause)
        try:
            entry = _match(kaggle.entries(session), record)
        except ServiceError as error:  # a look-up that fails says nothing about the submission
            if its_list != _NOT_READ:
                its_list = _NOT_SHOWN_BEFORE
            notify(f"The list of submissions could not be read: {error}")
            continue
        if entry is not None:
            record = saved(home, updated(record, entry))
            _supersede(home, record.competition)
            return record
        its_list = _NOT_SHOWN
        notify(f"Kaggle's list does not show it yet … ({session.deadline.left():.0f} s left)")
    raise ServiceError(unknown_sentence(record, its_list))


def _supersede(home: Home, competition: str) -> None:
    """Close each attempt of unknown outcome after which Kaggle took the same file."""
    later: dict[str, SubmissionRecord] = {}
    for record in reversed(submissions.of_competition(home, competition)):
        if record.reference is not None:
            later[record.file_sha256] = record
        elif record.status in UNCERTAIN and record.file_sha256 in later:
            reason = f"The same file was sent again, as submission {later[record.file_sha256].reference}."
            saved(home, replace(record, status="superseded", reason=reason))


def require_allowance(session: kaggle.KaggleSession) -> None:
    """Check that Kaggle takes another submission now.

    Raises:
        ServiceError: It does not, or it does not say.
    """
    allowance = kaggle.allowance(session)
    if allowance.now != 0:
        return
    if allowance.by_total:
        raise ServiceError(
            f"All submissions that {session.competition} allows in total are used up: nothing was sent, and no more "
            "can be."
        )
    raise ServiceError(
        f"Today's submissions to {session.competition} are used up: nothing was sent. Try again after midnight UTC."
    )


def _match(found: Sequence[kaggle.ListedSubmission], record: SubmissionRecord) -> kaggle.ListedSubmission | None:
    token = _TOKEN.search(record.message)
    return next(
        (
            entry
            for entry in found
            if entry.reference == record.reference
            or entry.message == plain(record.message, kaggle.LONGEST_MESSAGE)
            or (token and token[0] in entry.message)
        ),
        None,
    )


def _is_open(record: SubmissionRecord) -> bool:
    return record.status not in ("complete", "error")
