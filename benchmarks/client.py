"""A client that asks a server for predictions: for some, or again and again."""

import http.client
import itertools
import threading
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.sending import png
from benchmarks.story_pictures import Labelled

BETWEEN_REQUESTS = 0.05
BOUNDARY = "story"
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def ask_for(address: str, pictures: Sequence[Labelled]) -> None:
    """Ask for the prediction of one picture after the other, each in a request of its own.

    Raises:
        RuntimeError: One was refused.
    """
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    for _, picture in pictures:
        connection.request("POST", "/predict", _form(picture), HEADERS)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"A prediction was refused: {answer.status}, {content[:200]!r}")
    connection.close()


class Client:
    """Asks for one prediction after the other, from a thread, until the block ends."""

    def __init__(self, address: str, pictures: Sequence[Labelled]) -> None:
        self.requests, self.slowest_ms = 0, 0.0
        self.failed: list[str] = []
        self._host = address.removeprefix("http://")
        self._bodies = [_form(picture) for _, picture in pictures[:50]]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        for body in itertools.cycle(self._bodies):
            if self._stop.wait(BETWEEN_REQUESTS):
                return
            self.requests += 1
            started = time.perf_counter()
            try:
                connection.request("POST", "/predict", body, HEADERS)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    self.failed.append(f"{answer.status}: {content[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            self.slowest_ms = max(self.slowest_ms, 1000 * (time.perf_counter() - started))


def _form(picture: Any) -> bytes:
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'.encode()
    return head + png(picture) + f"\r\n--{BOUNDARY}--\r\n".encode()
