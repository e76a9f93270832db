"""What a reviewer looks at first, and which key decides. Pure."""

import string
from collections.abc import Iterable, Sequence
from itertools import chain, islice

import numpy as np

from pipeline.data.digests import DIGEST_DTYPE
from pipeline.data.roles import keyed_hashes
from pipeline.growing import quarantine, screening
from pipeline.growing.quarantine import Opinion, Waiting

SKIP, UNDO, DISCARD, QUIT, NAME = "s", "u", "x", "q", "/"
"""Keys that do not stand for a class; after ``/`` a class is named in full."""
BLIND_EVERY = 5
"""Every fifth image is one that is reviewed blind, as long as there are any."""
ORDER_KEY = b"review"
_FIRST = {quarantine.DRIFT: 0, quarantine.SHADOW: 1, quarantine.CORRECTED: 2, screening.SURPLUS: 4}
"""Causes that come before or after the others, which are ordered by margin alone."""
_OTHERS = 3


def margin(label: str | None, opinion: Opinion | None) -> float:
    """Return how clear an image is to a model: the smaller, the more it would teach.

    With a label, the probability of that label less the largest of another class: negative where the model contradicts
    it. Without one, the largest probability less the second (Scheffer and others 2001, 'Active hidden Markov models
    for information extraction').

    Args:
        label: The name of its class, ``None`` where nobody gave one.
        opinion: What the model thinks; ``None`` counts as knowing nothing.
    """
    if opinion is None:
        return 0.0
    shares = dict(zip(opinion.classes, opinion.probabilities, strict=True))
    own = shares.pop(opinion.classes[0] if label is None else label, 0.0)
    return own - max(shares.values(), default=0.0)


def ordered(entries: Sequence[tuple[Waiting, str | None, bool]]) -> list[Waiting]:
    """Return what waits in the order of reviewing.

    What was unusual at a drift alarm comes first, since a run waits for it; then disagreements of two versions, then
    corrections, then by margin, then what is only too much of its class. What is reviewed blind comes in the order of
    a hash, every fifth image.

    Args:
        entries: Each with the name of its label, ``None`` without one, and whether it is reviewed blind.
    """
    blind = sorted((entry for entry, _, is_blind in entries if is_blind), key=_chance)
    shown = sorted(((entry, label) for entry, label, is_blind in entries if not is_blind), key=lambda one: _place(*one))
    return list(_interleaved([entry for entry, _ in shown], blind))


def keys(classes: Sequence[str]) -> dict[str, str]:
    """Return the key that stands for each class, as many as there are keys for.

    A class that is named by one digit has that key. The others get a letter: one of their own if it is free.

    Args:
        classes: The class names.

    Returns:
        Class names by key, in the order of the classes.
    """
    taken = {name: name for name in classes if len(name) == 1 and name in string.digits}
    reserved = {SKIP, UNDO, DISCARD, QUIT, NAME}
    letters = [letter for letter in string.ascii_letters if letter not in reserved]
    for name in classes:
        if name not in taken.values():
            wanted = (letter for letter in chain(name.lower(), name, letters, string.digits) if letter not in taken)
            key = next((letter for letter in wanted if letter in {*letters, *string.digits}), None)
            if key is not None:
                taken[key] = name
    return dict(sorted(taken.items(), key=lambda one: classes.index(one[1])))


def _place(entry: Waiting, label: str | None) -> tuple[int, float, int]:
    opinion = entry.opinions[0] if entry.opinions else None
    return _FIRST.get(entry.cause, _OTHERS), margin(label, opinion), _chance(entry)


def _interleaved(shown: Sequence[Waiting], blind: Sequence[Waiting]) -> Iterable[Waiting]:
    left, right = iter(shown), iter(blind)
    while several := list(islice(left, BLIND_EVERY - 1)):
        yield from several
        yield from islice(right, 1)
    yield from right


def _chance(entry: Waiting) -> int:
    return int(keyed_hashes(np.frombuffer(bytes.fromhex(entry.digest), DIGEST_DTYPE), ORDER_KEY)[0])
