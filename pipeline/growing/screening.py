"""Decide what becomes of each prepared image: stored, set aside for a person, or counted as a copy. Pure."""

import difflib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.judging.words import counted

STORED, COPY, WAITING, REMOVED = "stored", "copy", "waiting", "removed"
UNREADABLE, UNKNOWN_CLASS = "unreadable", "unknown class"
CONFLICT, DOUBTED, NEAR_COPY, UNLABELLED, SURPLUS = "conflict", "doubted label", "near copy", "unlabelled", "surplus"
QUARANTINED = (CONFLICT, DOUBTED, NEAR_COPY, UNLABELLED, SURPLUS)
REFUSED = (UNREADABLE, UNKNOWN_CLASS)
NEW = (STORED, *QUARANTINED)
"""Outcomes of images that are stored or set aside now."""
LEAST_OF_LABEL = 0.01
"""A model that gives a label less than this doubts it. With 1 % of 10,000 labels flipped, this finds 9 in 10 of them,
and 93 in 100 of those it finds are flipped."""
FAR_FROM_EVEN = 3.0
"""A class this many times larger or smaller than the median class is named in the report."""


@dataclass(frozen=True)
class Arrival:
    """One arrived image as the checks see it.

    Attributes:
        name: Where it is.
        label: The name of its class, ``None`` where nobody gave one.
        digest: Of its pixels; empty where there is a fault.
        fault: Why it cannot be prepared.
        doubt: Why a model doubts its label; empty where none does.
        twin: How nearly it equals a benchmark image, in words; empty where it equals none.
    """

    name: str
    label: str | None
    digest: str
    fault: str = ""
    doubt: str = ""
    twin: str = ""


@dataclass(frozen=True)
class Known:
    """What the dataset holds already.

    Attributes:
        classes: Class names that may be stored.
        labels: Class name of every stored image by digest.
        waiting: Digests in quarantine.
        unlabelled: Those of them that wait for no more than a label.
        removed: Digests that a person removed or discarded.
    """

    classes: Collection[str]
    labels: Mapping[str, str]
    waiting: Collection[str]
    unlabelled: Set[str]
    removed: Collection[str]


@dataclass(frozen=True)
class Decision:
    """What becomes of one arrival.

    Attributes:
        outcome: One of the constants above.
        reason: A sentence for the person who looks at it; empty where nothing is to be said.
    """

    outcome: str
    reason: str = ""


def decide(arrivals: Sequence[Arrival], known: Known) -> list[Decision]:
    """Return what becomes of each arrival, in order.

    Args:
        arrivals: One batch.
        known: What the dataset holds.
    """
    given: dict[str, dict[str, str]] = {}
    for arrival in arrivals:
        if arrival.digest and arrival.label is not None and arrival.label in known.classes:
            given.setdefault(arrival.digest, {}).setdefault(arrival.label, arrival.name)
    seen: set[str] = set()
    decisions = []
    for arrival in arrivals:
        labels = given.get(arrival.digest, {})
        decision = _decide(arrival, known, labels, arrival.digest in seen)
        # Of copies with and without a label, the labelled one counts, wherever it comes in the batch.
        if decision.outcome not in REFUSED and (arrival.label is not None or not labels):
            seen.add(arrival.digest)
        decisions.append(decision)
    return decisions


def _decide(arrival: Arrival, known: Known, given: Mapping[str, str], seen: bool) -> Decision:
    return (
        _refusal(arrival, known)
        or _repetition(arrival, known, given, seen)
        or _doubt(arrival, given)
        or Decision(STORED)
    )


def _refusal(arrival: Arrival, known: Known) -> Decision | None:
    if arrival.fault:
        return Decision(UNREADABLE, arrival.fault)
    if arrival.label is not None and arrival.label not in known.classes:
        return Decision(UNKNOWN_CLASS, f"{arrival.name}: {_no_class(arrival.label, known.classes)}")
    if arrival.digest in known.removed:
        return Decision(REMOVED, f"{arrival.name}: a person removed or discarded this image earlier.")
    return None


def _no_class(label: str, classes: Collection[str]) -> str:
    folded = {name.casefold(): name for name in sorted(classes)}
    close = difflib.get_close_matches(label.casefold(), folded, n=1, cutoff=0.8)
    meant = f": did you mean {folded[close[0]]}?" if close else "."
    return f"there is no class {label}{meant} Give --new-classes to add it."


