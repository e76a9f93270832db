"""What the served pages share: one header, the way to the others, and their templates."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.reports.navigation import Navigation

if TYPE_CHECKING:
    from pipeline.serving.champion import Champion

TEMPLATES = Path(__file__).parent / "templates"
DIGITS = frozenset("0123456789")
DRAW, REVIEW, DASHBOARD, API = "Draw", "Review", "Dashboard", "API"


def navigation(champion: "Champion | None", current: str = "") -> Navigation:
    """Return the header of a page, by what the champion takes: drawings, or pictures alone."""
    return _navigation(_is_drawable(champion), current)


def page(template: str, champion: "Champion | None" = None, current: str = "") -> str:
    """Return one of the pages in ``templates/``, which differ by what the champion takes and nothing else."""
    names = champion.classes if champion else ()
    return _page(template, current, _is_drawable(champion), DIGITS.issuperset(names))


@cache
def _page(template: str, current: str, drawable: bool, digits: bool) -> str:
    from pipeline.reports import html

    values: dict[str, Any] = {"drawable": drawable, "thing": "digit" if digits else "picture"}
    return html.render(template, navigation=_navigation(drawable, current), folder=TEMPLATES, **values)


def _navigation(drawable: bool, current: str) -> Navigation:
    first = DRAW if drawable else "Picture"
    pages = {first: "/", REVIEW: "/review", DASHBOARD: "/dashboard", API: "/api"}
    return Navigation("/", pages, first if current == DRAW else current)


def _is_drawable(champion: "Champion | None") -> bool:
    return champion is None or champion.shape[2] == 1
