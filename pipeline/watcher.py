"""The watcher: a candidate, the champion and benchmark rows in, a verdict out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.contracts import Candidate, Deployment, Images, LabelledImages, Split, Verdict, Version
from pipeline.errors import DataError, StoreError
from pipeline.facts.scores import Latency, Robustness, Scores
from pipeline.inference.contenders import MODEL, Gatherer
from pipeline.inference.measure import MeasuredModel
from pipeline.judging import gate, ledger, metrics
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import GatePolicy
from pipeline.store import atomic, ledger_files, manifest, scores, verdicts, version_arrays, versions
from pipeline.store.home import Home


@dataclass(frozen=True)
class Watcher:
    """Judges candidates under one policy.

    Attributes:
        home: Where versions, production and the ledgers stand; the caller holds its lock.
        policy: The rules.
        listed: Every version there was when the lock was taken: their verdicts witness what the ledgers held then,
            and what was added since was written under the same lock. ``None`` lists them for each judgement.
    """

    home: Home
    policy: GatePolicy
    listed: Sequence[Version] | None = None

    def run(self, candidate: Candidate, champion: Deployment | None, data: LabelledImages, split: Split) -> Verdict:
        """Judge a candidate; ``scores.json``, ``predictions.npz`` and ``verdict.json`` go into its folder.

        The same pair under the same policy gets the stored verdict, at no cost.

        Raises:
            StoreError: The ledger or the candidate was tampered with, or the disk refuses.
        """
        book = read_ledger(self.home, split.benchmark_sha256, self.listed)
        model = MeasuredModel(_checked_model(candidate))
        evidence = Gatherer(self.home, self.policy, data, split).evidence(candidate, model, champion)
        verdict = self._replayed(book, candidate, champion) or self._judged(candidate, champion, evidence)
        scores.write(candidate.folder / scores.NAME, _scores(evidence, model, data.images[split.benchmark]))
        atomic.write_bytes(candidate.folder / version_arrays.PREDICTIONS, _predictions(evidence, data, split))
        verdicts.write(candidate.folder, verdict)
        return verdict

    def _judged(self, candidate: Candidate, champion: Deployment | None, evidence: Evidence) -> Verdict:
        judgement = gate.judge(self.policy, evidence, lambda: self._debit(evidence))
        verdict = Verdict(
            outcome=judgement.outcome,
            candidate_id=candidate.id,
            candidate_digest=candidate.digest,
            champion_id=champion.id if champion else None,
            champion_digest=champion.digest if champion else None,
            dataset=evidence.dataset,
            benchmark_sha256=evidence.benchmark_sha256,
            benchmark_images=len(evidence.labels),
            policy=self.policy.name,
            policy_sha256=self.policy.digest,
            checks=judgement.checks,
            explanation=judgement.explanation,
            judged_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            ledger=_cost(judgement.grant),
            comparison=judgement.comparison,
        )
        if judgement.grant:
            facts = {"debit": judgement.grant.entry, "verdict": verdicts.to_json(verdict)}
            record(self.home, _read_again(self.home, evidence.benchmark_sha256), "verdict", facts)
        return verdict

    def _replayed(self, book: ledger.Ledger, candidate: Candidate, champion: Deployment | None) -> Verdict | None:
        if champion is None:
            return None
        debit = ledger.paid(book, self.policy.digest, candidate.digest, champion.digest)
        stored = ledger.verdict_of(book, debit["entry"]) if debit else None
        if stored is None:
            return None
        # The same training repeated has another id, and so has a champion that was trained again.
        return replace(verdicts.from_json(stored), candidate_id=candidate.id, champion_id=champion.id)

    def _debit(self, evidence: Evidence) -> ledger.Grant | ledger.Refusal:
        if evidence.champion is None:
            raise StoreError("There is no champion to compare with, so nothing can be spent.")
        pair = {"candidate": evidence.challenger.digest, "champion": evidence.champion.digest}
        book = _read_again(self.home, evidence.benchmark_sha256)
        debit = ledger.paid(book, self.policy.digest, **pair)
        if debit is None:
            level = ledger.price(book, self.policy)
            if isinstance(level, ledger.Refusal):
                return level
            if self.policy.promises and not ledger.is_open(book):
                book = record(self.home, book, "open", _terms_on_record(self.policy, evidence))
            facts = ledger.debit_facts(self.policy, level, {**pair, "id": evidence.challenger.id})
            book = record(self.home, book, "debit", facts)
            debit = book.entries[-1]
        terms = ledger.terms(book, self.policy) if self.policy.promises else None
        return ledger.Grant(debit["level"], debit["entry"], terms)


def read_ledger(home: Home, benchmark_sha256: str, listed: Iterable[Version] | None = None) -> ledger.Ledger:
    """Return the verified ledger of a benchmark; empty where nothing was ever spent.

    Args:
        home: The home folder.
        benchmark_sha256: Which benchmark.
        listed: The versions whose verdicts witness how far the ledger went; ``None`` lists all of the home.

    Raises:
        StoreError: A line is changed, missing or cut off.
    """
    lines, head = ledger_files.read(home, benchmark_sha256)
    known = versions.list_versions(home) if listed is None else listed
    witnessed = ledger_files.witnessed(known, benchmark_sha256)
    return ledger.parse(benchmark_sha256, lines, head, witnessed)


def _read_again(home: Home, benchmark_sha256: str) -> ledger.Ledger:
    # The stored verdicts were asked at the start of the judgement, and the caller has held the lock since.
    return ledger.parse(benchmark_sha256, *ledger_files.read(home, benchmark_sha256))


def record(home: Home, book: ledger.Ledger, kind: str, facts: Mapping[str, Any]) -> ledger.Ledger:
    """Append an entry durably; returns the ledger with it."""
    entry = ledger.seal(book, kind, facts)
    ledger_files.append(home, book.benchmark_sha256, entry)
    return ledger.Ledger(book.benchmark_sha256, (*book.entries, entry))


def _checked_model(candidate: Candidate) -> bytes:
    # The verdict names the candidate's digest, so the digest must fit the file that is judged.
    model = MeasuredModel(atomic.read_bytes(candidate.folder / MODEL))
    if manifest.identity_digest(manifest.read(candidate.folder), model.sha256) != candidate.digest:
        raise StoreError(f"{candidate.folder / MODEL} changed after it was trained: train {candidate.id} again.")
    return model.content


def _terms_on_record(policy: GatePolicy, evidence: Evidence) -> dict[str, Any]:
    benchmark = {"dataset": evidence.dataset, "images": len(evidence.labels)}
    return {"alpha": policy.alpha, "horizon": policy.horizon, **benchmark}


def _cost(grant: ledger.Grant | None) -> dict[str, float]:
    if grant is None:
        return {}
    return {"level": grant.level, "entry": grant.entry, **(asdict(grant.terms) if grant.terms else {})}


def _scores(evidence: Evidence, model: MeasuredModel, images: Images) -> Scores:
    challenger = evidence.challenger
    corrupted = Robustness(mean_accuracy=challenger.corrupted_accuracy, by_corruption=dict(challenger.corrupted))
    try:
        figures = metrics.score(challenger.benchmark, evidence.labels, evidence.classes)
        latency = model.latency_ms(images)
    except DataError:
        figures, latency = metrics.nothing(len(evidence.labels)), Latency()
    return Scores(
        **dict(figures),
        benchmark_sha256=evidence.benchmark_sha256,
        robustness=corrupted if challenger.corrupted else None,
        latency_ms=latency,
        model_bytes=len(model.content),
    )


def _predictions(evidence: Evidence, data: LabelledImages, split: Split) -> bytes:
    return version_arrays.predictions_content(
        version_arrays.Predictions(
            probabilities=evidence.challenger.benchmark,
            labels=evidence.labels,
            digests=data.digests[split.benchmark],
            champion_probabilities=evidence.champion.benchmark if evidence.champion else None,
        )
    )
