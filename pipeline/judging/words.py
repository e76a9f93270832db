"""Figures as a person reads them."""

from pipeline.contracts import Outcome


def percent(fraction: float) -> str:
    """Return a fraction as text: ``99.41 %``."""
    return f"{100 * fraction:.2f} %"


def counted(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 error``, ``2,000 errors``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def passed(condition: bool) -> Outcome:
    """``pass`` or ``fail``."""
    return "pass" if condition else "fail"