def _repetition(arrival: Arrival, known: Known, given: Mapping[str, str], seen: bool) -> Decision | None:
    if seen or (arrival.label is None and given):
        return Decision(COPY)
    if (stored := known.labels.get(arrival.digest)) is not None:
        same = arrival.label in {None, stored} and given.keys() <= {stored}
        return Decision(COPY) if same else _conflict(arrival, given, stored)
    answered = arrival.label is not None and arrival.digest in known.unlabelled
    return Decision(WAITING) if arrival.digest in known.waiting and not answered else None


def _doubt(arrival: Arrival, given: Mapping[str, str]) -> Decision | None:
    if len(given) > 1:
        return _conflict(arrival, given)
    if arrival.twin:
        reason = f"{arrival.name} is a near copy of a benchmark image ({arrival.twin}): it must not be trained on."
        return Decision(NEAR_COPY, reason)
    if arrival.label is None:
        return Decision(UNLABELLED, f"{arrival.name} has no label.")
    return Decision(DOUBTED, f"{arrival.name}: {arrival.doubt}") if arrival.doubt else None


def _conflict(arrival: Arrival, given: Mapping[str, str], stored: str | None = None) -> Decision:
    """Name what contradicts the arrival's label: what is stored, and the first copy in the batch with each label."""
    others = [f"it is stored as {stored}"] if stored not in {None, arrival.label} else []
    others += [
        f"its copy {name} is labelled {label}" for label, name in sorted(given.items()) if label != arrival.label
    ]
    kept = ", as it is stored" if stored == arrival.label else ""
    return Decision(CONFLICT, f"{arrival.name} is labelled {arrival.label}{kept}, but {' and '.join(others)}.")


def doubts(
    probabilities: NDArray[np.float32],
    labels: Sequence[str | None],
    classes: Sequence[str],
    predicts: str = "the champion predicts",
) -> list[str]:
    """Return why a model doubts each label, empty where it does not.

    Args:
        probabilities: ``[N, K]``, the model's.
        labels: The class name of each image; ``None`` is never doubted.
        classes: The model's class names, ``[K]``; it says nothing of a class that it does not know.
        predicts: Which model, as the beginning of a clause.
    """
    index = {name: number for number, name in enumerate(classes)}
    found = []
    for row, label in zip(probabilities, labels, strict=True):
        own = row[index[label]] if label in index else None
        best = int(row.argmax())
        doubted = own is not None and own < LEAST_OF_LABEL
        found.append(f"labelled {label}, {predicts} {classes[best]} ({100 * row[best]:.1f} %)." if doubted else "")
    return found


def hold_back(
    arrivals: Sequence[Arrival], decisions: Sequence[Decision], stored: Mapping[str, int], ratio: float
) -> list[Decision]:
    """Return the decisions with the surplus of large classes set aside, so that no class outgrows the smallest.

    Which images of a class are held back is decided by their digests alone, so that it selects nothing.

    Args:
        arrivals: One batch.
        decisions: What ``decide`` returned.
        stored: Images by class name that the dataset holds already.
        ratio: The largest class may have this many times the images of the smallest that has any.
    """
    new = Counter(arrival.label for arrival, decision in _both(arrivals, decisions) if decision.outcome == STORED)
    after = {name: stored.get(name, 0) + new[name] for name in {*stored, *new} if name is not None}
    most = int(ratio * min((count for count in after.values() if count), default=0))
    surplus: set[str] = set()
    for name, count in after.items():
        own = sorted(
            arrival.digest
            for arrival, decision in _both(arrivals, decisions)
            if decision.outcome == STORED and arrival.label == name
        )
        surplus.update(own[: max(0, count - most)])
    return [
        replace(
            decision,
            outcome=SURPLUS,
            reason=f"{arrival.name}: with it, class {arrival.label} would exceed {ratio:g} times the smallest class.",
        )
        if decision.outcome == STORED and arrival.digest in surplus
        else decision
        for arrival, decision in _both(arrivals, decisions)
    ]


def uneven(counts: Mapping[str, int]) -> list[str]:
    """Return a sentence for each class whose share is far from the others'."""
    if not counts:
        return []
    middle = max(float(np.median(list(counts.values()))), 1.0)
    return [
        f"Class {name} has {counted(count, 'image')}; the median class has {middle:,.0f}."
        for name, count in counts.items()
        if count * FAR_FROM_EVEN < middle or count > FAR_FROM_EVEN * middle
    ]


def _both(arrivals: Sequence[Arrival], decisions: Sequence[Decision]) -> list[tuple[Arrival, Decision]]:
    return list(zip(arrivals, decisions, strict=True))
