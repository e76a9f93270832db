"""How much of requests' bodies is held at once, and how long they may take to arrive."""

import asyncio
from typing import TYPE_CHECKING

from pipeline.serving.refusals import MOST_BYTES, RequestRefusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL = 128 * 1024
"""Bytes of a body that is always let in: a drawing, or a few images as JSON."""
LARGE_AT_ONCE = 4
"""Larger bodies that are read at the same time; the others wait unread, in the client."""
BODY_SECONDS = 60.0
"""From the first byte that is read to the last: 16 MiB in that time are 2.2 Mbit a second."""
QUEUE_SECONDS = 60.0
"""How long a large body waits for its turn."""


class BodyLimit:
    """Refuses bodies that are too large or too slow, and reads only a few large ones at the same time.

    Without it forty open uploads hold 600 MB, and one that never ends is held for good.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app
        self._turns = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        announced = _announced(scope)
        if announced == 0:
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._turns, announced)

        async def send_closing(message: "Message") -> None:
            if message["type"] == "http.response.start" and not body.complete:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, body.receive, send_closing)
        finally:
            body.release()


class _Body:
    """One body as it arrives.

    Attributes:
        complete: Whether all of it was read.
    """

    def __init__(self, receive: "Receive", turns: asyncio.Semaphore, announced: int | None) -> None:
        self.complete = False
        self._receive = receive
        self._turns = turns
        self._announced = announced
        self._holds_turn = False
        self._received = 0
        self._until: float | None = None

    async def receive(self) -> "Message":
        """Return the next part.

        Raises:
            RequestRefusal: The body is too large, too slow, or its turn did not come.
        """
        if self.complete:
            return await self._receive()
        if self._until is None:
            await self._begin()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise RequestRefusal(
                408, f"The body did not arrive within {BODY_SECONDS:g} seconds: send it again."
            ) from error
        self._received += len(message.get("body", b""))
        if self._received > MOST_BYTES:
            raise _too_large()
        self.complete = not message.get("more_body", False)
        return message

    def release(self) -> None:
        """Let the next large body in."""
        if self._holds_turn:
            self._holds_turn = False
            self._turns.release()

    async def _begin(self) -> None:
        if self._announced is not None and self._announced > MOST_BYTES:
            raise _too_large()
        if self._announced is None or self._announced > SMALL:
            try:
                async with asyncio.timeout(QUEUE_SECONDS):
                    await self._turns.acquire()
            except TimeoutError as error:
                raise RequestRefusal(503, "Too many large uploads at once: try again in a minute.") from error
            self._holds_turn = True
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS


def _too_large() -> RequestRefusal:
    return RequestRefusal(413, f"The request is too large: send at most {MOST_BYTES // 2**20} MiB at once.")


def _announced(scope: "Scope") -> int | None:
    """Return the bytes of the body, 0 where there is none, ``None`` where its length is not announced."""
    if scope["type"] != "http":
        return 0
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else None
