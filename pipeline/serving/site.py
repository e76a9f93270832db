"""What the served pages share: one header, the way to the others, and their templates."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.reports.navigation import EXPLORATION, EXPLORATIONS, INDEX, Navigation, explored_of

if TYPE_CHECKING:
    from pipeline.serving.champion import Champion, ChampionWatch
    from pipeline.store.home import Home

TEMPLATES = Path(__file__).parent / "templates"
DIGITS = frozenset("0123456789")
DRAW, REVIEW, DASHBOARD, API = "Draw", "Review", "Dashboard", "API"


def navigation(home: "Home", watch: "ChampionWatch", current: str = "") -> Navigation:
    """Return the header of a page, by what the champion takes (drawings, or pictures alone) and what a home has."""
    return _navigation(_is_drawable(watch.champion), _exploration(home, watch), current)


def exploration_page(dataset: str) -> str:
    """Return the address of a dataset's exploration."""
    return quote(f"/{EXPLORATIONS}/{dataset}/{INDEX}")


def page(template: str, home: "Home", watch: "ChampionWatch", current: str = "") -> str:
    """Return one of the pages in ``templates/``, which differ by champion and header and nothing else."""
    champion = watch.champion
    digits = DIGITS.issuperset(champion.classes if champion else ())
    return _page(
        template,
        current=current,
        drawable=_is_drawable(champion),
        exploration=_exploration(home, watch),
        digits=digits,
        first_run=watch.first_run,
    )


def sign_in() -> str:
    """Return the page that asks for the token."""
    return _page("sign-in.html")


def refusal(sentence: str, status: int, way: Navigation) -> str:
    """Return the page that says in a sentence why there is nothing to show."""
    from pipeline.reports import html

    return html.render("refused.html", navigation=way, folder=TEMPLATES, sentence=sentence, status=status)


@cache
def _page(
    template: str,
    *,
    current: str = "",
    drawable: bool = True,
    exploration: str = "",
    digits: bool = True,
    first_run: str = "",
) -> str:
    from pipeline.reports import html

    values: dict[str, Any] = {"drawable": drawable, "thing": "digit" if digits else "picture", "first_run": first_run}
    return html.render(template, navigation=_navigation(drawable, exploration, current), folder=TEMPLATES, **values)


def _navigation(drawable: bool, exploration: str, current: str) -> Navigation:
    first = DRAW if drawable else "Picture"
    pages = {first: "/", REVIEW: "/review", DASHBOARD: "/dashboard"}
    explored = {EXPLORATION: exploration} if exploration else {}
    return Navigation("/", pages | explored | {API: "/api"}, first if current == DRAW else current)


def _exploration(home: "Home", watch: "ChampionWatch") -> str:
    """The address of the exploration of what is served; empty if there is none."""
    explored = explored_of(home.metric_results, watch.dataset or "")
    return exploration_page(explored) if explored else ""


def _is_drawable(champion: "Champion | None") -> bool:
    return champion is None or champion.shape[2] == 1
