"""The watcher: a candidate, the champion and benchmark rows in, a verdict out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipeline import moments
from pipeline.contracts import Candidate, Deployment, LabelledImages, Split, Verdict, Version
from pipeline.errors import DataError, StoreError
from pipeline.facts.score_facts import Latency, Robustness, Scores
from pipeline.inference.contenders import MODEL, Gatherer
from pipeline.inference.measure import MeasuredModel
from pipeline.judging import gate, ledger, metrics, paying, trained_on
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import GatePolicy
from pipeline.store import atomic, ledger_files, manifest, scores, verdicts, version_arrays, versions
from pipeline.store.home import Home


@dataclass(frozen=True)
class Watcher:
    """Judges candidates under one policy.

    Attributes:
        home: Where versions, production and the ledgers are; the caller holds its lock.
        policy: The rules.
        listed: Every version there was when the lock was taken: their verdicts witness what the ledgers held then,
            and what was added since was written under the same lock. ``None`` lists them for each judgement.
    """

    home: Home
    policy: GatePolicy
    listed: Sequence[Version] | None = None

    def run(self, candidate: Candidate, champion: Deployment | None, data: LabelledImages, split: Split) -> Verdict:
        """Judge a candidate; ``scores.json``, ``predictions.npz`` and ``verdict.json`` go into its folder.

        The same pair on the same images and labels under the same policy gets the stored verdict, at no cost.

        Raises:
            SettingsError: The policy takes benchmark images as unseen that models were trained on.
            StoreError: The ledger or the candidate was tampered with, or the disk fails.
        """
        model = MeasuredModel(_checked_model(candidate))
        evidence, verdict = self._look(candidate, model, champion, data, split)
        scores.write(candidate.folder / scores.NAME, _scores(evidence, model, data, split))
        atomic.write_bytes(candidate.folder / version_arrays.PREDICTIONS, _predictions(evidence, data, split))
        verdicts.write(candidate.folder, verdict)
        return verdict

    def again(self, candidate: Candidate, champion: Deployment | None, data: LabelledImages, split: Split) -> Verdict:
        """Judge a published version, whose files are left as they are.

        Raises:
            SettingsError: The policy takes benchmark images as unseen that models were trained on.
            StoreError: The ledger or the version was tampered with, or the disk fails.
        """
        model = MeasuredModel(_checked_model(candidate), self.home.cache / "predictions")
        return self._look(candidate, model, champion, data, split)[1]

    def _look(
        self,
        candidate: Candidate,
        model: MeasuredModel,
        champion: Deployment | None,
        data: LabelledImages,
        split: Split,
    ) -> tuple[Evidence, Verdict]:
        book = self._book(data.name)
        evidence = Gatherer(self.home, self.policy, data, split).evidence(candidate, model, champion)
        return evidence, self._replayed(book, evidence, champion) or self._judged(book, evidence, champion)

    def _book(self, dataset: str) -> ledger.Ledger:
        listed = versions.list_versions(self.home) if self.listed is None else self.listed
        book = ledger_files.read(self.home, dataset, listed)
        trained_on.require_unseen(book, self.policy)
        return book

    def _judged(self, book: ledger.Ledger, evidence: Evidence, champion: Deployment | None) -> Verdict:
        screening = gate.screen(self.policy, evidence)
        if screening.judgement:
            return self._verdict(evidence, champion, screening.judgement)
        append = partial(ledger_files.append, self.home)
        paid = paying.pay(self.policy, evidence, screening, book, append)
        if isinstance(paid, gate.Judgement):
            return self._verdict(evidence, champion, paid)
        book, debit = paid
        grant = ledger.granted(book, self.policy, debit)
        verdict = self._verdict(evidence, champion, gate.compare(self.policy, evidence, screening, grant))
        ledger_files.append(self.home, book, ledger.verdict_entry(debit, verdicts.to_json(verdict)))
        return verdict

    def _replayed(self, book: ledger.Ledger, evidence: Evidence, champion: Deployment | None) -> Verdict | None:
        if champion is None or evidence.champion is None:
            return None
        debit = ledger.paid(book, paying.pair_of(self.policy, evidence))
        stored = ledger.verdict_of(book, debit.entry) if debit else None
        if stored is None:
            return None
        # The same training repeated has another id, and so has a champion that was trained again.
        return replace(
            verdicts.from_json(stored),
            candidate_id=evidence.challenger.id,
            champion_id=champion.id,
            disclose=self.policy.disclose,
        )

    def _verdict(self, evidence: Evidence, champion: Deployment | None, judgement: gate.Judgement) -> Verdict:
        judged_at = moments.now()
        verdict = gate.verdict(self.policy, evidence, judgement, judged_at)
        if champion is None:
            return verdict
        # The evidence has no champion where the challenger cannot be measured; the verdict names it all the same.
        return replace(verdict, champion_id=champion.id, champion_digest=champion.digest)


def _checked_model(candidate: Candidate) -> bytes:
    # The verdict names the candidate's digest, so the digest must fit the file that is judged.
    model = MeasuredModel(atomic.read_bytes(candidate.folder / MODEL))
    if manifest.identity_digest(manifest.read(candidate.folder), model.sha256) != candidate.digest:
        raise StoreError(f"{candidate.folder / MODEL} changed after it was trained: train {candidate.id} again.")
    return model.content


def _scores(evidence: Evidence, model: MeasuredModel, data: LabelledImages, split: Split) -> Scores:
    challenger, images = evidence.challenger, len(split.benchmark)
    corrupted = Robustness(mean_accuracy=challenger.corrupted_accuracy, by_corruption=dict(challenger.corrupted))
    try:
        figures = metrics.score(challenger.benchmark[:images], evidence.labels[:images], evidence.classes)
        latency = model.latency_ms(data.at(split.benchmark))
    except DataError:
        figures, latency = metrics.nothing(images), Latency()
    return Scores(
        **dict(figures),
        benchmark_sha256=split.benchmark_sha256,
        robustness=corrupted if challenger.corrupted else None,
        latency_ms=latency,
        model_bytes=len(model.content),
    )


def _predictions(evidence: Evidence, data: LabelledImages, split: Split) -> bytes:
    images = len(split.benchmark)
    return version_arrays.predictions_content(
        version_arrays.BenchmarkPredictions(
            probabilities=evidence.challenger.benchmark[:images],
            labels=evidence.labels[:images],
            digests=data.digests[split.benchmark],
            champion_probabilities=evidence.champion.benchmark[:images] if evidence.champion else None,
        )
    )
