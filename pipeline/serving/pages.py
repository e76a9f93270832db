"""The pages for people: draw a digit, the dashboard, and each version's report."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse, Response

from pipeline.serving import drift_status, schemas
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
PAGES = {"Draw a digit": "/", "Review": "/review", "API": "/openapi.json"}
VersionId = Annotated[str, PathParameter(description="A version's id, as GET /versions lists them.")]
READ = ["GET", "HEAD"]
UNCACHED = {"cache-control": "no-cache"}


def router(home: Home, watch: ChampionWatch) -> APIRouter:
    """Return the routes of the pages."""
    routes = APIRouter()

    @routes.api_route("/", methods=READ, include_in_schema=False)
    async def draw() -> Response:
        """Show the page to draw on or, before the first champion, what to do."""
        if watch.champion is None:
            return FileResponse(STATIC / "waiting.html", status_code=503, headers=UNCACHED | {"retry-after": "5"})
        return FileResponse(STATIC / "index.html", headers=UNCACHED)

    @routes.api_route("/dashboard", methods=READ, include_in_schema=False)
    def dashboard() -> Response:
        """Show all versions, the champion, verdicts and learning curves, as they are now."""
        from pipeline.reports import html, index_page, watching
        from pipeline.store import submissions, watch_records

        page = index_page.render(
            versions.list_versions(home),
            index_page.read_curves(home.metric_results),
            production.records(home),
            submissions.read(home),
            watched=[watching.view(one) for one in watch_records.watched(home)],
            link_prefix="/",
            pages=PAGES,
            audited=_audited(home),
            drift=drift_status.in_words(home),
        )
        policy = f"{html.content_policy()}; frame-ancestors 'none'"
        return HTMLResponse(page, headers=UNCACHED | {"content-security-policy": policy})

    @routes.get("/versions/{version_id}/report.html", response_class=Response, responses=schemas.REPORT)
    def report(version_id: VersionId) -> Response:
        """Show the report of a version that passed."""
        return _report(home.versions, version_id)

    @routes.get("/versions/failed/{version_id}/report.html", include_in_schema=False)
    def failed_report(version_id: str) -> Response:
        """Show the report of a version that did not pass."""
        return _report(home.failed, version_id)

    return routes


def _audited(home: Home) -> list["Audited"]:
    from pipeline.growing import audits
    from pipeline.reports.index_page import Audited

    found = (audits.of_champion(home, champion) for champion in production.all_current(home))
    return [
        Audited(one.version, said.accuracy, said.low, said.high, said.labels, one.waiting)
        for one in found
        if one is not None and (said := one.estimate)
    ]


def _report(parent: Path, version_id: str) -> Response:
    path = parent / version_id / "report.html"
    if not VERSION_ID.fullmatch(version_id) or not path.is_file():
        raise RequestRefusal(404, f"There is no report of a version '{version_id[:80]}': GET /versions lists them.")
    return FileResponse(path, headers=UNCACHED | {"content-security-policy": REPORT_POLICY})
