"""Send one submission to Kaggle, and know which of three things happened: sent, certainly not sent, or unknown.

The client's own ``competition_submit`` hides the answer to the upload and does not say whether the submission
itself was requested. Its three requests are therefore made one by one: the first two have no lasting effect and are
repeated freely, the third is repeated only if it certainly had none.
"""

from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import ServiceError
from pipeline.services.calls import ServiceProblem, bounded, persistent
from pipeline.services.kaggle import KaggleSession, call
from pipeline.services.kaggle_problems import describe

CONNECT_SECONDS, ANSWER_SECONDS = 15.0, 120.0
"""Limits of one upload: to connect, and to wait for a sign of life."""


class RefusedError(ServiceError):
    """The submission was certainly not made."""


class UnknownOutcomeError(ServiceError):
    """Kaggle may or may not have the submission."""


def upload(session: KaggleSession, csv: Path) -> str:
    """Upload a file and return the token that identifies it; nothing is submitted yet.

    Raises:
        ServiceError: Kaggle or its storage did not accept the file.
    """
    return call(session, partial(_upload, session, csv))


def create(session: KaggleSession, token: str, message: str) -> int:
    """Submit an uploaded file, at most once, and return Kaggle's reference.

    Args:
        session: An authenticated client.
        token: What ``upload`` returned.
        message: The description; it must be unlike any other, since it is how the submission is recognized.

    Raises:
        RefusedError: It was certainly not submitted.
        UnknownOutcomeError: It may have been: the answer was lost, unreadable, or without a reference.
    """

    def describe_error(error: BaseException) -> ServiceProblem:
        problem = describe(error, session.competition)
        if not problem.no_effect:
            raise UnknownOutcomeError(problem.sentence) from None
        return problem

    if session.deadline.left() == 0:
        raise RefusedError("The time limit ended before the file was submitted.")
    once = partial(bounded, partial(_create, session, token, message), session.deadline)
    try:
        reference = persistent(once, describe_error, session.patience, session.deadline)
    except UnknownOutcomeError:
        raise
    except ServiceError as error:
        raise RefusedError(str(error)) from None
    if not reference:
        raise UnknownOutcomeError("Kaggle accepted the request without naming a submission.")
    return reference


def _upload(session: KaggleSession, csv: Path) -> str:
    import requests
    from kagglesdk.competitions.types.competition_api_service import ApiStartSubmissionUploadRequest

    request: Any = ApiStartSubmissionUploadRequest()
    request.competition_name, request.file_name = session.competition, csv.name
    facts = csv.stat()
    request.content_length, request.last_modified_epoch_seconds = facts.st_size, int(facts.st_mtime)
    with session.api.build_kaggle_client() as client:
        started = client.competitions.competition_api_client.start_submission_upload(request)
    with csv.open("rb") as content:
        answer = requests.put(started.create_url, data=content, timeout=(CONNECT_SECONDS, ANSWER_SECONDS))
    answer.raise_for_status()
    return str(started.token)


def _create(session: KaggleSession, token: str, message: str) -> int:
    from kagglesdk.competitions.types.competition_api_service import ApiCreateSubmissionRequest

    request: Any = ApiCreateSubmissionRequest()
    request.competition_name, request.blob_file_tokens = session.competition, token
    request.submission_description = message
    with session.api.build_kaggle_client() as client:
        answer = client.competitions.competition_api_client.create_submission(request)
    return int(answer.ref)
