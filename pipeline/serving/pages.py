"""The pages for people: draw a digit, the dashboard, the exploration, and each version's report."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse, Response

from pipeline.reports.navigation import EXPLORATION, Navigation, batches, explorations, with_header
from pipeline.serving import drift_status, schemas, site
from pipeline.serving.champion import ChampionWatch
from pipeline.serving.refusals import RequestRefusal
from pipeline.store import production, versions
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.reports.index_page import Audited

STATIC = Path(__file__).parent / "static"
VERSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
VersionId = Annotated[str, PathParameter(description="A version's id, as GET /versions lists them.")]
HTML = "text/html"
EXPLORATION_FILES = {".html": HTML, ".png": "image/png", ".csv": "text/csv; charset=utf-8"}
READ = ["GET", "HEAD"]
UNCACHED = {"cache-control": "no-cache"}


def router(home: Home, watch: ChampionWatch) -> APIRouter:
    """Return the routes of the pages."""
    routes = APIRouter()

    @routes.api_route("/", methods=READ, include_in_schema=False)
    async def draw() -> Response:
        """Show the page to draw on or, before the first champion, what to do."""
        if watch.champion is None:
            return HTMLResponse(site.page("waiting.html", home, watch, site.DRAW), 503, UNCACHED | {"retry-after": "5"})
        return HTMLResponse(site.page("draw.html", home, watch, site.DRAW), headers=UNCACHED)

    @routes.api_route("/dashboard", methods=READ, include_in_schema=False)
    def dashboard() -> Response:
        """Show all versions, the champion, verdicts and learning curves, as they are now."""
        return _dashboard(home, watch)

    @routes.api_route("/api", methods=READ, include_in_schema=False)
    async def api() -> Response:
        """Show the API's operations, with a form to try each."""
        return HTMLResponse(site.page("api.html", home, watch, site.API), headers=UNCACHED)

    @routes.get("/static/site.css", include_in_schema=False)
    def style() -> Response:
        """Return the style that all pages share."""
        from pipeline.reports import html

        return Response(html.site_style(), media_type="text/css", headers=UNCACHED)

    @routes.get("/versions/{version_id}/report.html", response_class=Response, responses=schemas.REPORT)
    def report(version_id: VersionId) -> Response:
        """Show the report of a version that passed."""
        return _report(home, home.versions / version_id, watch)

    @routes.get("/versions/failed/{version_id}/report.html", include_in_schema=False)
    def failed_report(version_id: str) -> Response:
        """Show the report of a version that did not pass."""
        return _report(home, home.failed / version_id, watch)

    @routes.api_route("/eda/{dataset}/{name}", methods=READ, include_in_schema=False)
    def exploration(dataset: str, name: str) -> Response:
        """Show the exploration of a dataset, or one of the files that its page links to."""
        return _exploration(home, dataset, name, watch)

    @routes.api_route("/datasets/{dataset}/{name}", methods=READ, include_in_schema=False)
    def batch(dataset: str, name: str) -> Response:
        """Show what became of a batch that arrived for a dataset."""
        return _batch(home, dataset, name, watch)

    return routes


def _dashboard(home: Home, watch: ChampionWatch) -> Response:
    from pipeline.reports import html, index_page, watching
    from pipeline.store import submissions, watch_records

    page = index_page.render(
        versions.list_versions(home),
        index_page.read_pictures(home.metric_results),
        production.records(home),
        submissions.read(home),
        watched=[watching.view(one) for one in watch_records.watched(home)],
        link_prefix="/",
        navigation=site.navigation(home, watch, site.DASHBOARD),
        audited=_audited(home),
        drift=drift_status.in_words(home),
        batches={name: [f"/{page}" for page in own] for name, own in batches(home.metric_results).items()},
        explorations={name: site.exploration_page(name) for name in explorations(home.metric_results)},
    )
    policy = f"{html.content_policy()}; frame-ancestors 'none'"
    return HTMLResponse(page, headers=UNCACHED | {"content-security-policy": policy})


def _audited(home: Home) -> list["Audited"]:
    from pipeline.growing import audits
    from pipeline.reports.index_page import Audited

    found = (audits.of_champion(home, champion) for champion in production.all_current(home))
    return [
        Audited(one.version, said.accuracy, said.low, said.high, said.labels, one.waiting)
        for one in found
        if one is not None and (said := one.estimate)
    ]


def _report(home: Home, folder: Path, watch: ChampionWatch) -> Response:
    version_id, path = folder.name, folder / "report.html"
    if not VERSION_ID.fullmatch(version_id) or not folder.is_dir():
        raise RequestRefusal(404, f"There is no report of a version '{version_id[:80]}': GET /versions lists them.")
    if not path.is_file():
        raise RequestRefusal(
            404, f"The report of {version_id} is gone: erasing an image also deletes the reports that may show it."
        )
    return _written(path, site.navigation(home, watch))


def _exploration(home: Home, dataset: str, name: str, watch: ChampionWatch) -> Response:
    path = home.explorations / dataset / name
    media_type = EXPLORATION_FILES.get(path.suffix)
    if media_type is None or not _is_file_of(home.explorations, path):
        raise RequestRefusal(
            404,
            f"The exploration of '{dataset[:80]}' has no file '{name[:80]}': `simulator.py explore` writes it, and "
            "erasing an image deletes it.",
        )
    if media_type == HTML:
        return _written(path, site.navigation(home, watch, EXPLORATION if dataset == watch.dataset else ""))
    return FileResponse(path, media_type=media_type, headers=UNCACHED)


def _batch(home: Home, dataset: str, name: str, watch: ChampionWatch) -> Response:
    path = home.batch_pages / dataset / name
    if path.suffix != ".html" or not _is_file_of(home.batch_pages, path):
        raise RequestRefusal(
            404,
            f"There is no page '{name[:80]}' on a batch of '{dataset[:80]}': `simulator.py ingest` writes one for each "
            "batch, and erasing an image deletes them.",
        )
    return _written(path, site.navigation(home, watch))


def _is_file_of(folder: Path, path: Path) -> bool:
    """Whether a path below a folder is a file there: no link, no ``..``, no name too long for the disk."""
    try:
        return path.is_file() and path.resolve() == folder.resolve() / path.relative_to(folder)
    except OSError:
        return False


def _written(path: Path, way: Navigation) -> Response:
    """A page as it is on disk, but for its header, which leads to the pages of this server."""
    from pipeline.reports import html

    page = with_header(path.read_text(encoding="utf-8", errors="replace"), html.header(way))
    return HTMLResponse(page, headers=UNCACHED | {"content-security-policy": REPORT_POLICY})
