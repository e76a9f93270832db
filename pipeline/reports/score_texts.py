"""Scores of competitions as a person reads them: accuracies in per cent, everything else as a number."""

from typing import Any

from pipeline.judging.competition_metrics import METRICS
from pipeline.reports.formats import DASH, as_number


def is_percent(metric: str) -> bool:
    """Return whether values of a metric are written in per cent; not those of one that is unknown here."""
    return metric in METRICS and METRICS[metric].form == "percent"


def score(metric: str, value: Any, digits: int = 2, space: str = " ") -> str:
    """Return a value: ``99.35 %`` with that many digits, or ``0.03121``; a dash where there is none."""
    number = as_number(value)
    if number is None:
        return DASH
    return f"{100 * number:.{digits}f}{space}%" if is_percent(metric) else f"{number:.5f}"


def interval(metric: str, low: Any, high: Any, space: str = " ") -> str:
    """Return the two ends of an interval: ``99.17 to 99.50 %``, or ``0.02510 to 0.03782``."""
    bounds = as_number(low), as_number(high)
    if None in bounds:
        return DASH
    if is_percent(metric):
        return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}{space}%"  # type: ignore[operator]
    return f"{bounds[0]:.5f} to {bounds[1]:.5f}"


def difference(metric: str, value: Any) -> str:
    """Return a difference with its sign, in percentage points (``+0.07``) or as a number (``-0.00121``)."""
    number = as_number(value)
    if number is None:
        return DASH
    return f"{100 * number:+.2f}" if is_percent(metric) else f"{number:+.5f}"


def title(metric: str) -> str:
    """Return the name of a metric for a person; as it is where it is unknown here."""
    return METRICS[metric].title if metric in METRICS else metric


def inside(metric: str) -> str:
    """Return the name of a metric as it is written inside a sentence."""
    name = title(metric)
    return name[:1].lower() + name[1:]
