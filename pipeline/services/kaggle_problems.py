"""Each way in which Kaggle's client can fail, as one sentence."""

from typing import Any

from pipeline.services import kaggle_credentials
from pipeline.services.calls import NoAnswerError, ServiceProblem, retry_after
from pipeline.services.redaction import clean

_AMBIGUOUS_REFUSALS = (408, 409, 425, 499)
"""Client errors after which a request may still have taken effect."""

LATER = "Try again later."


class DamagedDownloadError(Exception):
    """What arrived is not what the storage sent; the message is a sentence."""


def describe(error: BaseException, competition: str) -> ServiceProblem:
    """Return the problem behind an exception of Kaggle's client."""
    response = getattr(error, "response", None)
    return _own_failure(error) if response is None else _refusal(response, competition)  # error responses are falsy


def _own_failure(error: BaseException) -> ServiceProblem:
    """Where Kaggle did not refuse, but no answer came or none that the client could read."""
    import requests

    if isinstance(error, DamagedDownloadError):
        return ServiceProblem(str(error), temporary=True)
    sentences: list[tuple[Any, ServiceProblem]] = [
        (NoAnswerError, ServiceProblem("Kaggle did not answer within the time limit.", advice=LATER)),
        (
            SystemExit,
            ServiceProblem(
                f"Kaggle rejected the credentials from {kaggle_credentials.source()}: create a new token.",
                no_effect=True,
            ),
        ),
        (
            ImportError,
            ServiceProblem(
                f"The kaggle package cannot be imported ({_clean(error)}): reinstall it, `pip install kaggle six`.",
                no_effect=True,
            ),
        ),
        (
            (ValueError, KeyError, TypeError, AttributeError),
            ServiceProblem("Kaggle's answer cannot be read.", temporary=True, advice=LATER),
        ),
        (
            (requests.RequestException, OSError),
            ServiceProblem(
                "The connection to Kaggle failed or was cut.",
                temporary=True,
                no_effect=_never_connected(error),
                advice="Check the network and try again.",
            ),
        ),
    ]
    unknown = ServiceProblem(f"Kaggle's client failed: {_clean(error)}.")
    return next((problem for kinds, problem in sentences if isinstance(error, kinds)), unknown)


def _never_connected(error: BaseException) -> bool:
    """Return whether the request was never sent, since no connection was made."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError | ConnectTimeoutError)


def _refusal(response: Any, competition: str) -> ServiceProblem:
    content = _content(response)
    status = _status(response, content)
    reason = _clean(content.get("message") or content.get("error") or response.reason or "no reason given")
    wait = retry_after(response.headers.get("Retry-After"))
    if status == 429:
        asked = "" if wait is None else f" and asks to wait {wait:.0f} s"
        return ServiceProblem(f"Kaggle is limiting requests (429){asked}: {reason}.", True, wait, no_effect=True)
    if status >= 500:
        return ServiceProblem(f"Kaggle has an internal problem ({status}): {reason}.", True, wait, advice=LATER)
    sentences = {
        401: f"Kaggle rejected the credentials from {kaggle_credentials.source()} (401): create a new token.",
        403: _forbidden(reason, competition),
        404: f"Kaggle does not know the competition '{competition}' or the requested file (404): check --competition.",
    }
    sentence = sentences.get(status, f"Kaggle refused ({status}): {reason}.")
    return ServiceProblem(sentence, no_effect=status not in _AMBIGUOUS_REFUSALS)


def _forbidden(reason: str, competition: str) -> str:
    text = reason.lower()
    if "rules" in text:
        return (
            f"The rules of {competition} are not accepted yet (403). Accept them once, on the web page only: "
            f"kaggle.com/competitions/{competition}/rules."
        )
    if "competitions.participate" in text:
        return (
            f"This account has not joined '{competition}', or there is no competition of that name (403): join it on "
            f"kaggle.com/competitions/{competition}, or check --competition."
        )
    return f"Kaggle forbids this (403): {reason}."


def _content(response: Any) -> dict[str, Any]:
    try:
        content = response.json()
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _status(response: Any, content: dict[str, Any]) -> int:
    """The client raises for an error code in the body, too, whatever the status line says."""
    code = content.get("code")
    return code if response.status_code < 400 and isinstance(code, int) else int(response.status_code)


def _clean(text: object) -> str:
    return clean(text, kaggle_credentials.secrets())
