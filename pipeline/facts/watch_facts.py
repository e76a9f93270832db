"""What ``watch`` records: what it is doing, the batches it has in hand, and a line for everything that happened."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.facts.base import Facts, SafeName

AnnouncedKind = Literal["promotion", "refusal", "failed_batch", "drift", "trouble"]
"""What a command or webhook is called for."""
EventKind = Literal[AnnouncedKind, "started", "stopped", "batch", "run"]
_Count = Annotated[int, Field(ge=0)]


class WatchEvent(Facts):
    """Something that happened: a line of ``watch.jsonl``, and what a command or webhook receives."""

    kind: EventKind
    dataset: SafeName
    at: str
    """UTC, ISO 8601."""
    sentence: str
    details: dict[str, str | int | float] = Field(default_factory=dict)
    """For programs: ``version``, ``batch``, ``images`` and the like."""
    problem: str = ""
    """Why the command or webhook could not be called; empty if it was, or where there is none."""


class BatchOutcome(Facts):
    """What became of a batch, recorded before any of its files is put away."""

    whole: bool
    """Whether all of it was refused."""
    files: tuple[str, ...] = ()
    """Otherwise, the files of which something was refused, relative to the batch's folder."""
    reasons: tuple[str, ...] = ()
    """A sentence for each thing that was refused."""
    happened: WatchEvent


class BatchInHand(Facts):
    """A batch that was moved out of the inbox and has not been put away yet."""

    id: SafeName
    attempts: _Count = 0
    """How often an ingest of it was begun."""
    outcome: BatchOutcome | None = None
    """``None`` until it was ingested."""


class DriftReview(Facts):
    """What follows from a drift alarm: unusual images are reviewed, then a run starts."""

    alarm: str
    """The prediction that raised it."""
    at: str
    """When that was served: UTC, ISO 8601."""
    since_id: str
    """The first prediction that may be looked at."""
    read_to: str
    """The last one that was."""
    wanted: _Count
    """How many images are to be reviewed."""
    sent: _Count = 0
    """Those that were sent to review so far."""
    reviewed: _Count = 0
    """Those of them whose decisions are stored, discarded images among them."""
    decided: _Count = 0
    """Those of them whose decisions still have to be stored."""
    snapshot: _Count = 0
    """The snapshot that holds them, once enough are reviewed; 0 before. The run is done when one on it is."""


class WatchState(Facts):
    """What a watcher must know after it was killed, and what others may know of it: ``watch.json``."""

    format: Literal[1] = 1
    dataset: SafeName
    inbox: str
    every: _Count
    at_most: str
    pid: int
    since: str
    """When the dataset was first watched; what was judged earlier is not announced."""
    started_at: str
    doing: str = ""
    incomplete: _Count = 0
    """Files in the inbox that are still being written."""
    images: _Count = 0
    """Images of the newest snapshot when the watcher last looked."""
    new: _Count = 0
    """Those of them that no run has seen."""
    in_hand: tuple[BatchInHand, ...] = ()
    trained: _Count = 0
    """The newest snapshot that a run was completed on; 0 for none."""
    running_on: _Count = 0
    """The snapshot of the run that was begun and not completed; 0 for none."""
    failed: _Count = 0
    """The snapshot whose run failed; 0 for none. A newer one is tried at once, the same one after a while."""
    runs_begun: tuple[str, ...] = ()
    """When the latest runs were begun, as far back as ``at_most`` looks."""
    drift: DriftReview | None = None
    """What follows from the champion's drift alarm; ``None`` without one."""

    @property
    def drift_run_is_due(self) -> bool:
        """Whether enough images of a drift alarm are reviewed, and no run on them is completed."""
        return self.drift is not None and self.trained < self.drift.snapshot


class Watching(Facts):
    """One watched dataset as it is shown: its state, whether its watcher is alive, and its latest events."""

    state: WatchState
    running: bool
    events: tuple[WatchEvent, ...]
    """Oldest first."""
