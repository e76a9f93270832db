"""What is to be trained, how a fit went, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from pipeline.contracts.images import Split
from pipeline.facts.manifest_facts import Parity, RefitFacts, ShiftsName, Validation
from pipeline.facts.tuning_facts import Tuned

EffortName = Literal["quick", "standard", "max"]
"""Time against accuracy, for the recipes that offer the choice."""
BalanceName = Literal["none", "weights", "oversample"]
"""How rare classes are compensated for during training: see ``pipeline.data.class_balance``."""


class FitProgress(Protocol):
    """Called by a model after each epoch or boosting round while it is fitted."""

    def __call__(self, step: int, steps: int, metrics: Mapping[str, float]) -> None: ...


def no_progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
    """Report nothing: a ``FitProgress`` for callers that show none."""


@dataclass(frozen=True)
class History:
    """How a fit went.

    Attributes:
        rows: One mapping an epoch or round: ``step`` and the metrics (``loss``, ``accuracy``,
            ``validation_loss``, ``validation_accuracy`` where they apply).
        best_step: The step whose weights were kept, counted from 1.
        test_shifts: The copies of an image over which each network averages its answers; ``None`` for recipes that
            were not asked to.
        automatic: What each parameter became that was left to the program, by its name.
    """

    rows: tuple[Mapping[str, float], ...] = ()
    best_step: int | None = None
    test_shifts: tuple[ShiftsName, ...] | None = None
    automatic: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Cell:
    """One requested training: a recipe on a subset. Planning makes it, the trainer carries it out.

    Attributes:
        recipe: The recipe's name.
        repeat: 0 for the challenger; higher ones are measured only.
        split: The rows, and the seed of weights and augmentation.
        parameters: Every parameter of the recipe, validated.
        digest: Identifies all that is asked for; equal cells need no second training.
        balance: How rare classes are compensated for while it is fitted; see ``pipeline.data.class_balance``.
        folds: Train a cross-fitted version of this many members; ``None`` trains one model.
        tuned: The search that found the parameters; ``None`` if none did.
        refit: Average as many models as it says, for a submission alone; ``None`` for every version.
    """

    recipe: str
    repeat: int
    split: Split
    parameters: Mapping[str, Any]
    digest: str
    balance: BalanceName = "none"
    folds: int | None = None
    tuned: Tuned | None = None
    refit: RefitFacts | None = None

    @property
    def train_size(self) -> int:
        """Images handed to the trainer, validation rows included."""
        return self.split.train_size

    @property
    def label(self) -> str:
        """For a progress bar."""
        folds = f", {self.folds} folds" if self.folds else ""
        return f"{self.recipe} on {self.train_size:,}{folds}" + (f", repeat {self.repeat + 1}" if self.repeat else "")


@dataclass(frozen=True)
class Candidate:
    """A trained challenger in its staging folder, exported and proven equal to its native form.

    Attributes:
        id: Sorts by time and says what it is: ``20261121-134502-cnn-33600-7f3a``.
        folder: Where its files are for now.
        digest: Identifies model and training; see ``pipeline.store.manifest.identity_digest``.
        cell: Identifies the requested training (all of the above but the model); equal cells need no retraining.
        dataset: The dataset's name.
        recipe: The recipe's name in the registry, or a user's ``package.module:function``.
        parameters: Every parameter the recipe was built with.
        train_size: Images handed to the trainer, validation rows included.
        seed: The one seed of rows, weights and augmentation.
        validation: Metrics on validation rows.
        fit_seconds: Wall-clock seconds of the fit alone.
        parity: The proof that the ONNX file equals the native model.
    """

    id: str
    folder: Path
    digest: str
    cell: str
    dataset: str
    recipe: str
    parameters: Mapping[str, Any]
    train_size: int
    seed: int
    validation: Validation
    fit_seconds: float
    parity: Parity
