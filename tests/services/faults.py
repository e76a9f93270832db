"""What a loopback server answers in place of its own answer."""

import _thread
import signal
import time
from collections.abc import Callable
from typing import Any

Fault = Callable[[Any], None]
"""Takes the handler of the request."""


def reply(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Fault:
    """Answer with this status and this body, as the handler's ``send`` takes them."""
    return lambda handler: handler.send(status, body, headers)


def cut(handler: Any) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.close()


def slow(seconds: float) -> Fault:
    """Answer nothing for this many seconds."""
    return lambda handler: time.sleep(seconds)


def stop(handler: Any) -> None:
    """Send SIGTERM to the client, and answer nothing. SIGINT is ignored where the tests run in the background."""
    _thread.interrupt_main(signal.SIGTERM)
    cut(handler)


def error(status: int, message: str) -> Fault:
    """Refuse as Kaggle does."""
    return reply(status, {"code": status, "message": message})
