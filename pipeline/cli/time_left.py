"""How long a run will take, estimated from the trained cells: a fixed cost for each, and a cost per image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.contracts import Cell

FLAT_IMAGES = 10_000
"""A fit of few images takes as long as if there were so many more: networks take a fixed number of steps at least."""


@dataclass(frozen=True)
class _Fit:
    """Seconds of one fit, without what comes before its first step: libraries are loaded once, graphs are built."""

    recipe: str
    images: int
    seconds: float


class TimeLeft:
    """Estimates the time left in a run.

    Args:
        cells: Those to train.
        clock: Returns the time in seconds.
    """

    def __init__(self, cells: Sequence[Cell], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._left = {cell.digest: cell for cell in cells}
        self._done: list[Cell] = []
        self._fits: list[_Fit] = []
        self._fitting: Cell | None = None
        self._steps: list[tuple[int, float]] = []

    def begin(self, cell: Cell) -> None:
        """Note that a fit starts in this process."""
        self._fitting, self._steps = cell, [(0, self._clock())]

    def step(self, step: int) -> None:
        """Note that an epoch or round of it is done."""
        self._steps = [*self._steps[:2], (step, self._clock())]

    def end(self, digest: str | None) -> bool:
        """Note that a cell is trained; return whether this was not known before."""
        cell = self._left.pop(digest or "", None)
        if cell is None:
            return False
        self._done.append(cell)
        if self._fitting is not None and self._fitting.digest == digest:
            self._fits.append(_Fit(cell.recipe, cell.train_size, self._seconds_of_fit()))
            self._fitting = None
        return True

    def waiting(self) -> tuple[str, ...]:
        """Return the digests of the cells that are not trained yet."""
        return tuple(self._left)

    def seconds(self) -> float | None:
        """Return the seconds left; ``None`` while no cell that had to be trained is."""
        if not self._done:
            return None
        elapsed = self._clock() - self._started
        if not self._fits:
            return elapsed * sum(map(_weight, self._left.values())) / sum(map(_weight, self._done))
        # What else a cell takes, export and judgement among it, depends little on its images.
        beside = max(0.0, elapsed - sum(fit.seconds for fit in self._fits)) / len(self._done)
        return sum(self._fit_seconds(cell) + beside for cell in self._left.values())

    def _seconds_of_fit(self) -> float:
        (_, started), *steps = self._steps
        if len(steps) < 2 or steps[-1][0] <= steps[0][0]:
            return self._clock() - started
        (first, begun), (last, ended) = steps[0], steps[-1]
        return (ended - begun) / (last - first) * last

    def _fit_seconds(self, cell: Cell) -> float:
        """Scaled from the largest fit of the recipe, or the mean over those of all others."""
        known = [fit for fit in self._fits if fit.recipe == cell.recipe]
        known = [max(known, key=lambda fit: fit.images)] if known else self._fits
        scaled = [fit.seconds * _weight(cell) / (fit.images + FLAT_IMAGES) for fit in known]
        return sum(scaled) / len(scaled)


def _weight(cell: Cell) -> float:
    return float(cell.train_size + FLAT_IMAGES)
