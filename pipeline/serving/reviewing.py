"""The page to review images on, and what it asks the server. ``access.PRIVATE`` keeps all of it behind the token."""

import base64
import threading
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.data import snapshots
from pipeline.errors import DataError, StoreError
from pipeline.growing import review_batch
from pipeline.growing.decisions import LONGEST_NAME
from pipeline.growing.review import Question, ReviewQueue
from pipeline.serving import site
from pipeline.serving.pages import READ, UNCACHED
from pipeline.serving.refusals import RequestRefusal
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.serving.champion import ChampionWatch

Reviewer = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class Asked(BaseModel):
    """Who asks."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reviewer: Reviewer


class Decision(Asked):
    """What a reviewer decided on one image."""

    digest: str = Field(pattern=r"^[0-9a-f]{32}$")
    action: Literal["label", "discard", "skip"]
    label: str | None = None


def router(home: Home, watch: "ChampionWatch", dataset: str | None) -> APIRouter:
    """Return the routes of the page."""
    routes = APIRouter(include_in_schema=False)
    reviews = _Reviews(home, watch, dataset)

    @routes.api_route("/review", methods=READ)
    async def page() -> Response:
        """Show the page."""
        return HTMLResponse(site.page("review.html", home, watch, site.REVIEW), headers=UNCACHED)

    @routes.get("/review/next")
    def following(reviewer: Annotated[str, Query(min_length=1, max_length=LONGEST_NAME)]) -> dict[str, Any]:
        """Return the image that a reviewer looks at next, and how far they are."""
        return reviews.state(reviewer)

    @routes.post("/review/decisions")
    def decide(decision: Decision) -> dict[str, Any]:
        """Record a decision; returns what is next."""
        return reviews.decide(decision)

    @routes.post("/review/undo")
    def undo(asked: Asked) -> dict[str, Any]:
        """Take back the reviewer's last decision; returns its image."""
        return reviews.undo(asked.reviewer)

    @routes.post("/review/store")
    def store(asked: Asked) -> dict[str, Any]:
        """Store everything that was decided as the next snapshot."""
        return reviews.store(asked.reviewer)

    return routes


class _Reviews:
    """The queue of the dataset that is served; one request at a time."""

    def __init__(self, home: Home, watch: "ChampionWatch", dataset: str | None) -> None:
        self._home = home
        self._watch = watch
        self._dataset = dataset
        self._queue: ReviewQueue | None = None
        self._lock = threading.Lock()

    def state(self, reviewer: str) -> dict[str, Any]:
        with self._lock:
            return self._state(reviewer)

    def decide(self, decision: Decision) -> dict[str, Any]:
        with self._lock:
            try:
                self._open().decide(decision.digest, decision.action, decision.label, decision.reviewer)
            except DataError as error:
                raise RequestRefusal(409, str(error)) from error
            return self._state(decision.reviewer)

    def undo(self, reviewer: str) -> dict[str, Any]:
        with self._lock:
            question = self._open().undo(reviewer)
            if question is None:
                raise RequestRefusal(409, "There is nothing to undo: stored decisions stay.")
            return self._state(reviewer) | {"question": self._shown(question)}

    def store(self, reviewer: str) -> dict[str, Any]:
        with self._lock:
            notes: list[str] = []
            try:
                done = review_batch.store(self._home, self._open().snapshot.name, wait=False, notify=notes.append)
            except StoreError as error:
                raise RequestRefusal(503, f"The decisions are kept, but not stored yet. {error}") from error
            return self._state(reviewer) | {"sentences": [*notes, *done.in_words()]}

    def _state(self, reviewer: str) -> dict[str, Any]:
        queue = self._open()
        question = queue.next(reviewer)
        keys = {name: key for key, name in queue.keys.items()}
        return {
            "dataset": queue.snapshot.name,
            "classes": [{"name": name, "key": keys.get(name)} for name in queue.snapshot.classes],
            "progress": vars(queue.progress(reviewer)),
            "question": self._shown(question) if question else None,
        }

    def _shown(self, question: Question) -> dict[str, Any]:
        facts = {name: value for name, value in vars(question).items() if name not in {"png", "opinions", "twin"}}
        pictures = {"picture": _address(question.png), "twin": _address(question.twin) if question.twin else None}
        return facts | pictures | {"opinions": [one.model_dump(mode="json") for one in question.opinions]}

    def _open(self) -> ReviewQueue:
        name = self._name()
        if self._queue is None or self._queue.snapshot.name != name:
            self._queue = ReviewQueue(self._home, name)
        return self._queue

    def _name(self) -> str:
        champion = self._watch.champion
        growing = snapshots.names(self._home.datasets)
        name = champion.deployment.dataset if champion else self._dataset
        if name is None and len(growing) == 1:
            name = growing[0]
        if name not in growing:
            named = f"'{name}' is not a growing dataset" if name else "No dataset is being served"
            raise RequestRefusal(
                404, f"{named}, so nothing waits for review: `simulator.py ingest FILES --dataset NAME` starts one."
            )
        return name


def _address(png: bytes) -> str:
    """A picture as an address that needs no further request."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
