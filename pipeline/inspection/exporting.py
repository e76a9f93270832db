"""A version's stored predictions as a table, for other programs: a line an image, its truth, and every probability."""

import csv
import io

from pipeline.contracts import Digests, Labels, Probabilities, Version
from pipeline.judging import disclosure
from pipeline.store import version_arrays, versions
from pipeline.text import cell

COLUMNS = ("image", "label", "prediction")
"""Digest of the image, its class and the most probable class; a column with the probability of each class follows."""


def predictions(version: Version) -> tuple[str, str]:
    """Return a version's predictions as CSV, and what they are, in words.

    Those of a cross-fitted version are out of fold, on every image that it was made from; of any other they are on the
    benchmark.

    Raises:
        StoreError: The version is damaged.
        DataError: It was refused, and its policy discloses no benchmark figures.
    """
    whole = versions.require_whole(version)
    unseen = version_arrays.out_of_fold(whole.folder)
    if unseen is None or whole.manifest.rows.benchmark_in_folds:
        disclosure.require_shown(whole)
    classes = whole.manifest.dataset.classes
    if unseen is not None:
        words = f"{len(unseen.labels):,} predictions out of fold, each by the member that was not trained on the image"
        return _table(unseen.digests, unseen.labels, unseen.probabilities, classes), words
    judged = version_arrays.predictions(whole)
    words = f"{len(judged.labels):,} predictions on the benchmark"
    return _table(judged.digests, judged.labels, judged.probabilities, classes), words


def _table(digests: Digests, labels: Labels, probabilities: Probabilities, classes: tuple[str, ...]) -> str:
    names = [cell(name) for name in classes]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    predicted = probabilities.argmax(axis=1).tolist()
    for digest, label, guess, row in zip(digests.tolist(), labels.tolist(), predicted, probabilities, strict=True):
        writer.writerow([digest.hex(), names[label], names[guess], *(f"{value:.7g}" for value in row)])
    return text.getvalue()
