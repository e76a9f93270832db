"""What the gate looks at, and nothing else: plain data, gathered by the watcher."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.contracts import Labels, Probabilities
from pipeline.facts.manifest_facts import Parity


@dataclass(frozen=True, eq=False)
class Contender:
    """One of the models that are compared.

    Attributes:
        id: The version's id.
        digest: The version's digest.
        benchmark_sha256: Digest of the set of images that ``benchmark`` belongs to.
        benchmark: Probabilities on the benchmark, ``[N, K]``.
        validation: Probabilities on the validation images, ``[V, K]``; empty for a former champion.
        corrupted: Accuracy by corruption; empty where it was not measured.
        latency_ms: Median milliseconds of one prediction; ``None`` where it was not measured.
        model_bytes: Size of ``model.onnx``.
    """

    id: str
    digest: str
    benchmark_sha256: str
    benchmark: Probabilities
    validation: Probabilities
    corrupted: Mapping[str, float] = field(default_factory=dict)
    latency_ms: float | None = None
    model_bytes: int | None = None

    @property
    def corrupted_accuracy(self) -> float | None:
        """Mean accuracy over the corruptions."""
        return float(np.mean(list(self.corrupted.values()))) if self.corrupted else None


@dataclass(frozen=True)
class Provenance:
    """How the challenger was made.

    Attributes:
        parity: How its exported file compares with its native model.
        shared_images: How many benchmark images it was trained with; ``None`` where that is unknown.
    """

    parity: Parity
    shared_images: int | None


@dataclass(frozen=True)
class NearCopyCount:
    """Benchmark images that nearly equal an image the challenger was fitted on.

    Attributes:
        found: How many.
        expected: How many there would be at the rate of the validation images, class by class.
        p_value: Exact; that so many or more are found if benchmark and validation images are alike.
        reference: Validation images that were searched.
    """

    found: int
    expected: float
    p_value: float
    reference: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that one judgement rests on.

    Attributes:
        dataset: The dataset's name.
        classes: The K class names.
        benchmark_sha256: Digest of the set of benchmark images.
        truth_sha256: Digest of the benchmark images with their labels.
        labels: Truth of the benchmark, ``[N]``.
        validation_labels: Truth of the validation images, ``[V]``: no answer is by a model fitted on its image.
        majority_class: The most frequent class among the training images: what ``dummy`` predicts.
        challenger: Who is judged.
        provenance: How the challenger was made; ``None`` where only predictions are judged.
        champion: Whom it must beat; ``None`` for a first champion.
        problem: Why the models cannot be compared; ``None`` where all is well.
        former: Every champion so far of this lineage, the current one included; empty where the policy
            compares with none of them.
        lost: Ids of former champions that cannot be measured any more.
        near_copies: Benchmark images with a near copy among the images the challenger was fitted on; ``None`` where
            they were not searched.
        grown: Whether the challenger is the champion's recipe, trained on all of its images and more.
        shortfall: Why it is not, to follow "since"; ``None`` where it is, or where that is not known.
        out_of_fold: Whether the answers are out of fold: all images, those of the benchmark among them, were trained
            on, and each is answered by a member that was not. Then "the benchmark" is all images that are compared.
        images_in_folds: Images on which a challenger that is cross-fitted with the benchmark could be compared with
            the champion; ``None`` where that is not known, the benchmark is too large for it, or the challenger is a
            blend.
    """

    dataset: str
    classes: tuple[str, ...]
    benchmark_sha256: str
    truth_sha256: str
    labels: Labels
    validation_labels: Labels
    majority_class: int
    challenger: Contender
    provenance: Provenance | None = None
    champion: Contender | None = None
    problem: str | None = None
    former: tuple[Contender, ...] = ()
    lost: tuple[str, ...] = ()
    grown: bool = False
    shortfall: str | None = None
    near_copies: NearCopyCount | None = None
    out_of_fold: bool = False
    images_in_folds: int | None = None

    @property
    def others(self) -> tuple[Contender, ...]:
        """Whoever the challenger may be compared with, each once."""
        champion = (self.champion,) if self.champion else ()
        return (*champion, *(one for one in self.former if one.digest not in {c.digest for c in champion}))
