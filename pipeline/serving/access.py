"""Who may use the server: everyone, or whoever knows the token. Private paths need the token on every server.

A request that changes something is refused if a browser says that another site's page sent it, whatever it carries.
With the cookie alone it must prove to come from a page of this server: a browser then names the page's origin itself
(``Sec-Fetch-Site``, or ``Origin``, which a page cannot forge). Source: OWASP, "Cross-Site Request Forgery Prevention".
"""

import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from pipeline.errors import SettingsError
from pipeline.serving import site
from pipeline.serving.answers import send_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "digit_pipeline_session"
SESSION = "/session"
OPEN = ("/healthz", "/static/")
"""Answered without the token: whether the process lives, and the files of the sign-in page."""
PRIVATE = ("/review", "/feedback", "/predictions")
"""Needs the token to be read or changed, also where everything else is open to everyone."""
GATE = "digit_pipeline.gate"
"""The key in a request's scope that holds the gate it passed."""
READS = frozenset({"GET", "HEAD"})
SHORTEST_TOKEN = 16
LONGEST_TOKEN = 1_000
NEEDED = (
    "This server needs its token: send it as `Authorization: Bearer <token>`, or sign in on the page. It is in the "
    "file given by --token-file, or else in the link that `serve` printed, after `#token=`."
)
NO_TOKEN = "Without a token, this is not open to other machines: start the server with --token-file."
FOREIGN = "Another site's page sent this request: open the page of this server itself."
UNPROVEN = "Nothing in this request shows that a page of this server sent it: send the token, or use the page."


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


def made_token() -> str:
    """Return a token for as long as one server runs."""
    return secrets.token_urlsafe(16)


def is_signed_in(request: "Request") -> bool:
    """Return whether a request carries what private paths need; the gate sees every request."""
    gate: TokenGate = request.scope[GATE]
    return gate.lets_in(dict(request.scope["headers"]))


def is_private(path: str) -> bool:
    """Return whether a path needs the token on every server."""
    return path == SESSION or any(path == private or path.startswith(f"{private}/") for private in PRIVATE)


class TokenGate:
    """Serves protected paths only to requests that carry the token, or the cookie of a page that sent it once.

    The cookie is derived from the token, never the token itself; scripts cannot read it and other sites cannot make
    the browser send it. Both are compared in constant time.

    Args:
        app: What is protected.
        token: What must be sent; ``None`` keeps what is private from everyone.
        only_private: Whether the rest is open to everyone.
    """

    def __init__(self, app: "ASGIApp", token: str | None, *, only_private: bool) -> None:
        self._app = app
        self._has_token = token is not None
        # Without a token nothing that is sent can equal it.
        secret = (token or made_token()).encode()
        self._token = _digest(secret)
        self._session = hmac.new(secret, b"digit-pipeline session", hashlib.sha256).hexdigest()
        self._only_private = only_private

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        scope[GATE] = self
        if scope["type"] != "http" or not self._is_protected(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        bearer, reads = self._knows_token(headers), scope["method"] in READS
        if not self._has_token:
            await send_json(send, 403, {"detail": NO_TOKEN})
        elif not reads and is_private(scope["path"]) and _is_foreign(headers):
            await send_json(send, 403, {"detail": FOREIGN})
        elif scope["path"] == SESSION and scope["method"] == "POST" and bearer:
            cookie = f"{COOKIE}={self._session}; Path=/; HttpOnly; SameSite=Strict"
            await send_json(send, 200, {"status": "signed in"}, {"set-cookie": cookie})
        elif not self.lets_in(headers):
            await self._ask(scope, receive, send, headers)
        elif not reads and is_private(scope["path"]) and not bearer and not _is_own(headers):
            await send_json(send, 403, {"detail": UNPROVEN})
        else:
            await self._app(scope, receive, send)

    def lets_in(self, headers: dict[bytes, bytes]) -> bool:
        """Return whether headers carry the token or the cookie."""
        return self._has_token and (self._knows_token(headers) or self._has_cookie(headers))

    async def _ask(self, scope: "Scope", receive: "Receive", send: "Send", headers: dict[bytes, bytes]) -> None:
        if scope["method"] in READS and b"text/html" in headers.get(b"accept", b""):
            await HTMLResponse(site.sign_in(), 401, {"cache-control": "no-store"})(scope, receive, send)
        else:
            await send_json(send, 401, {"detail": NEEDED}, {"www-authenticate": "Bearer"})

    def _is_protected(self, path: str) -> bool:
        if self._only_private:
            return is_private(path)
        return not path.startswith(OPEN)

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


def _is_foreign(headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that a page of another site sent the request."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    return b"origin" in headers and not _is_own(headers)


def _is_own(headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that a page of this server sent the request."""
    if (site := headers.get(b"sec-fetch-site")) is not None:
        return site == b"same-origin"
    _, separator, host = headers.get(b"origin", b"").partition(b"://")
    return bool(separator) and host.lower() == headers.get(b"host", b"").lower()


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
