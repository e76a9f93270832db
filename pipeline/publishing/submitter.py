"""Submitting to Kaggle: honest, announced by an expected score, sent once, on record."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline import moments
from pipeline.contracts import Refit, Submission, UnlabelledImages, Version
from pipeline.data import sources
from pipeline.errors import DataError, ServiceError
from pipeline.facts.competition import option
from pipeline.facts.submission import SubmissionRecord, predictor
from pipeline.publishing import delivery
from pipeline.publishing.assessment import Assessment, assess, leaked_images
from pipeline.publishing.entry import Entry
from pipeline.reports import score_texts
from pipeline.services import kaggle, kaggle_credentials
from pipeline.services.calls import Patience
from pipeline.store import atomic, submission_file, submissions, versions
from pipeline.store.home import Home
from pipeline.store.submissions import RECEIVED, UNCERTAIN

Notify = Callable[[str], None]
LEAK_WORDS = "trained on test images"
OUTSIDE_WORDS = "outside the 95 % interval"
REFIT_WORDS = "the champion was judged, this refit of it on all labels was not"


class LeakError(DataError):
    """The version was trained on test images."""


@dataclass(frozen=True, eq=False)
class Request:
    """What to submit.

    Attributes:
        version: Which version predicted.
        submission: Its predictions, in a file.
        test: The images it predicted.
        entry: The competition.
        allow_leak: Submit although training images are among the test images, and say so in the message.
        resend: Send the file again although Kaggle has it, or may have it from an attempt whose outcome is unknown.
        refit: What predicted in the place of the version; ``None`` where the version did.
        only_new: Raise ``delivery.AlreadyThereError`` where Kaggle has the file, since another can be sent instead.
    """

    version: Version
    submission: Submission
    test: UnlabelledImages
    entry: Entry
    allow_leak: bool = False
    resend: bool = False
    refit: Refit | None = None
    only_new: bool = False


def submit(home: Home, request: Request, patience: Patience, notify: Notify) -> SubmissionRecord:
    """Check, assess, send once, record, and follow the score until it is there or time is up.

    Args:
        home: Where the record is kept.
        request: What to submit.
        patience: How long to wait for Kaggle.
        notify: Receives every sentence that a person should read, the expected score before anything is sent.

    Raises:
        DataError: The file is malformed, or the version saw test images in training.
        MissingCredentialsError: There are no credentials.
        ServiceError: Kaggle refused or could not score it, or it is not known whether Kaggle has it.
        StoreError: The version or the record is damaged.
        AlreadyThereError: Kaggle has the file, and only a new one was wanted.
    """
    _check(request)
    assessment = _assessed(request)
    for sentence in assessment.sentences:
        notify(sentence)
    _require_honest(request, assessment.leaked)
    record = _intent(request, assessment)
    try:
        session = kaggle.connect(request.entry.competition, patience)
        with submissions.exclusive(home, record.competition, patience.limit_seconds, notify):
            record = delivery.deliver(
                home,
                session,
                record,
                request.submission.csv,
                notify,
                resend=request.resend,
                only_new=request.only_new,
            )
        return _follow(home, session, record, notify)
    except ServiceError as error:
        raise type(error)(f"{error} The file stays in {request.submission.csv}.") from None


def require_allowance(home: Home, entry: Entry, champion: Version, seeds: int, patience: Patience) -> None:
    """Check, before a refit is fitted, that it can be submitted today.

    One that was sent before is looked up, not sent, and without credentials nothing is sent at all.

    Args:
        home: Where the records are kept.
        entry: The competition.
        champion: What is to be refitted.
        seeds: The refit's models.
        patience: How long to wait for Kaggle.

    Raises:
        ServiceError: The submissions are used up, or Kaggle could not be asked.
    """
    known = submissions.of_competition(home, entry.competition)
    sent = any((one.version, one.refit) == (champion.id, seeds) and one.status != "refused" for one in known)
    if kaggle_credentials.given() and not sent:
        delivery.require_allowance(kaggle.connect(entry.competition, patience))


def after_run(
    home: Home,
    submission: Submission,
    test: UnlabelledImages,
    *,
    entry: Entry,
    patience: Patience,
    notify: Notify,
    refit: Refit | None = None,
) -> SubmissionRecord | None:
    """Submit at the end of a run if the champion changed, and say what came of it.

    Missing credentials are not an error: the user reads how to submit, or why this version should not be.

    Raises:
        PipelineError: As ``submit``.
    """
    last = submissions.latest(home, entry.competition)
    seeds = refit.seeds if refit else None
    if last and (last.version, last.refit) == (submission.version_id, seeds) and last.status in RECEIVED:
        notify(
            f"Before this run, {last.predictor} was submitted to {entry.competition}: the champion is unchanged, so "
            "nothing was sent."
        )
        return None
    version = versions.find(home, submission.version_id)
    return submit_if_possible(home, Request(version, submission, test, entry, refit=refit), patience, notify)


def submit_if_possible(home: Home, request: Request, patience: Patience, notify: Notify) -> SubmissionRecord | None:
    """Submit and say what came of it; without credentials, say how to submit, or why this should not be done.

    Raises:
        PipelineError: As ``submit``.
    """
    try:
        record = submit(home, request, patience, notify)
    except kaggle.MissingCredentialsError:
        notify(_known_before(home, request) or how_to_submit(request))
        return None
    except LeakError as error:
        if kaggle_credentials.given():
            raise
        notify(str(error))
        return None
    notify(outcome_sentence(record))
    return record


def how_to_submit(request: Request) -> str:
    """Return how to submit the same once there are credentials, in one line."""
    entry, version = request.entry, request.version
    again = command(entry, version.manifest.dataset.name, version.id, _seeds(request))
    return (
        f"Not submitted, since there are no Kaggle credentials: set KAGGLE_API_TOKEN and run `{again}`, or "
        f"upload {request.submission.csv} on kaggle.com/competitions/{entry.competition}."
    )


def command(
    entry: Entry, dataset: str, version: str | None, refit: int | None = None, *, allow_leak: bool = False
) -> str:
    """Return the command that submits a version of a dataset to a competition.

    Args:
        entry: The competition.
        dataset: The dataset's name.
        version: Its version; ``None`` takes the champion.
        refit: With how many seeds it is refitted; ``None`` submits the version itself.
        allow_leak: Whether it was trained on test images and is submitted all the same.
    """
    own = "" if entry.test_images is None else f" --test-images {shlex.quote(str(entry.test_images))}"
    which = f"--dataset {shlex.quote(dataset)}" + ("" if version is None else f" --version {version}")
    how = ("" if refit is None else f" --refit {refit}") + (" --allow-leak" if allow_leak else "")
    return f"simulator.py kaggle submit{option(entry.competition)} {which}{own}{how}"


def outcome_sentence(record: SubmissionRecord) -> str:
    """Return what is known of a submission, the actual score next to the expected one."""
    of = ", the champion's" if record.refit else f" ({score_texts.interval(record.metric, *record.interval)})"
    expected = score_texts.score(record.metric, record.expected_score) + of
    if record.public_score is not None:
        actual = score_texts.score(record.metric, record.public_score, digits=3)
        outside = f": {OUTSIDE_WORDS}" if record.as_expected is False else ""
        return f"Public score of {record.predictor}: {actual}; expected {expected}{outside}."
    if record.status == "pending":
        return (
            f"Submission {record.reference} was sent but is not scored yet; expected {expected}. "
            f"`simulator.py kaggle status{option(record.competition)}` shows the score once it is there."
        )
    if record.status in UNCERTAIN:
        return delivery.unknown_sentence(record)
    return f"Submission of {record.predictor}: {record.status}. {record.reason}".strip()


def _known_before(home: Home, request: Request) -> str | None:
    """Why the file is not to be sent, as far as the records say."""
    file_sha256 = atomic.sha256_file(request.submission.csv)
    who = predictor(request.version.id, _seeds(request))
    return delivery.why_not_to_send(home, request.entry.competition, file_sha256, who)


def _check(request: Request) -> None:
    submission, entry = request.submission, request.entry
    if submission.stand_in:
        raise DataError(
            f"{submission.csv} predicts {submission.source}, not the test set of {entry.competition}: "
            f"run `simulator.py kaggle download{option(entry.competition)}`, then submit again."
        )
    classes = request.version.manifest.dataset.classes
    submission_file.check(submission.csv, entry.sample, classes, entry.probabilities)


def _assessed(request: Request) -> Assessment:
    """What can be known before it is sent; a refit has the champion's expected score, and more images to leak."""
    assessment = assess(request.version, request.test, request.entry.metric)
    if request.refit is None:
        return assessment
    return replace(assessment, leaked=leaked_images(request.refit, request.test))


