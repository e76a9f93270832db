"""Gathers what the gate looks at: every contender's predictions on identical rows, now, through the same code."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.contracts import Candidate, Deployment, Digests, LabelledImages, Probabilities, Split
from pipeline.data.digests import contained, set_digest, truth_digest
from pipeline.errors import DataError, ModelError, PipelineError, StoreError, UnreadableError
from pipeline.inference import checked_model, more_images, near_copy_record, out_of_fold
from pipeline.inference.measure import MeasuredModel
from pipeline.judging import metrics
from pipeline.judging.claims import claim_of
from pipeline.judging.evidence import Contender, Evidence, NearCopyCount, Provenance
from pipeline.judging.policy import GatePolicy
from pipeline.judging.trained_on import LARGEST_BENCHMARK
from pipeline.store import manifest, production
from pipeline.store.home import Home

MODEL = manifest.MODEL


@dataclass(frozen=True, eq=False)
class Gatherer:
    """Measures models on the rows of one split.

    Attributes:
        home: Where champions are, and where their predictions are kept.
        policy: Decides what is measured at all.
        data: The dataset.
        split: Its benchmark and validation rows.
    """

    home: Home
    policy: GatePolicy
    data: LabelledImages
    split: Split

    def evidence(self, candidate: Candidate, model: MeasuredModel, champion: Deployment | None) -> Evidence:
        """Gather all that one judgement rests on; where the challenger cannot be measured, ``problem`` says why.

        Under a policy that compares out of fold, the benchmark's rows come first, then all others that are compared.

        Raises:
            PipelineError: The champion cannot be measured, the challenger has no answers out of fold where they are
                needed, or the disk fails: none of these makes the challenger fail.
        """
        if self.policy.out_of_fold:
            rows = out_of_fold.compared(self.data, self.split, candidate.folder, champion.folder if champion else None)
            sha256 = set_digest(self.data.digests[rows])
            wider = replace(self.split, benchmark=rows, benchmark_sha256=sha256, screening=rows[:0])
            return replace(self, split=wider)._evidence(candidate, model, champion)
        return self._evidence(candidate, model, champion)

    def _evidence(self, candidate: Candidate, model: MeasuredModel, champion: Deployment | None) -> Evidence:
        challenger, problem = self._challenger(candidate, model)
        opponent: Contender | None = None
        former: tuple[Contender, ...] = ()
        lost: tuple[str, ...] = ()
        shortfall: str | None = None
        if champion and problem is None:
            opponent = self._contender_at(champion.folder, champion.id, champion.digest, screened=True)
            shortfall = more_images.shortfall(self.home, self.data, candidate, champion.folder)
            former, lost = self._former(opponent, grown=shortfall is None)
        data, split = self.data, self.split
        labels, digests = data.labels[split.benchmark], data.digests[split.benchmark]
        return Evidence(
            dataset=data.name,
            classes=data.classes,
            benchmark_sha256=split.benchmark_sha256,
            truth_sha256=truth_digest(digests, labels),
            labels=labels,
            validation_labels=data.labels[split.screening_rows],
            majority_class=int(np.bincount(data.labels[split.train], minlength=1).argmax()),
            challenger=challenger,
            provenance=Provenance(candidate.parity, shared_images(candidate.folder, digests)),
            champion=opponent,
            problem=problem,
            former=former,
            lost=lost,
            grown=opponent is not None and shortfall is None,
            shortfall=shortfall,
            near_copies=self._near_copies(candidate),
            out_of_fold=self.policy.out_of_fold,
            images_in_folds=self._images_in_folds(candidate, champion),
        )

    def _images_in_folds(self, candidate: Candidate, champion: Deployment | None) -> int | None:
        if champion is None or len(self.split.benchmark) > LARGEST_BENCHMARK:
            return None
        if manifest.read(candidate.folder).blend is not None:
            return None  # `blend` trains nothing, so nothing in folds
        try:
            return out_of_fold.comparable(self.data, champion.folder)
        except UnreadableError:
            raise
        except StoreError:
            return None

    def _near_copies(self, candidate: Candidate) -> NearCopyCount | None:
        if self.policy.near_copy_alpha is None:
            return None
        seen = more_images.training_images(candidate.folder)
        return near_copy_record.count(self.home, self.data, self.split, seen.train if seen else None)

    def _challenger(self, candidate: Candidate, model: MeasuredModel) -> tuple[Contender, str | None]:
        try:
            screen = self._validation(model, candidate.folder)
            return self._contender(candidate.folder, candidate.id, candidate.digest, model, screen), None
        except (ModelError, DataError) as error:
            nothing = np.full((len(self.split.benchmark), len(self.data.classes)), np.nan, np.float32)
            unusable = Contender(
                candidate.id, candidate.digest, self.split.benchmark_sha256, nothing, nothing[:0], model_bytes=None
            )
            return unusable, f"The challenger cannot predict the benchmark: {error}"

    def _contender_at(self, folder: Path, version_id: str, digest: str, *, screened: bool) -> Contender:
        checked = checked_model.load(folder, digest)
        facts = checked.facts.dataset
        if (facts.classes, facts.shape) != (self.data.classes, self.data.shape):
            raise ModelError(
                f"{version_id} knows {len(facts.classes)} classes of {'x'.join(map(str, facts.shape))} images, "
                f"the benchmark has {len(self.data.classes)} of {'x'.join(map(str, self.data.shape))}: "
                "give the dataset another name, so that it gets a champion of its own."
            )
        model = MeasuredModel(checked.content, self.home.cache / "predictions")
        screen = self._validation(model, folder) if screened else None
        return self._contender(folder, version_id, digest, model, screen)

    def _former(self, champion: Contender, *, grown: bool) -> tuple[tuple[Contender, ...], tuple[str, ...]]:
        """Return all former champions, the present one first, and the ids of those that cannot be measured."""
        needed = self.policy.robustness_margin_pp is not None or claim_of(self.policy, grown) == "non-inferior"
        found, lost = {champion.digest: champion}, {}
        for record in production.records(self.home, self.data.name) if needed else ():
            digest, version_id = record.digest, record.id
            if digest in found or digest in lost:
                continue
            try:
                found[digest] = self._contender_at(self._folder(version_id), version_id, digest, screened=False)
            except UnreadableError:
                raise
            except PipelineError:
                lost[digest] = version_id
        return tuple(found.values()), tuple(lost.values())

    def _folder(self, version_id: str) -> Path:
        bundle = self.home.production_of(self.data.name) / version_id
        places = (bundle, self.home.versions / version_id, self.home.failed / version_id)
        return next((place for place in places if place.is_dir()), bundle)

    def _contender(
        self, folder: Path, version_id: str, digest: str, model: MeasuredModel, screen: Probabilities | None
    ) -> Contender:
        data, split = self.data, self.split
        images, labels = data.at(split.benchmark), data.labels[split.benchmark]
        digests = data.digests[split.benchmark]
        probabilities = model.probabilities(images, digests)
        if self.policy.out_of_fold:
            probabilities = out_of_fold.replaced(probabilities, digests, folder)
        sound = metrics.problem(probabilities, labels, len(data.classes)) is None
        spoiled = sound and self.policy.robustness_margin_pp is not None
        timed = screen is not None and self.policy.latency_ratio is not None
        return Contender(
            id=version_id,
            digest=digest,
            benchmark_sha256=split.benchmark_sha256,
            benchmark=probabilities,
            validation=np.zeros((0, len(data.classes)), np.float32) if screen is None else screen,
            corrupted=model.corrupted(images, labels, digests) if spoiled else {},
            latency_ms=model.latency_ms(images).single_p50 if timed else None,
            model_bytes=len(model.content),
        )

    def _validation(self, model: MeasuredModel, folder: Path) -> Probabilities:
        """Return the answers on the screen's rows: for those that a cross-fitted version was made from, out of fold."""
        rows = self.split.screening_rows
        if len(rows) == 0:
            return np.zeros((0, len(self.data.classes)), np.float32)
        digests = self.data.digests[rows]
        return out_of_fold.replaced(model.probabilities(self.data.at(rows), digests), digests, folder)


def shared_images(folder: Path, benchmark: Digests) -> int | None:
    """Return how many benchmark images a candidate was trained or validated with; ``None`` without a usable record.

    Raises:
        UnreadableError: The disk fails to read the record, which may be whole.
    """
    seen = more_images.trained_with(folder)
    return None if seen is None else int(contained(benchmark, seen).sum())
