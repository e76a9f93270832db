"""Gathers what the gate looks at: every contender's predictions on identical rows, now, through the same code."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.contracts import Candidate, Deployment, Digests, LabelledImages, Probabilities, Split
from pipeline.data.digests import contained
from pipeline.errors import DataError, ModelError, StoreError, UnreadableError
from pipeline.inference import checked_model
from pipeline.inference.measure import MeasuredModel
from pipeline.judging import metrics
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.policy import GatePolicy
from pipeline.store import atomic, manifest, production, version_arrays
from pipeline.store.home import Home

MODEL = manifest.MODEL


@dataclass(frozen=True, eq=False)
class Gatherer:
    """Measures models on the rows of one split.

    Attributes:
        home: Where champions stand, and where their predictions are kept.
        policy: Decides what is measured at all.
        data: The dataset.
        split: Its benchmark and validation rows.
    """

    home: Home
    policy: GatePolicy
    data: LabelledImages
    split: Split

    def evidence(self, candidate: Candidate, model: MeasuredModel, champion: Deployment | None) -> Evidence:
        """Gather all that one judgement rests on; where the challenger cannot be measured ``problem`` says why.

        Raises:
            PipelineError: The champion cannot be measured, or the disk refuses: neither is the challenger's fault.
        """
        challenger, problem = self._challenger(candidate, model)
        opponent, best_ever = None, None
        if champion and problem is None:
            opponent = self._champion(champion.id, champion.digest, champion.folder)
            best_ever = self._best_ever() if self.policy.mode == "non-inferior" else None
        data, split = self.data, self.split
        return Evidence(
            dataset=data.name,
            classes=data.classes,
            benchmark_sha256=split.benchmark_sha256,
            labels=data.labels[split.benchmark],
            validation_labels=data.labels[split.validation],
            majority_class=int(np.bincount(data.labels[split.train], minlength=1).argmax()),
            challenger=challenger,
            parity=candidate.parity,
            shared_images=shared_images(candidate.folder, data.digests[split.benchmark]),
            champion=opponent,
            problem=problem,
            best_ever=best_ever,
        )

    def _challenger(self, candidate: Candidate, model: MeasuredModel) -> tuple[Contender, str | None]:
        try:
            return self._contender(candidate.id, candidate.digest, model, self.policy.latency_ratio is not None), None
        except (ModelError, DataError) as error:
            nothing = np.full((len(self.split.benchmark), len(self.data.classes)), np.nan, np.float32)
            unusable = Contender(
                candidate.id, candidate.digest, self.split.benchmark_sha256, nothing, nothing[:0], model_bytes=None
            )
            return unusable, f"The challenger cannot predict the benchmark: {error}"

    def _champion(self, version_id: str, digest: str, folder: Path) -> Contender:
        checked = checked_model.load(folder, digest)
        facts = checked.facts.dataset
        if (facts.classes, facts.shape) != (self.data.classes, self.data.shape):
            raise ModelError(
                f"{version_id} knows {len(facts.classes)} classes of {'x'.join(map(str, facts.shape))} images, "
                f"the benchmark has {len(self.data.classes)} of {'x'.join(map(str, self.data.shape))}: "
                "give the dataset another name, so that it gets a champion of its own."
            )
        model = MeasuredModel(checked.content, self.home.cache / "predictions")
        return self._contender(version_id, digest, model, self.policy.latency_ratio is not None)

    def _best_ever(self) -> Contender:
        """The most accurate of all champions there ever were, on these images, now."""
        found: dict[str, Contender] = {}
        for line in production.history(self.home, self.data.name):
            if line["digest"] not in found:
                found[line["digest"]] = self._champion(line["id"], line["digest"], self._folder(line["id"]))
        if not found:
            raise ModelError("production/history.jsonl names no champion of this dataset, so none can be the best.")
        labels = self.data.labels[self.split.benchmark]
        return max(found.values(), key=lambda one: float((one.benchmark.argmax(axis=1) == labels).mean()))

    def _folder(self, version_id: str) -> Path:
        bundle = self.home.production_of(self.data.name) / version_id
        places = (bundle, self.home.versions / version_id, self.home.failed / version_id)
        return next((place for place in places if place.is_dir()), bundle)

    def _contender(self, version_id: str, digest: str, model: MeasuredModel, timed: bool) -> Contender:
        data, split = self.data, self.split
        images, labels = data.images[split.benchmark], data.labels[split.benchmark]
        digests = data.digests[split.benchmark]
        probabilities = model.probabilities(images, digests)
        sound = metrics.problem(probabilities, labels, len(data.classes)) is None
        spoiled = sound and self.policy.robustness_margin_pp is not None
        return Contender(
            id=version_id,
            digest=digest,
            benchmark_sha256=split.benchmark_sha256,
            benchmark=probabilities,
            validation=self._validation(model),
            corrupted=model.corrupted(images, labels, digests) if spoiled else {},
            latency_ms=model.latency_ms(images).single_p50 if timed else None,
            model_bytes=len(model.content),
        )

    def _validation(self, model: MeasuredModel) -> Probabilities:
        rows = self.split.validation
        if len(rows) == 0:
            return np.zeros((0, len(self.data.classes)), np.float32)
        return model.probabilities(self.data.images[rows], self.data.digests[rows])


def shared_images(folder: Path, benchmark: Digests) -> int | None:
    """Return how many benchmark images a candidate was trained or validated with; ``None`` without a usable record.

    Raises:
        UnreadableError: The disk refuses to read the record, which may be whole.
    """
    path = folder / version_arrays.TRAINING_IMAGES
    try:
        seen = version_arrays.parse_training_images(atomic.read_bytes(path), path)
    except UnreadableError:
        raise
    except StoreError:
        return None
    return int(contained(benchmark, np.concatenate([seen.train, seen.validation])).sum())
