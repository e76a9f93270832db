"""Post JSON to an address that a user named."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from pipeline import __version__
from pipeline.errors import SettingsError
from pipeline.services.calls import Deadline, Patience, ServiceProblem, persistent, retry_after
from pipeline.services.redaction import clean

PATIENCE = Patience(limit_seconds=30.0, attempts=3, pause_seconds=1.0)
TEMPORARY = (408, 425, 429, 500, 502, 503, 504)


HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)
"""None follows a redirection: what is posted goes to the named address alone."""


def checked(address: str) -> str:
    """Return an address that can be posted to.

    Raises:
        SettingsError: It is no http or https address; the sentence does not repeat it, since it may hold a secret.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and address.isascii() and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not address.isprintable() or " " in address:
        raise SettingsError("--webhook takes an address that starts with https:// or http://.")
    return address


def post(address: str, value: Mapping[str, Any], patience: Patience = PATIENCE) -> None:
    """Post a value as JSON; whatever status of 200 to 299 comes back is a success.

    Raises:
        ServiceError: Nobody answered in time, or the answer was a refusal; the sentence does not hold the address.
    """
    content = json.dumps(value).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"digit-pipeline/{__version__}"}
    request = urllib.request.Request(checked(address), content, headers, method="POST")
    opener = urllib.request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    deadline = patience.start()

    def send() -> None:
        with opener.open(request, timeout=max(0.1, _share(deadline, patience))) as answer:
            answer.read(1)

    persistent(send, lambda error: _problem(error, address), patience, deadline)


def _share(deadline: Deadline, patience: Patience) -> float:
    return min(deadline.left(), patience.limit_seconds / patience.attempts)


def _problem(error: BaseException, address: str) -> ServiceProblem:
    parts = urllib.parse.urlsplit(address)
    secrets = [address, parts.path.strip("/"), parts.query, parts.netloc.rpartition("@")[0]]
    if isinstance(error, urllib.error.HTTPError):
        sentence = f"The webhook answered with status {error.code}."
        return ServiceProblem(sentence, error.code in TEMPORARY, retry_after(error.headers.get("Retry-After")))
    if isinstance(error, OSError | HTTPException):
        reason = clean(getattr(error, "reason", None) or error, secrets)
        return ServiceProblem(f"The webhook could not be reached: {reason}.", temporary=True)
    raise error
