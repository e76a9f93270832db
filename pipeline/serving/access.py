"""Who may use the server: everyone, or whoever knows the token."""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse

from pipeline.errors import SettingsError
from pipeline.serving.answers import send_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "digit_pipeline_session"
SESSION = "/session"
OPEN = ("/healthz", "/static/")
"""Answered without the token: whether the process lives, and the files of the sign-in page."""
SHORTEST_TOKEN = 16
LONGEST_TOKEN = 1_000
SIGN_IN = Path(__file__).parent / "static" / "sign-in.html"
NEEDED = "This server needs its token: send it as `Authorization: Bearer <token>`, or sign in on the page."


def read_token(path: Path) -> str:
    """Return the token in a file: one line of 16 to 1,000 printable ASCII characters without spaces.

    Raises:
        SettingsError: The file cannot be read or holds anything else.
    """
    try:
        with path.open(encoding="ascii") as stream:
            token = stream.read(LONGEST_TOKEN + 2).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise SettingsError(f"The token file {path} cannot be read ({reason}).") from error
    usable = all(33 <= ord(character) <= 126 for character in token)
    if not usable or not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN:
        raise SettingsError(
            f"The token file {path} must hold one line of {SHORTEST_TOKEN} to {LONGEST_TOKEN:,} characters without "
            "spaces, such as `openssl rand -hex 32` prints."
        )
    return token


class TokenGate:
    """Answers only requests that carry the token, or the cookie of a page that sent it once.

    The cookie is derived from the token, never the token itself; scripts cannot read it and other sites cannot make
    the browser send it. Both are compared in constant time.

    Args:
        app: What is protected.
        token: What must be sent.
    """

    def __init__(self, app: "ASGIApp", token: str) -> None:
        self._app = app
        self._token = _digest(token.encode())
        self._session = hmac.new(token.encode(), b"digit-pipeline session", hashlib.sha256).hexdigest()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        bearer = self._knows_token(headers)
        if scope["path"] == SESSION and scope["method"] == "POST" and bearer:
            cookie = f"{COOKIE}={self._session}; Path=/; HttpOnly; SameSite=Strict"
            await send_json(send, 200, {"status": "signed in"}, {"set-cookie": cookie})
        elif bearer or self._has_cookie(headers):
            await self._app(scope, receive, send)
        elif scope["method"] in {"GET", "HEAD"} and b"text/html" in headers.get(b"accept", b""):
            await FileResponse(SIGN_IN, 401, {"cache-control": "no-store"})(scope, receive, send)
        else:
            await send_json(send, 401, {"detail": NEEDED}, {"www-authenticate": "Bearer"})

    def _knows_token(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, sent = headers.get(b"authorization", b"").partition(b" ")
        return hmac.compare_digest(_digest(sent.strip()), self._token) and scheme.lower() == b"bearer"

    def _has_cookie(self, headers: dict[bytes, bytes]) -> bool:
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return False
        sent = cookies[COOKIE].value if COOKIE in cookies else ""
        return hmac.compare_digest(sent.encode(), self._session.encode())


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
