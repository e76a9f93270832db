"""What users say about predictions: corrections go to review, and an entry of the log can be deleted.

``access.PRIVATE`` keeps both behind the token.
"""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter

from pipeline.serving import schemas
from pipeline.serving.champion import ChampionWatch
from pipeline.serving.endpoints import require_champion
from pipeline.serving.refusals import UNKNOWN_PREDICTION, RequestRefusal
from pipeline.store import prediction_ids

if TYPE_CHECKING:
    from pipeline.serving.keeping import Keeper

NOT_KEPT = "This server keeps no predictions: start it with --log."
PredictionId = Annotated[str, PathParameter(description="A prediction's id, as POST /predict returns it.")]


def router(watch: ChampionWatch, keeper: "Keeper | None") -> APIRouter:
    """Return the routes; ``keeper`` is ``None`` where nothing is kept."""
    routes = APIRouter()

    @routes.post("/feedback", response_model=schemas.Answer, responses=schemas.FEEDBACK)
    def feedback(said: schemas.Feedback) -> dict[str, str]:
        """Say what a predicted image shows; a correction waits for a review, and is never trained on directly."""
        champion = require_champion(watch)
        if _require(keeper).correct(champion, _checked(said.prediction_id), said.label):
            return {"status": "queued", "detail": "Thank you: a person will look at it."}
        return {"status": "confirmed", "detail": "Thank you."}

    @routes.delete("/predictions/{prediction_id}", response_model=schemas.Answer, responses=schemas.FEEDBACK)
    def delete(prediction_id: PredictionId) -> dict[str, str]:
        """Delete a prediction with its image from the log, and from the review queue if it waits there."""
        if not _require(keeper).delete(require_champion(watch), _checked(prediction_id)):
            raise RequestRefusal(404, UNKNOWN_PREDICTION.format(prediction_id))
        return {"status": "deleted"}

    return routes


def _require(keeper: "Keeper | None") -> "Keeper":
    if keeper is None:
        raise RequestRefusal(403, NOT_KEPT)
    return keeper


def _checked(prediction_id: str) -> str:
    if prediction_ids.PATTERN.fullmatch(prediction_id) is None:
        raise RequestRefusal(422, "A prediction id is a UUID, as POST /predict returns it.")
    return prediction_id
