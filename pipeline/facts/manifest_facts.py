"""What ``manifest.json`` holds: what a version is, and the digest of each of its files."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt

from pipeline.facts.base import Facts, RelativeName, SafeName, Sha256
from pipeline.facts.tuning_facts import Tuned

SNAPSHOT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}@\d{1,6}")
"""A snapshot of a dataset that grows, ``letters@7``; the path of a dataset starts with a slash."""
ShiftsName = Literal["off", "cross", "square"]
"""Over which copies of an image a network averages its answers: see ``pipeline.models.shift_averaging``."""
LEFT_TO_THE_PROGRAM = {"epochs": 0, "batch_size": 0, "rounds": 0, "learning_rate": 0, "shifts": -1}
"""Parameters that the program can choose, and the value that leaves them to it."""
ModelFormat = Literal["keras", "xgboost", "joblib", "cross-fitted", "blend"]


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value


class FileFacts(Facts):
    """One file of a version: the digest and the size of its content."""

    sha256: Sha256
    bytes: NonNegativeInt


class PreparationFacts(Facts):
    """How pictures become pixels; ``pipeline.data.preparation`` says what each kind and polarity means."""

    kind: Literal["digit", "fit", "crop", "stretch", "as-is"]
    polarity: Literal["light-on-dark", "dark-on-light", "any"]
    height: PositiveInt
    width: PositiveInt
    channels: Literal[1, 3]


class DatasetFacts(Facts):
    """The dataset that a version was trained on.

    Attributes:
        name: Safe as a folder name.
        source: Where the images came from, in words.
        origin: What ``--dataset`` takes to read them again, ``name@snapshot`` for a dataset that grows; empty if
            that is not known.
        preparation: How pictures become pixels; ``None`` if the dataset declares nothing.
        sha256: Digest of all images, labels and class names.
        images: Images of all roles.
        classes: Class names, in label order.
        shape: Height, width and channels of one image, in pixels.
    """

    name: SafeName
    source: str
    origin: str = ""
    preparation: PreparationFacts | None = None
    sha256: str
    images: NonNegativeInt
    classes: tuple[str, ...]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt]

    @property
    def snapshot(self) -> str:
        """The snapshot of a dataset that grows, ``letters@7``; empty for any other dataset."""
        return self.origin if SNAPSHOT.fullmatch(self.origin) else ""


class RowFacts(Facts):
    """How many images served as what, how rare classes were made up for, and the digest of each of the three sets.

    Where ``benchmark_in_folds`` is true, the benchmark images are among those fitted as well, in folds: each is
    answered by a member that was not trained on it.
    """

    train: NonNegativeInt
    validation: NonNegativeInt
    train_size: NonNegativeInt
    benchmark: NonNegativeInt
    train_sha256: str
    validation_sha256: str
    benchmark_sha256: str
    balance: Literal["none", "weights", "oversample"] = "none"
    benchmark_in_folds: bool = False


class Validation(Facts):
    """Metrics on the validation rows; ``None`` if there are none."""

    accuracy: float | None
    log_loss: float | None


LARGEST_DIFFERENCE = 1e-4
"""The largest difference in probability between a model and its export; float32 sums in another order give 1e-6."""


@dataclass(frozen=True)
class Parity:
    """How an ONNX file compares with the model it was exported from.

    Attributes:
        images: How many images both predicted.
        labels_changed: On how many of them the predicted label differs, unless both labels were as good as equally
            probable; must be 0.
        max_difference: Largest absolute difference in probability; at most ``LARGEST_DIFFERENCE``.
    """

    images: NonNegativeInt
    labels_changed: NonNegativeInt
    max_difference: float

    @property
    def holds(self) -> bool:
        """Whether the exported model counts as equal to the native one."""
        return self.labels_changed == 0 and self.max_difference <= LARGEST_DIFFERENCE


class Timings(Facts):
    """Wall-clock seconds."""

    fit_seconds: float
    export_seconds: float


class Machine(Facts):
    """Where a version was trained; ``None`` if the system does not say."""

    cores: int | None
    threads: int | None = None
    platform: str


class RefitFacts(Facts):
    """That a model is a champion's recipe fitted on all labelled images, benchmark included, and never judged.

    Attributes:
        champion, champion_digest: The version whose recipe it is.
        seeds: Models whose probabilities are averaged.
    """

    champion: SafeName
    champion_digest: Sha256
    seeds: PositiveInt


class MemberFacts(Facts):
    """One version in a blend, and what it counts there."""

    id: SafeName
    digest: Sha256
    weight: float


class BlendFacts(Facts):
    """The versions whose weighted mean a version is, and the metric that their weights were learned for."""

    members: tuple[MemberFacts, ...]
    metric: str = "log-loss"


class Manifest(Facts):
    """``manifest.json``.

    Attributes:
        format: 2; format 1 has no seal, and its digest covers neither classes nor shape.
        id: The version's id, also the name of its folder.
        created_at: UTC, ISO 8601.
        digest: Identifies model and training; what verdicts, the ledger and the history name.
        seal: Digest of everything else in the manifest, the list of files included; empty in format 1.
        cell: Identifies the requested training; equal cells need no second training.
        recipe, family: The recipe's name and its family.
        native_format, native_file: How the trained model is stored, and where in the folder.
        parameters: Every parameter that the recipe was built with.
        seed: The one seed of rows, weights and augmentation.
        weights: Trained parameters; ``None`` if the family has none.
        best_step: The epoch or round that was kept.
        libraries: Versions by name.
        files: Every file of the folder but the manifest, by its path inside.
        folds: Members of a cross-fitted version, each trained without its fold; ``None`` for any other.
        tuned: The search that found the parameters; ``None`` if none did.
        refit: Whose refit this is; ``None`` for every version.
        blend: The versions whose weighted mean this is; ``None`` for any other.
        test_shifts: The copies of an image over which each member averages its answers; ``None`` if the recipe was
            not asked to.
        automatic: What parameters that were left to the program became, by name; ``None`` if none was, and in
            versions of earlier releases.
    """

    format: Literal[1, 2]
    id: SafeName
    created_at: str
    cell: str
    recipe: str
    family: str
    native_format: ModelFormat
    native_file: RelativeName
    parameters: dict[str, Any]
    seed: int
    weights: NonNegativeInt | None
    best_step: NonNegativeInt | None = None
    dataset: DatasetFacts
    rows: RowFacts
    validation: Validation
    parity: Parity
    timings: Timings
    libraries: dict[str, str]
    machine: Machine
    digest: str
    files: dict[RelativeName, FileFacts]
    seal: str = ""
    folds: PositiveInt | None = None
    tuned: Tuned | None = None
    refit: RefitFacts | None = None
    blend: BlendFacts | None = None
    test_shifts: tuple[ShiftsName, ...] | None = None
    automatic: dict[str, int | float] | None = None

    @property
    def became(self) -> dict[str, int | float | str]:
        """What parameters that were left to the program became, by name; ``automatic`` where that was not recorded."""
        left = {name for name, value in LEFT_TO_THE_PROGRAM.items() if self.parameters.get(name) == value}
        unrecorded: dict[str, int | float | str] = dict.fromkeys(sorted(left), "automatic")
        return unrecorded | {name: _whole(value) for name, value in (self.automatic or {}).items()}

    @property
    def parameters_used(self) -> dict[str, Any]:
        """The parameters, those that were left to the program as what they became: ``213 (automatic)``."""
        return self.parameters | {
            name: value if isinstance(value, str) else f"{value:,} (automatic)" for name, value in self.became.items()
        }
