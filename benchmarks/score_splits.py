"""Random splits of all of MNIST in the form of a Kaggle competition: ``python -m benchmarks.score_splits``.

A split is a folder with ``train.csv`` (42,000 images with labels), ``test.csv`` (28,000 without) and
``sample_submission.csv``. The labels of the test images are kept in another folder, which only ``score`` reads.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks import measure
from pipeline.contracts import Images, Labels
from pipeline.data import sources
from pipeline.store import atomic

LABELLED = 42_000
FOLDER = measure.RAW / "score"
SOLUTIONS = "solutions"
WRITTEN = "sample_submission.csv"
"""The file of a split that is written last."""


def split_folder(seed: int, folder: Path = FOLDER) -> Path:
    """Return the folder of a split, written now unless it is there; equal seeds give equal files."""
    split = folder / f"split-{seed}"
    if not (split / WRITTEN).exists():
        data = sources.load("mnist", name="bench-score")
        order = np.random.default_rng(seed).permutation(len(data))
        known, asked = order[:LABELLED], order[LABELLED:]
        (folder / SOLUTIONS).mkdir(parents=True, exist_ok=True)
        split.mkdir(exist_ok=True)
        _write_submission(_solution(split), data.labels[asked])
        _write_pixels(split / "train.csv", data.images[known], data.labels[known])
        _write_pixels(split / "test.csv", data.images[asked], None)
        _write_submission(split / WRITTEN, np.zeros(len(asked), np.int64))
    return split


def score(submission: Path, split: Path) -> float:
    """Return the share of right labels in a submission.

    Raises:
        ValueError: It has other ids than those of the split, in their order.
    """
    given = _read(submission)
    if not np.array_equal(given[:, 0], _read(_solution(split))[:, 0]):
        raise ValueError(f"{submission} has not the ids of {split}.")
    return score_labels(given[:, 1], split)


def score_labels(labels: Labels, split: Path) -> float:
    """Return the share of right labels: the only place where the labels of test images are read."""
    return float((labels == _read(_solution(split))[:, 1]).mean())


def _read(submission: Path) -> Labels:
    return np.loadtxt(submission, np.int64, delimiter=",", skiprows=1)


def _solution(split: Path) -> Path:
    return split.parent / SOLUTIONS / f"{split.name}.csv"


def _write_pixels(path: Path, images: Images, labels: Labels | None) -> None:
    flat = images.reshape(len(images), -1)
    names = [f"pixel{number}" for number in range(flat.shape[1])]
    columns = flat if labels is None else np.column_stack([labels.astype(np.uint8), flat])
    header = ",".join(names if labels is None else ["label", *names])
    rows = (",".join(map(str, row)) for row in columns.tolist())
    atomic.write_text(path, "\n".join([header, *rows]) + "\n")


def _write_submission(path: Path, labels: Labels) -> None:
    rows = (f"{number},{label}" for number, label in enumerate(labels.tolist(), 1))
    atomic.write_text(path, "\n".join(["ImageId,Label", *rows]) + "\n")


if __name__ == "__main__":
    for wanted in map(int, sys.argv[1:] or (0, 1, 2)):
        print(split_folder(wanted))
