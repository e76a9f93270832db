"""Each way in which Kaggle's client can fail, as one sentence."""

from typing import Any

from pipeline.services import kaggle_credentials
from pipeline.services.calls import NoAnswerError, ServiceProblem, redact, retry_after


def describe(error: BaseException, competition: str) -> ServiceProblem:
    """The problem behind an exception of Kaggle's client."""
    response = getattr(error, "response", None)
    return _own_failure(error) if response is None else _refusal(response, competition)  # error responses are falsy


def _own_failure(error: BaseException) -> ServiceProblem:
    """Where Kaggle did not refuse, but no answer came or none that the client could read."""
    import requests

    sentences: list[tuple[Any, ServiceProblem]] = [
        (NoAnswerError, ServiceProblem("Kaggle did not answer within the time limit: try again later.")),
        (
            SystemExit,
            ServiceProblem(
                f"Kaggle did not accept the credentials from {kaggle_credentials.source()}: make a new token."
            ),
        ),
        (
            ImportError,
            ServiceProblem(
                f"The kaggle package cannot be imported ({error}): install it again, `pip install kaggle six`."
            ),
        ),
        (
            (ValueError, KeyError, TypeError, AttributeError),
            ServiceProblem("Kaggle answered with something that cannot be read: try again later.", temporary=True),
        ),
        (
            (requests.RequestException, OSError),
            ServiceProblem(
                "The connection to Kaggle was cut or not made: check the network, try again.", temporary=True
            ),
        ),
    ]
    unknown = ServiceProblem(f"Kaggle's client failed: {_clean(str(error))}.")
    return next((problem for kinds, problem in sentences if isinstance(error, kinds)), unknown)


def _refusal(response: Any, competition: str) -> ServiceProblem:
    reason = _reason(response)
    status = response.status_code
    if status == 403:
        return ServiceProblem(_forbidden(reason, competition), refused=True)
    if status == 429:
        wait = retry_after(response.headers.get("Retry-After"))
        asked = "" if wait is None else f" and asks to wait {wait:.0f} s"
        return ServiceProblem(f"Kaggle takes no more requests for now (429){asked}: {reason}.", True, wait)
    if status >= 500:
        wait = retry_after(response.headers.get("Retry-After"))
        return ServiceProblem(f"Kaggle has a problem of its own ({status}): {reason}. Try again later.", True, wait)
    sentences = {
        401: f"Kaggle did not accept the credentials from {kaggle_credentials.source()} (401): make a new token.",
        404: f"Kaggle does not know the competition '{competition}' or the file asked for (404): check --competition.",
    }
    return ServiceProblem(sentences.get(status, f"Kaggle refused ({status}): {reason}."), refused=True)


def _forbidden(reason: str, competition: str) -> str:
    text = reason.lower()
    if "rules" in text:
        return (
            f"The rules of {competition} are not accepted yet (403). That is done once, on the web page only: "
            f"kaggle.com/competitions/{competition}/rules."
        )
    if "competitions.participate" in text:
        return (
            f"Kaggle lets this account take no part in '{competition}' (403): the name is wrong (check --competition), "
            "or the account has not joined it."
        )
    return f"Kaggle does not allow this (403): {reason}."


def _reason(response: Any) -> str:
    try:
        content = response.json()
        reason = content.get("message") or content.get("error") or ""
    except (ValueError, AttributeError):
        reason = ""
    return _clean(str(reason) or response.reason or "no reason given")


def _clean(text: str) -> str:
    return redact(" ".join(text.split())[:300], kaggle_credentials.secrets()).rstrip(".")
