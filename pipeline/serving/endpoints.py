"""The REST API: predict, and say which version is served and whether all is well."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from pipeline.contracts import Images, Probabilities, Version
from pipeline.serving import access, explanations, inputs, json_pixels, schemas
from pipeline.serving.champion import Champion, ChampionWatch
from pipeline.serving.explanations import MOST_EXPLAINED, Explanation
from pipeline.serving.refusals import MOST_PICTURES, RequestRefusal
from pipeline.store import versions
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.serving.keeping import Keeper
    from pipeline.serving.telemetry import Telemetry
    from pipeline.store.served_files import Source

PARSED_AT_ONCE = 64 * 1024
"""A JSON body up to this many bytes is parsed in the event loop: faster than handing it to a thread."""
ANSWERED_AT_ONCE = 32
"""The answer for up to this many images is written in the event loop."""
EXPLAINED_TOGETHER = 2
"""Requests that are explained at the same time: each has one batch of covered copies at most among the others'."""
DECODED_TOGETHER = 2
"""Requests whose pictures are decoded at the same time: a large photo takes 200 MB for a moment."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def router(home: Home, watch: ChampionWatch, telemetry: "Telemetry", keeper: "Keeper | None") -> APIRouter:
    """Return the routes of the API; ``keeper`` is ``None`` where nothing is kept."""
    routes = APIRouter()
    _add_predict(routes, watch, telemetry, keeper)
    _add_versions(routes, home, watch, keeper)
    _add_health(routes, watch, telemetry)
    return routes


def _add_predict(routes: APIRouter, watch: ChampionWatch, telemetry: "Telemetry", keeper: "Keeper | None") -> None:
    decoding, explaining = asyncio.Semaphore(DECODED_TOGETHER), asyncio.Semaphore(EXPLAINED_TOGETHER)

    @routes.post(
        "/predict",
        response_model=schemas.Predictions,
        responses=schemas.REFUSALS,
        response_model_exclude_none=True,
    )
    async def predict(
        request: Request,
        seen: bool = Query(default=False, description="Also return the pixels that the model received."),
        keep: bool = Query(default=True, description="False leaves this request out of the log, if there is one."),
        explain: bool = Query(
            default=False,
            description="Also return on which parts of an image its answer rests, and whether the image is unlike "
            f"the training images; of the first {MOST_EXPLAINED} images.",
        ),
    ) -> Response:
        """Predict what images show: pictures as files in a form, or pixels as JSON, one or many."""
        champion = require_champion(watch)
        images, source = await _images(request, champion, decoding)
        probabilities = await champion.batcher.predict(images)
        telemetry.predicted(probabilities, champion.classes)
        ids = keeper.log.take(champion, images, probabilities, source) if keeper and keep else None
        shown, explained = images if seen else None, None
        if explain:
            async with explaining:
                explained = await explanations.of(champion, images, probabilities)
        if len(images) <= ANSWERED_AT_ONCE:
            answer = _answer(champion, probabilities, shown, ids, explained)
        else:
            answer = await asyncio.to_thread(_answer, champion, probabilities, shown, ids, explained)
        return Response(answer, media_type="application/json")


def _add_versions(routes: APIRouter, home: Home, watch: ChampionWatch, keeper: "Keeper | None") -> None:
    @routes.get(
        "/versions",
        response_model=list[schemas.VersionSummary],
        responses=schemas.UNREADABLE | schemas.REPORT_LINK,
    )
    def all_versions() -> list[dict[str, Any]]:
        """List every version, oldest first, with its verdict."""
        return [_summary(home, version) for version in versions.list_versions(home)]

    @routes.get("/production", response_model=schemas.Production, responses=schemas.NOT_READY)
    async def production(request: Request) -> dict[str, Any]:
        """Return which version is served, since when and why, and what images it takes."""
        champion = require_champion(watch)
        facts = {key: value for key, value in vars(champion.deployment).items() if key != "folder"}
        return facts | {
            "recipe": champion.recipe,
            "classes": list(champion.classes),
            "shape": list(champion.shape),
            "accuracy": champion.accuracy,
            "report": _report(home, champion.deployment.id),
            "problem": watch.problem,
            "log": _kept(champion, keeper, request) if keeper else None,
        }


def _add_health(routes: APIRouter, watch: ChampionWatch, telemetry: "Telemetry") -> None:
    @routes.get("/healthz", response_model=schemas.Answer)
    async def healthz() -> dict[str, str]:
        """Say that the process is alive."""
        return {"status": "ok"}

    @routes.get("/readyz", response_model=schemas.Answer, responses=schemas.NOT_READY)
    async def readyz() -> dict[str, str | None]:
        """Say whether predictions can be served."""
        require_champion(watch)
        return {"status": "ready" if watch.problem is None else "outdated", "detail": watch.problem}

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {PROMETHEUS: {}}}})
    async def metrics() -> Response:
        """Return counters in Prometheus' text format."""
        return Response(telemetry.text(), headers={"content-type": PROMETHEUS})


