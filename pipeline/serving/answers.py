"""Every refusal is JSON, ``{"detail": sentence}``, whichever part of the server refuses."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SENTENCES = {
    "Invalid host header": "This server does not answer to that host name: use localhost, or start it with --host.",
    "Internal Server Error": "The server failed on this request: see its log.",
}
"""What a library says in a word, as a sentence."""
RANGE = "The range cannot be read or is not within the file: leave it out, or send `bytes=first-last`."


class JsonRefusals:
    """Turns the refusals that libraries send as plain text into JSON."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        start: Message | None = None
        text = b""

        async def send_as_json(message: "Message") -> None:
            nonlocal start, text
            if message["type"] == "http.response.start" and _is_plain_refusal(message):
                start = message
            elif start is None:
                await send(message)
            else:
                text += message.get("body", b"")
                if not message.get("more_body", False):
                    await _send_sentence(send, start, text.decode("utf-8", "replace"))

        await self._app(scope, receive, send_as_json)


async def send_json(send: "Send", status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
    """Send a whole answer."""
    body = json.dumps(value).encode()
    pairs = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    pairs += [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def sentence_of(text: str, status: int) -> str:
    """Return what a library's refusal means, as a sentence."""
    if status == 416 or "range" in text.lower():
        return RANGE
    return SENTENCES.get(text) or text or "The request cannot be answered."


def _is_plain_refusal(message: "Message") -> bool:
    kinds = [value for name, value in message.get("headers", ()) if name == b"content-type"]
    return bool(message["status"] >= 400 and kinds and kinds[0].startswith(b"text/plain"))


async def _send_sentence(send: "Send", start: "Message", text: str) -> None:
    kept = {
        name.decode(): value.decode("latin-1")
        for name, value in start.get("headers", ())
        if name not in {b"content-type", b"content-length"}
    }
    await send_json(send, start["status"], {"detail": sentence_of(text, start["status"])}, kept)
