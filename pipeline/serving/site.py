"""What the served pages share: one header, the way to the others, and their templates."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.reports.navigation import EXPLORATION, Navigation, is_explored

if TYPE_CHECKING:
    from pipeline.serving.champion import Champion
    from pipeline.store.home import Home

TEMPLATES = Path(__file__).parent / "templates"
DIGITS = frozenset("0123456789")
DRAW, REVIEW, DASHBOARD, API = "Draw", "Review", "Dashboard", "API"
EXPLORATION_PAGE = "/eda/index.html"


def navigation(home: "Home | None", champion: "Champion | None", current: str = "") -> Navigation:
    """Return the header of a page, by what the champion takes (drawings, or pictures alone) and what a home has."""
    return _navigation(_is_drawable(champion), _is_explored(home), current)


def page(template: str, home: "Home | None" = None, champion: "Champion | None" = None, current: str = "") -> str:
    """Return one of the pages in ``templates/``, which differ by champion and header and nothing else."""
    names = champion.classes if champion else ()
    return _page(template, current, _is_drawable(champion), _is_explored(home), DIGITS.issuperset(names))


def refusal(sentence: str, status: int) -> str:
    """Return the page that says in a sentence why there is nothing to show."""
    from pipeline.reports import html

    return html.render(
        "refused.html", navigation=Navigation("/", {}), folder=TEMPLATES, sentence=sentence, status=status
    )


@cache
def _page(template: str, current: str, drawable: bool, explored: bool, digits: bool) -> str:
    from pipeline.reports import html

    values: dict[str, Any] = {"drawable": drawable, "thing": "digit" if digits else "picture"}
    return html.render(template, navigation=_navigation(drawable, explored, current), folder=TEMPLATES, **values)


def _navigation(drawable: bool, explored: bool, current: str) -> Navigation:
    first = DRAW if drawable else "Picture"
    pages = {first: "/", REVIEW: "/review", DASHBOARD: "/dashboard"}
    exploration = {EXPLORATION: EXPLORATION_PAGE} if explored else {}
    return Navigation("/", pages | exploration | {API: "/api"}, first if current == DRAW else current)


def _is_explored(home: "Home | None") -> bool:
    return home is not None and is_explored(home.metric_results)


def _is_drawable(champion: "Champion | None") -> bool:
    return champion is None or champion.shape[2] == 1