def require_champion(watch: ChampionWatch) -> Champion:
    """Return the champion that is served.

    Raises:
        RequestRefusal: There is none; says what to do.
    """
    if watch.champion is None:
        nothing = f"There is no champion yet: `{watch.first_run}` trains, judges and promotes a first one."
        raise RequestRefusal(503, watch.problem or nothing)
    return watch.champion


async def _images(request: Request, champion: Champion, decoding: asyncio.Semaphore) -> tuple[Images, "Source"]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await request.body()
        if len(body) <= PARSED_AT_ONCE:
            return json_pixels.images_from_json(body, champion.shape), "pixels"
        return await asyncio.to_thread(json_pixels.images_from_json, body, champion.shape), "pixels"
    if kind == "multipart/form-data":
        pictures = await _pictures(request)
        if inputs.is_small(pictures):  # two threads would mostly wait for each other
            return inputs.images_from_pictures(pictures, champion.preparation), "picture"
        async with decoding:
            return await asyncio.to_thread(inputs.images_from_pictures, pictures, champion.preparation), "picture"
    raise RequestRefusal(415, "Send pictures as multipart/form-data (field `files`) or pixels as application/json.")


async def _pictures(request: Request) -> list[bytes]:
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException

    try:
        async with request.form(max_files=MOST_PICTURES + 1, max_fields=MOST_PICTURES) as form:
            return [await part.read() for part in form.getlist("files") if isinstance(part, UploadFile)]
    except HTTPException as error:
        status = 413 if "Too many" in error.detail else 400
        raise RequestRefusal(status, f"The form cannot be read: {error.detail.rstrip('.')}.") from error
    except (ValueError, KeyError) as error:
        raise RequestRefusal(400, f"The form cannot be read: {error}.") from error


def _answer(
    champion: Champion,
    probabilities: Probabilities,
    seen: Images | None,
    ids: Sequence[str] | None,
    explained: Explanation | None,
) -> bytes:
    predictions = []
    for row, numbers in enumerate(probabilities.tolist()):
        best = max(range(len(numbers)), key=numbers.__getitem__)
        prediction = {
            "label": champion.classes[best],
            "probability": numbers[best],
            "probabilities": dict(zip(champion.classes, numbers, strict=True)),
        }
        reasons = explained if explained is not None and row < len(explained.far) else None
        far = reasons is not None and bool(reasons.far[row])
        if (doubt := champion.doubts.sentence(numbers[best], far=far)) is not None:
            prediction["doubt"] = doubt
        if ids is not None:
            prediction["prediction_id"] = ids[row]
        if seen is not None:
            prediction["seen"] = np.asarray(seen[row]).tolist()
        if reasons is not None:
            prediction["why"] = reasons.why[row].tolist()
        predictions.append(prediction)
    deployment = champion.deployment
    return to_json({"dataset": deployment.dataset, "version": deployment.id, "predictions": predictions})


def _kept(champion: Champion, keeper: "Keeper", request: Request) -> dict[str, Any]:
    feedback = access.is_signed_in(request) and keeper.is_reviewed(champion)
    return {"images": keeper.limits.images, "days": keeper.limits.days, "feedback": feedback}


def _summary(home: Home, version: Version) -> dict[str, Any]:
    facts, scores = version.known_manifest, version.known_scores
    return {
        "id": version.id,
        "dataset": facts.dataset.name if facts else None,
        "recipe": facts.recipe if facts else None,
        "train_size": facts.rows.train_size if facts else None,
        "created_at": facts.created_at if facts else None,
        "accuracy": scores.accuracy.as_json() if scores else None,
        "outcome": version.verdict.outcome,
        "judged_at": version.verdict.judged_at,
        "judgements": len(version.verdicts),
        "in_production": version.in_production,
        "was_in_production": version.was_in_production,
        "override": version.override,
        "damage": version.damage,
        "report": _report(home, version.id),
    }


def _report(home: Home, version_id: str) -> str | None:
    """Return the path of a version's report on this server."""
    for parent in (home.versions, home.failed):
        path = parent / version_id / "report.html"
        if path.is_file():
            return f"/{path.relative_to(home.root).as_posix()}"
    return None
