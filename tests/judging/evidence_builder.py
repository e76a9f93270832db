"""Evidence for the gate, made to measure: how many errors are fixed and made is chosen, all else is sound."""

from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.facts.manifest_facts import Parity
from pipeline.judging import gate, spending
from pipeline.judging.evidence import Contender, Evidence, Provenance
from pipeline.judging.ledger import Balance, Grant
from pipeline.judging.policy import GatePolicy

CLASSES = tuple("0123456789")
BENCHMARK = "b" * 64
TRUTH = "e" * 64


def probabilities(labels: np.ndarray, right: np.ndarray, classes: int = 10, confidence: float = 0.95) -> np.ndarray:
    """Probabilities that name the truth where ``right`` and the next class elsewhere."""
    named = np.where(right, labels, (labels + 1) % classes)
    rest = (1 - confidence) / (classes - 1)
    found = np.full((len(labels), classes), rest, np.float32)
    found[np.arange(len(labels)), named] = confidence
    return found


def make_evidence(
    fixed: int = 100,
    made: int = 10,
    both_wrong: int = 50,
    images: int = 10_000,
    validation: tuple[int, int] = (30, 5),
    champion: bool = True,
    **changes: Any,
) -> Evidence:
    """A challenger that fixed and made so many errors; errors are spread evenly over the classes."""
    labels = np.arange(images) % 10
    order = np.arange(images)
    mine = ~((order >= fixed) & (order < fixed + made + both_wrong))
    theirs = ~((order < fixed) | ((order >= fixed + made) & (order < fixed + made + both_wrong)))
    validation_labels = np.arange(1000) % 10
    place = np.arange(1000)
    mine_validation = ~((place >= validation[0]) & (place < sum(validation)))
    theirs_validation = ~(place < validation[0])

    def contender(name: str, right: np.ndarray, right_validation: np.ndarray) -> Contender:
        return Contender(
            id=name,
            digest=name * 8,
            benchmark_sha256=BENCHMARK,
            benchmark=probabilities(labels, right),
            validation=probabilities(validation_labels, right_validation),
            corrupted={"fog": 0.9, "shear": 0.8},
            latency_ms=1.0,
            model_bytes=1000,
        )

    evidence = Evidence(
        dataset="toy",
        classes=CLASSES,
        benchmark_sha256=BENCHMARK,
        truth_sha256=TRUTH,
        labels=labels,
        validation_labels=validation_labels,
        majority_class=1,
        challenger=contender("challenger", mine, mine_validation),
        provenance=Provenance(Parity(images=100, labels_changed=0, max_difference=1e-6), shared_images=0),
        champion=contender("champion", theirs, theirs_validation) if champion else None,
    )
    return replace(evidence, **changes)


def judged(policy: GatePolicy, evidence: Evidence, level: float | None = None) -> gate.Judgement:
    """The gate's decision at a level that was paid for; by default what a full budget gives this challenger."""
    screening = gate.screen(policy, evidence)
    if screening.judgement:
        return screening.judgement
    if level is None:
        level = spending.level(policy.alpha, screening.p_validation) if policy.promises else policy.alpha
    before = Balance(policy.alpha, 0.0, 0) if policy.promises else None
    return gate.compare(policy, evidence, screening, Grant(level, 1, "toy", before))
