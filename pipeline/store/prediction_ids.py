"""Ids of served predictions: UUIDs that sort by time and cannot be guessed."""

import os
import re
import time
from collections.abc import Callable

from pipeline import moments

PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TICKS_PER_MILLISECOND = 4_096
NANOSECONDS_PER_MILLISECOND = 1_000_000
RANDOM_BITS = 62


class Numbering:
    """Issues ids in strictly ascending order: UUIDs of version 7 (RFC 9562, section 5.7).

    48 bits are the time in milliseconds, 12 more its fraction (section 6.2, method 3), and 62 are random. Not safe to
    use from several threads.

    Args:
        clock: Returns nanoseconds since 1970.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._next = 0

    def take(self, count: int) -> tuple[str, ...]:
        """Return ``count`` new ids."""
        first = max(self._next, self._clock() * TICKS_PER_MILLISECOND // NANOSECONDS_PER_MILLISECOND)
        self._next = first + count
        random = os.urandom(8 * count)
        return tuple(_id(first + place, random[8 * place : 8 * place + 8]) for place in range(count))


def microseconds(prediction_id: str) -> int:
    """Return when an id was issued, in microseconds since 1970."""
    digits = prediction_id.replace("-", "")
    return int(digits[:12], 16) * 1_000 + int(digits[13:16], 16) * 1_000 // TICKS_PER_MILLISECOND


def when(prediction_id: str) -> str:
    """Return when an id was issued, as UTC in ISO 8601."""
    return moments.of_seconds(microseconds(prediction_id) / 1e6)


def first_after(microseconds_since_1970: int) -> str:
    """Return the smallest text that sorts before every id issued at that time or later."""
    text = f"{max(0, microseconds_since_1970) // 1_000:012x}"
    return f"{text[:8]}-{text[8:]}"


def _id(ticks: int, random: bytes) -> str:
    milliseconds, fraction = divmod(ticks, TICKS_PER_MILLISECOND)
    tail = int.from_bytes(random, "big") >> (64 - RANDOM_BITS)
    text = f"{milliseconds:012x}7{fraction:03x}{(0b10 << RANDOM_BITS) | tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
