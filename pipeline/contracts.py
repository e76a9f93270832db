"""The frozen types that pass between the stages. They hold data and do nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StoreError
from pipeline.facts.manifest_facts import Manifest, Parity, PreparationFacts, Validation
from pipeline.facts.score_facts import Scores

Images = NDArray[np.uint8]
"""Pixels, uint8, shape ``[N, height, width, channels]``, 0 to 255."""
Labels = NDArray[np.int64]
"""Class indices, shape ``[N]``, 0 to ``len(classes) - 1``."""
Probabilities = NDArray[np.float32]
"""Class probabilities, shape ``[N, K]``, rows sum to 1."""
Digests = NDArray[np.void]
"""One 16-byte digest an image (``dtype='V16'``), shape ``[N]``: see ``pipeline.data.digests``."""
Rows = NDArray[np.int64]
"""Row numbers into a ``LabelledImages``, shape ``[n]``."""
Shape = tuple[int, int, int]
"""Height, width and channels of one image."""

Outcome = Literal["pass", "fail", "error"]
Disclosure = Literal["full", "verdict"]
"""What is shown of a refused version: all that was measured, or that it was refused."""
EffortName = Literal["quick", "standard", "max"]
BalanceName = Literal["none", "weights", "oversample"]
"""Time against accuracy, for the recipes that offer the choice."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A validated, labelled set of small images, all of one shape.

    Attributes:
        name: The dataset's name, safe as a folder name; production keeps one champion for each.
        source: Where the images came from, in words for a person.
        images: uint8 ``[N, H, W, C]``.
        labels: int64 ``[N]``.
        classes: The class names, in label order.
        digests: One digest an image, ``[N]``.
        sha256: Digest of all images, labels and class names, in their order.
        official_test: Boolean ``[N]``, true where the source itself sets a row aside for testing
            (MNIST's 10,000); ``None`` where the source is one pool.
        origin: What ``--dataset`` takes to read it again: ``mnist``, ``digits``, ``kaggle``, an absolute path, or
            ``name@number`` of a snapshot in ``datasets/``; empty where the images were made in memory.
        selection: How each image came to be chosen, ``[N]`` (``pipeline.data.shards.SELECTIONS``); ``None`` where
            all of them simply arrived.
        preparation: How pictures become pixels; ``None`` where the dataset declares nothing.
    """

    name: str
    source: str
    images: Images
    labels: Labels
    classes: tuple[str, ...]
    digests: Digests
    sha256: str
    official_test: NDArray[np.bool_] | None = None
    origin: str = ""
    selection: NDArray[np.str_] | None = None
    preparation: PreparationFacts | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Roles:
    """The role of every image ever seen in a dataset, by digest; a role is never changed.

    Attributes:
        digests: Sorted unique digests, ``[M]``.
        roles: uint8 ``[M]``: 0 training, 1 validation, 2 benchmark.
    """

    digests: Digests
    roles: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows of a dataset serve as what in one training.

    ``train`` is fitted; ``validation`` serves early stopping and the gate's free screen; ``benchmark``
    judges. ``train_size`` counts train and validation rows. The ``*_sha256`` are digests of the *set*
    of images, so neither names nor order change them. ``screening`` holds every row that validates at any size:
    no model is fitted on them, and a cross-fitted version answers for them out of fold, so the gate compares champion
    and challenger on all of them. ``pool`` holds every row that is fitted at some size.
    """

    train: Rows
    validation: Rows
    benchmark: Rows
    seed: int
    train_sha256: str
    validation_sha256: str
    benchmark_sha256: str
    screening: Rows | None = None
    pool: Rows | None = None

    @property
    def screening_rows(self) -> Rows:
        """The rows of the gate's screen: all that validate, or those of this size where only they are known."""
        return self.validation if self.screening is None else self.screening

    @property
    def train_size(self) -> int:
        """Images handed to the trainer, validation rows included."""
        return len(self.train) + len(self.validation)


@dataclass(frozen=True, eq=False)
class UnlabelledImages:
    """Images to predict.

    Attributes:
        source: Where they came from, in words for a person.
        images: uint8 ``[N, H, W, C]``.
        ids: The id of each image in a submission (Kaggle counts from 1), or its file name.
        stand_in_labels: The truth, known only where benchmark images stand in for a test set.
    """

    source: str
    images: Images
    ids: tuple[str, ...]
    stand_in_labels: Labels | None = None


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
    """

    rows: tuple[Mapping[str, float], ...] = ()
    best_step: int | None = None


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
    """

    recipe: str
    repeat: int
    split: Split
    parameters: Mapping[str, Any]
    digest: str
    balance: BalanceName = "none"
    folds: int | None = None

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


@dataclass(frozen=True)
class Check:
    """One rule of the gate, applied.

    Attributes:
        name: Stable, machine-readable: ``accuracy_floor``.
        title: For a person: ``accuracy at least 90 %``.
        outcome: ``pass``, ``fail``, or ``error`` where it could not be decided.
        value: What was measured, or ``None``.
        limit: What it was held against, or ``None``.
        sentence: What was found, for a person.
    """

    name: str
    title: str
    outcome: Outcome
    value: float | None
    limit: float | None
    sentence: str


@dataclass(frozen=True)
class PairedResult:
    """Challenger against champion on the same images.

    Attributes:
        fixed: Errors of the champion that the challenger gets right.
        made: Errors of the challenger that the champion gets right.
        gain_pp: Gain in accuracy, in percentage points.
        gain_low_pp, gain_high_pp: Its 95 % interval (Tango 1998).
        p_value: Exact, one-sided (McNemar): that the challenger is better.
    """

    fixed: int
    made: int
    gain_pp: float
    gain_low_pp: float
    gain_high_pp: float
    p_value: float


@dataclass(frozen=True)
class Charge:
    """What a judgement cost the dataset's error budget.

    Attributes:
        level: The p-value that was needed.
        entry: The line of the ledger with the debit; 0 where nothing is on record.
        lineage: Whose ledger it is; ``None`` in a ledger of one benchmark, as older releases kept them.
        alpha: The budget; ``None`` under a policy that promises nothing over a series of judgements.
        spent: Part of the budget that is gone after the judgement; a promotion has its level back.
        judged: Judgements that were paid for, this one included.
    """

    level: float
    entry: int = 0
    lineage: str | None = None
    alpha: float | None = None
    spent: float | None = None
    judged: int | None = None


@dataclass(frozen=True)
class Verdict:
    """The watcher's decision on one candidate. Data, not an exception: a fail is expected.

    Attributes:
        outcome: ``pass`` only if there are checks and all of them pass.
        candidate_id, candidate_digest: Which version it judges.
        champion_id, champion_digest: Which champion it was compared with; ``None`` for a first champion.
        dataset: The dataset's name.
        benchmark_sha256: Digest of the set of benchmark images.
        truth_sha256: Digest of the benchmark images with their labels; empty where an older release judged.
        benchmark_images: How many they were.
        policy: The gate's name: ``guarded``.
        policy_sha256: Digest of every rule and number of the policy.
        checks: Each rule with its value, limit, outcome and sentence.
        explanation: Sentences for a person that belong to no single check.
        judged_at: UTC, ISO 8601.
        ledger: What the judgement cost; ``None`` where nothing was spent.
        comparison: Challenger against champion on the benchmark; ``None`` where they were not compared.
        disclose: What its policy lets reports and listings show where it is no pass.
    """

    outcome: Outcome
    candidate_id: str
    candidate_digest: str
    champion_id: str | None
    champion_digest: str | None
    dataset: str
    benchmark_sha256: str
    benchmark_images: int
    policy: str
    policy_sha256: str
    checks: tuple[Check, ...]
    explanation: tuple[str, ...] = ()
    judged_at: str = ""
    ledger: Charge | None = None
    comparison: PairedResult | None = None
    truth_sha256: str = ""
    disclose: Disclosure = "full"


@dataclass(frozen=True)
class Version:
    """A judged version on disk; ``pipeline.store.versions`` reads it.

    Each of manifest, scores and verdict is there only if it was verified when it was read.

    Attributes:
        id: Its folder's name.
        folder: ``versions/<id>`` or ``versions/failed/<id>``.
        known_manifest: ``manifest.json``; ``None`` where it cannot be trusted.
        known_scores: ``scores.json``; ``None`` where it cannot be trusted.
        verdict: The latest decision; an error without checks where it cannot be trusted.
        earlier: The decisions before it, oldest first: ``verdict.json``, then those of ``versions/.judgements/``.
        in_production: Whether it is its dataset's champion now.
        override: The reason, where a person promoted it against the gate.
        damage: What is wrong with its files, in a sentence; ``None`` where all is well.
    """

    id: str
    folder: Path
    known_manifest: Manifest | None
    known_scores: Scores | None
    verdict: Verdict
    in_production: bool = False
    override: str | None = None
    damage: str | None = None
    earlier: tuple[Verdict, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every decision, oldest first."""
        return (*self.earlier, self.verdict)

    @property
    def manifest(self) -> Manifest:
        """What it is.

        Raises:
            StoreError: The manifest is damaged.
        """
        if self.known_manifest is None:
            raise StoreError(f"Version {self.id} is damaged: {self.damage}")
        return self.known_manifest

    @property
    def scores(self) -> Scores:
        """What was measured of it.

        Raises:
            StoreError: The scores are damaged.
        """
        if self.known_scores is None:
            raise StoreError(f"Version {self.id} is damaged: {self.damage}")
        return self.known_scores

    @property
    def fully_verified(self) -> bool:
        """Whether its digests cover all of its facts; versions of format 1 have none over classes and shape."""
        return self.damage is None and self.known_manifest is not None and self.known_manifest.format >= 2


@dataclass(frozen=True)
class Deployment:
    """The champion of a dataset, as ``production/<dataset>/current.json`` names it.

    Attributes:
        dataset: The dataset's name.
        id, digest: Which version serves.
        folder: ``production/<dataset>/<id>``, complete with ``model.onnx``.
        previous_id: Which version served before, ``None`` for the first.
        action: How it came into production.
        reason: For an override or a rollback, a person's words.
        promoted_at: UTC, ISO 8601.
    """

    dataset: str
    id: str
    digest: str
    folder: Path
    previous_id: str | None
    action: Literal["promote", "rollback", "override"]
    reason: str
    promoted_at: str


SUBMISSION_COLUMNS = ("ImageId", "Label")
"""The columns of a submission and of its sample."""


@dataclass(frozen=True)
class Submission:
    """A written and checked ``submission.csv``.

    Attributes:
        csv: The file.
        rows: How many predictions it holds.
        version_id, version_digest: Which champion made it.
        source: Which images it predicts, in words.
        stand_in: Whether benchmark images stood in for a test set.
        accuracy: On the stand-in's known labels; ``None`` for a true test set.
        escaped: Ids and class names that were written with an apostrophe, since a spreadsheet would evaluate them.
    """

    csv: Path
    rows: int
    version_id: str
    version_digest: str
    source: str
    stand_in: bool
    accuracy: float | None = None
    escaped: tuple[str, ...] = ()
