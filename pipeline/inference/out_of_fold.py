"""Answers out of fold: what the member of a cross-fitted version that never saw an image says of it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, LabelledImages, Probabilities, Rows, Split
from pipeline.data.digests import contained, positions
from pipeline.errors import ModelError
from pipeline.store import manifest, version_arrays


def replaced(answers: Probabilities, digests: Digests, folder: Path) -> Probabilities:
    """Return a version's answers, out of fold for the images that it was made from, ``[N, K]``.

    Args:
        answers: What the served model answers, ``[N, K]``.
        digests: One digest an image, ``[N]``.
        folder: The version's; one that is not cross-fitted keeps its answers.

    Raises:
        StoreError: Its answers out of fold are missing, damaged or changed.
    """
    known = version_arrays.out_of_fold(folder)
    if known is None:
        return answers
    distinct, first = np.unique(known.digests, return_index=True)
    place = positions(digests, distinct)
    found = answers.copy()
    found[place >= 0] = known.probabilities[first[place[place >= 0]]]
    return found


def compared(data: LabelledImages, split: Split, challenger: Path, champion: Path | None) -> Rows:
    """Return the rows on which a challenger can be compared with the champion out of fold, the benchmark's first.

    The challenger answers all of them out of fold. So does the champion, except for images that it was not made from:
    those are answered by the mean it serves, which tends to be better than one member, to the champion's advantage.

    Args:
        data: The dataset.
        split: Its benchmark rows.
        challenger: The folder of a version that was cross-fitted with benchmark images.
        champion: The champion's folder; ``None`` without one.

    Raises:
        ModelError: The challenger was not trained in folds with the benchmark among them.
        StoreError: A record of a version is missing, damaged or changed.
    """
    mine = version_arrays.out_of_fold(challenger)
    if mine is None or not manifest.read(challenger).rows.benchmark_in_folds:
        raise ModelError(
            f"{challenger.name} was not trained with the benchmark in its folds, so it has no out-of-fold predictions "
            "for it: train it with `run --folds 5 --gate cross-fit`."
        )
    on_benchmark = np.zeros(len(data), bool)
    on_benchmark[split.benchmark] = True
    usable = contained(data.digests, mine.digests)
    if champion is not None:
        fitted = _fitted(data, champion)
        spoiled = int((fitted & on_benchmark).sum())
        if spoiled:
            raise ModelError(
                f"{champion.name} was trained on {spoiled:,} benchmark images without folds, so it has no out-of-fold "
                "predictions for them: roll back to another champion."
            )
        usable &= ~fitted
    return np.concatenate([split.benchmark[usable[split.benchmark]], np.flatnonzero(usable & ~on_benchmark)])


def comparable(data: LabelledImages, champion: Path) -> int:
    """Return on how many images a challenger that is made from all of them could be compared with the champion.

    Raises:
        StoreError: A record of the champion is missing, damaged or changed.
    """
    return int((~_fitted(data, champion)).sum())


def _fitted(data: LabelledImages, champion: Path) -> NDArray[np.bool_]:
    """The rows that the champion was made from without answering them out of fold."""
    theirs, seen = version_arrays.out_of_fold(champion), version_arrays.training_images_in(champion)
    answered = contained(data.digests, seen.train[:0] if theirs is None else theirs.digests)
    return contained(data.digests, np.concatenate([seen.train, seen.validation])) & ~answered
