"""Moments as they are recorded: UTC, ISO 8601, to the second (``2026-11-21T13:45:02Z``)."""

import calendar
import time

FORMAT = "%Y-%m-%dT%H:%M:%SZ"
ID_FORMAT = "%Y%m%d-%H%M%S"


def now() -> str:
    """Return now as it is recorded."""
    return time.strftime(FORMAT, time.gmtime())


def of_seconds(seconds: float) -> str:
    """Return a moment, given in seconds since 1970, as it is recorded."""
    return time.strftime(FORMAT, time.gmtime(seconds))


def seconds_of(recorded: str) -> int:
    """Return a recorded moment in seconds since 1970.

    Raises:
        ValueError: The text is no such moment.
    """
    return calendar.timegm(time.strptime(recorded, FORMAT))


def id_now() -> str:
    """Return now as ids begin with it, so that they sort by time: ``20261121-134502``."""
    return time.strftime(ID_FORMAT, time.gmtime())