def _require_honest(request: Request, leaked: int) -> None:
    if not leaked or request.allow_leak:
        return
    dataset, own = request.version.manifest.dataset, sources.spec_of(request.entry.competition)
    honest = f"Train on `--dataset {own}`, or"
    if dataset.origin == own:
        honest = "The competition's own training images hold them:"
    anyway = command(request.entry, dataset.name, request.version.id, _seeds(request), allow_leak=True)
    raise LeakError(
        f"Not submitted: {leaked:,} of the {len(request.test.images):,} test images are among the training images of "
        f"{request.version.id}, so its score would be meaningless. {honest} submit it all the same with `{anyway}`, "
        f"which adds '{LEAK_WORDS}' to the message and the record."
    )


def _seeds(request: Request) -> int | None:
    return request.refit.seeds if request.refit else None


def _intent(request: Request, assessment: Assessment) -> SubmissionRecord:
    facts = request.version.manifest
    file_sha256 = atomic.sha256_file(request.submission.csv)
    identity = [
        facts.id,
        facts.recipe,
        f"{facts.rows.train_size} images",
        f"digest {facts.digest[:12]}",
        delivery.file_mark(file_sha256),
    ]
    remarks = [LEAK_WORDS] if assessment.leaked else []
    if request.refit is not None:
        seeds = f"{request.refit.seeds} {'seed' if request.refit.seeds == 1 else 'seeds'}"
        remarks.append(f"refit {request.refit.digest[:12]} with {seeds}: {REFIT_WORDS}")
    return SubmissionRecord(
        submitted_at=moments.now(),
        competition=request.entry.competition,
        version=request.version.id,
        digest=facts.digest,
        file_sha256=file_sha256,
        rows=request.submission.rows,
        message=delivery.attempt_message(identity, remarks),
        reference=None,
        status="sending",
        expected_low=assessment.expected.low,
        expected_score=assessment.expected.score,
        expected_high=assessment.expected.high,
        leak=assessment.leaked > 0,
        metric=request.entry.metric.name,
        refit=_seeds(request),
    )


def _follow(home: Home, session: kaggle.KaggleSession, record: SubmissionRecord, notify: Notify) -> SubmissionRecord:
    if record.status != "pending" or record.reference is None:
        return _scored(record)
    try:
        entry = kaggle.follow(session, record.reference, notify)
    except ServiceError as error:
        notify(f"Submission {record.reference} was sent, but its score could not be requested: {error}")
        return record
    if entry is not None:
        # Without the lock on sending, which another process may hold for minutes.
        record = delivery.saved(home, delivery.updated(record, entry))
    return _scored(record)


def _scored(record: SubmissionRecord) -> SubmissionRecord:
    if record.status == "error":
        reason = record.reason.rstrip(".") or "no reason given"
        raise ServiceError(f"Kaggle could not score submission {record.reference}: {reason}.")
    return record
