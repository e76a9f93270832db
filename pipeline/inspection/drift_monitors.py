"""Which monitor a dataset has: its first one, the same as before, or the next one; and what it takes in."""

from dataclasses import dataclass

from pipeline import moments
from pipeline.contracts import Deployment, Images
from pipeline.facts.drift_facts import DriftState, EndedMonitor, MartingaleFacts, Watched
from pipeline.inference.features import FeaturePredictor
from pipeline.inspection import drift_reference
from pipeline.monitoring import image_scores
from pipeline.monitoring.image_scores import WEIGHTS, Seen
from pipeline.monitoring.martingales import Martingale, limits
from pipeline.monitoring.monitor import Raised, follow, level
from pipeline.store import drift_files
from pipeline.store.drift_files import Reference
from pipeline.store.served_files import Served


@dataclass(frozen=True, eq=False)
class Eye:
    """What looks at images: the reference and the champion's model."""

    reference: Reference
    model: FeaturePredictor

    def see(self, images: Images) -> Seen:
        """Return images with what the model makes of them."""
        return drift_reference.see(self.model, images)


def current(state: DriftState | None, champion: Deployment, reference: Reference) -> DriftState:
    """Return the state to go on with: a new monitor for a first or new champion, or for a new reference."""
    watched = Watched(
        version=champion.id,
        digest=champion.digest,
        reference_sha256=reference.sha256,
        reference_images=reference.facts.images,
    )
    if state is None:
        return _started(champion.dataset, watched, 1, (), "")
    if state.watched.digest != champion.digest:
        return following(state, f"{champion.id} serves.", watched=watched)
    if state.watched != watched:
        return following(state, "The reference was rebuilt from other images.", watched=watched)
    return state


def following(
    state: DriftState, reason: str, *, watched: Watched | None = None, after: str | None = None
) -> DriftState:
    """Return the monitor that follows; one that saw no image could not be wrong, so its number is used again.

    Args:
        state: The monitor that ends.
        reason: Why.
        watched: What the next one watches; by default the same.
        after: Its images have larger ids than this; by default than all that were read.
    """
    ended = EndedMonitor(
        number=state.number,
        version=state.watched.version,
        images=state.images,
        alarm=state.alarm,
        ended_at=moments.now(),
        reason=reason,
    )
    number, earlier = (state.number + 1, (*state.earlier, ended)) if state.images else (state.number, state.earlier)
    return _started(state.dataset, watched or state.watched, number, earlier, after or state.read_to)


def taken(state: DriftState, served: Served, martingale: Martingale, eye: Eye) -> tuple[DriftState, Raised | None]:
    """Return the state after it has taken in predictions, as far as the first alarm, and that alarm.

    Args:
        state: The state before.
        served: Predictions, in the order of their ids.
        martingale: The state's, which is changed.
        eye: Looks at their images.
    """
    rows, before, raised = counted(served), martingale.steps, None
    if rows:
        bins = image_scores.bins(eye.reference.scorer, eye.see(served.images[rows]))
        raised = follow(martingale, bins, level=state.level, seed=(drift_reference.SEED, state.number))
    last = len(served) - 1 if raised is None else rows[raised.image - before - 1]
    needed = limits(state.level, WEIGHTS, len(eye.reference.facts.classes))
    read = {
        "read_to": served.ids[last],
        "left_out": state.left_out + last + 1 - (martingale.steps - before),
        "evidence": float((martingale.evidence() / needed).max()),
        "martingale": drift_files.martingale_facts(martingale, eye.reference),
    }
    return state.model_copy(update=read), raised


def counted(served: Served) -> list[int]:
    """Return the rows that count: the first of each request, since what one client sends together is no random draw."""
    return [row for row, (own, first) in enumerate(zip(served.ids, served.requests, strict=True)) if own == first]


def _started(dataset: str, watched: Watched, number: int, earlier: tuple[EndedMonitor, ...], after: str) -> DriftState:
    return DriftState(
        dataset=dataset,
        watched=watched,
        number=number,
        level=level(number),
        started_at=moments.now(),
        begun_after=after,
        read_to=after,
        left_out=0,
        evidence=0.0,
        martingale=MartingaleFacts(counts=(), stakes=(), sums=(), onsets=(), waiting=1.0, steps=0),
        alarm=None,
        earlier=earlier,
    )
