"""Figures as a person reads them."""


def percent(fraction: float) -> str:
    """``99.41 %``."""
    return f"{100 * fraction:.2f} %"
