"""Figures as a person reads them."""

from pipeline.contracts import Check, Outcome


def percent(fraction: float) -> str:
    """Return a fraction as text: ``99.41 %``."""
    return f"{100 * fraction:.2f} %"


def counted(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 error``, ``2,000 errors``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def not_passed(check: Check) -> str:
    """Return that a check did not pass, in words, since its title says what it demands: ``failed “better than dummy”``.

    Lists that show each check's outcome beside its title need no such words.
    """
    return f"{'failed' if check.outcome == 'fail' else 'could not decide'} “{check.title}”"


def passed(condition: bool) -> Outcome:
    """``pass`` or ``fail``."""
    return "pass" if condition else "fail"
