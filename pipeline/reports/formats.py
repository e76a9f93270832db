"""Numbers, times and digests as a person reads them; whatever is missing or not a number is a dash."""

import math
from datetime import UTC, datetime
from typing import Any

DASH = "–"
NARROW_SPACE = "\u202f"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(value: Any, digits: int = 2, space: str = NARROW_SPACE) -> str:
    """Return a fraction as per cent: 0.9935 is ``99.35 %``."""
    number = as_number(value)
    return DASH if number is None else f"{100 * number:.{digits}f}{space}%"


def interval(low: Any, high: Any, digits: int = 2) -> str:
    """Return the two ends of an interval of fractions: ``99.17 to 99.50 %``."""
    low, high = as_number(low), as_number(high)
    if low is None or high is None:
        return DASH
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f}{NARROW_SPACE}%"


def count(value: Any) -> str:
    """Return a whole number with separated thousands: ``10,000``."""
    number = as_number(value)
    return DASH if number is None else f"{round(number):,}"


def decimal(value: Any, digits: int = 4) -> str:
    """Return a number with fixed decimals; a tiny one in powers of ten, so that it never reads as zero."""
    number = as_number(value)
    if number is None:
        return DASH
    if not 0 < abs(number) < 0.5 * 10**-digits:
        return f"{number:.{digits}f}"
    mantissa, exponent = f"{number:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"


def points(value: Any) -> str:
    """Return a difference in percentage points, with its sign: ``+0.07``."""
    number = as_number(value)
    return DASH if number is None else f"{number:+.2f}"


def seconds(value: Any) -> str:
    """Return a duration given in seconds: ``0.8 ms``, ``9.1 s``, ``3 min 20 s``, ``1 h 05 min``."""
    number = as_number(value)
    if number is None:
        return DASH
    if number < 0.1:
        return f"{1000 * number:.2g}{NARROW_SPACE}ms"
    if number < 59.95:
        return f"{number:.1f}{NARROW_SPACE}s"
    minutes, rest = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes}{NARROW_SPACE}min {rest:02d}{NARROW_SPACE}s"
    return f"{minutes // 60}{NARROW_SPACE}h {minutes % 60:02d}{NARROW_SPACE}min"


def size(value: Any) -> str:
    """Return a number of bytes in the unit that suits it: ``270 kB``."""
    number = as_number(value)
    if number is None:
        return DASH
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.3g}{NARROW_SPACE}{unit}"
    return f"{number:.0f}{NARROW_SPACE}bytes"


def when(value: Any) -> str:
    """Return an ISO 8601 UTC time as ``21 Nov 2026, 13:45 UTC``; other text is returned unchanged."""
    if not isinstance(value, str) or not value:
        return DASH
    read = moment(value)
    return value if read is None else f"{read.day} {read:%b %Y, %H:%M} UTC"


def moment(value: Any) -> datetime | None:
    """Return an ISO 8601 time in UTC, without its zone; ``None`` for anything else."""
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read


def as_number(value: Any) -> float | None:
    """Return the value as a finite float, or ``None`` where it is missing, NaN, infinite or not a number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
