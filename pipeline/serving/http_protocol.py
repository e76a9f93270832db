"""uvicorn's HTTP protocol, with a time limit for a request's head and JSON for what is not HTTP."""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0
"""From a connection's or a request's first byte to the end of its head."""
NOT_HTTP = "This is not a valid HTTP request."
LATE = f"The request's head did not arrive within {HEAD_SECONDS:g} seconds."
REASONS = {400: b"Bad Request", 408: b"Request Timeout"}


class PatientProtocol(HttpToolsProtocol):
    """Waits ``HEAD_SECONDS`` for a head, then closes the connection: a few bytes may not hold it for good."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._start_waiting()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words for it
        self._stop_waiting()
        self._refuse(400, NOT_HTTP)

    def _start_waiting(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._refuse, 408, LATE)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, sentence: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"detail": sentence}).encode()
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, REASONS[status], len(body)) + body)
        self.transport.close()
