"""The web application: a page to draw on, a dashboard, and a REST API, around the champion."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from pipeline import __version__
from pipeline.errors import PipelineError
from pipeline.serving import (
    access,
    answers,
    bodies,
    drift_status,
    endpoints,
    feedback,
    inputs,
    middleware,
    openapi,
    pages,
    reviewing,
    site,
)
from pipeline.serving.champion import ChampionWatch
from pipeline.serving.refusals import RequestRefusal
from pipeline.serving.telemetry import Telemetry

if TYPE_CHECKING:
    from pipeline.reports.navigation import Navigation
    from pipeline.serving.keeping import Keeper, Keeping
    from pipeline.store.home import Home


def create_app(
    home: "Home",
    dataset: str | None = None,
    allowed_hosts: Sequence[str] = ("*",),
    token: str | None = None,
    private_token: str | None = None,
    *,
    keeping: "Keeping | None" = None,
    notify: Callable[[str], None] = print,
) -> FastAPI:
    """Return the application; the champion is loaded when it starts.

    Args:
        home: Where ``production/`` and ``versions/`` are.
        dataset: Whose champion is served; ``None`` for the only dataset that has one.
        allowed_hosts: Host headers that are answered; a page of another site that resolves its name to this
            machine (DNS rebinding) sends another one.
        token: What every request must carry, but those to ``/healthz``; ``None`` lets everyone in.
        private_token: What requests to ``access.PRIVATE`` must carry where there is no token for all; without either
            they are refused.
        keeping: What is kept of what is served; ``None`` for nothing.
        notify: Called with sentences for the server's log.
    """
    telemetry = Telemetry()
    watch = ChampionWatch(home, dataset, telemetry.batch, notify)
    telemetry.watch(watch)
    telemetry.registry.register(drift_status.DriftCollector(home, watch))
    keeper = _keeper(home, keeping, watch, notify) if keeping else None
    if keeper is not None:
        telemetry.registry.register(keeper)

    app = FastAPI(
        title="Digit pipeline",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _app: _following(watch, keeper),
    )
    app.include_router(endpoints.router(home, watch, telemetry, keeper))
    app.include_router(feedback.router(watch, keeper))
    app.include_router(pages.router(home, watch))
    app.include_router(reviewing.router(home, watch, dataset))
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    _add_answers(app, lambda: site.navigation(home, watch))
    keeps = keeper is not None and (token or private_token) is not None
    app.openapi = lambda: openapi.document(  # type: ignore[method-assign]
        app, watch.champion, protected=token is not None, keeps=keeps
    )
    app.add_middleware(bodies.BodyLimit)
    app.add_middleware(access.TokenGate, token=token or private_token, only_private=token is None)
    _add_outer_middleware(app, allowed_hosts, telemetry)
    return app


def _add_outer_middleware(app: FastAPI, allowed_hosts: Sequence[str], telemetry: Telemetry) -> None:
    """What every request passes first, the last added at the very beginning."""
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False)
    app.add_middleware(answers.JsonRefusals)
    app.add_middleware(middleware.SecurityHeaders)
    app.add_middleware(middleware.Stopwatch, observe=telemetry.request)


@asynccontextmanager
async def _following(watch: ChampionWatch, keeper: "Keeper | None") -> AsyncIterator[None]:
    """While the server runs, the champion is the one in production, and what is to be kept is."""
    await asyncio.to_thread(watch.check)
    if keeper is not None:
        await asyncio.to_thread(keeper.start)
    tasks = [asyncio.create_task(watch.follow()), asyncio.create_task(asyncio.to_thread(inputs.warm_up))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if keeper is not None:
        await asyncio.to_thread(keeper.stop)


def _keeper(home: "Home", keeping: "Keeping", watch: ChampionWatch, notify: Callable[[str], None]) -> "Keeper":
    """Keeping predictions loads pyarrow, which a server that keeps none does not need."""
    from pipeline.serving.keeping import Keeper

    return Keeper(home, keeping, lambda: watch.champion, notify)


def _add_answers(app: FastAPI, header: Callable[[], "Navigation"]) -> None:
    """Answer every refusal with a status and ``{"detail": sentence}``, or with a page where a browser asks for one."""

    @app.exception_handler(RequestRefusal)
    async def refused(request: Request, refusal: RequestRefusal) -> Response:
        return _refusal(request, header, refusal.sentence, refusal.status)

    @app.exception_handler(PipelineError)
    async def unreadable(_request: Request, error: PipelineError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return JSONResponse({"detail": f"{'.'.join(map(str, first['loc']))}: {first['msg']}."}, 422)

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"detail": "The upload was interrupted."}, 400)

    @app.exception_handler(Exception)
    async def failed(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": answers.sentence_of("Internal Server Error", 500)}, 500)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        path = request.url.path[:80]
        sentences = {
            404: f"There is nothing at {path}: /api shows the paths.",
            405: f"{path} does not accept {request.method}: /api shows what it accepts.",
        }
        sentence = sentences.get(error.status_code) or answers.sentence_of(error.detail, error.status_code)
        return _refusal(request, header, sentence, error.status_code, error.headers)


def _refusal(
    request: Request,
    header: Callable[[], "Navigation"],
    sentence: str,
    status: int,
    headers: Mapping[str, str] | None = None,
) -> Response:
    if request.method in access.READS and "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(site.refusal(sentence, status, header()), status, headers)
    return JSONResponse({"detail": sentence}, status, headers)
