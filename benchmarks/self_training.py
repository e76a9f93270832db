"""What a network's own labels for the images to predict are worth: ``python -m benchmarks.self_training``.

On a split of ``benchmarks.score_splits``, some networks are fitted on the 42,000 labelled images. The mean of their
probabilities labels the 28,000 others; the share that it is least sure of is left out. Then as many networks, the
pupils, are fitted on both (pseudo-labels, Lee 2013). Only the scorer reads the true labels. What each network
predicts is kept in ``raw/score/``, so that the same command goes on after a kill.
"""

import argparse
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, score_splits
from pipeline.contracts import Images, Labels, Probabilities
from pipeline.data import kaggle_csv
from pipeline.models import cnn
from pipeline.models.cnn_parameters import CnnParameters
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import prepare_process

PARAMETERS: dict[str, Any] = {"architecture": "deep", "distortion": 1.5}
UNSURE = 0.01
"""Share of the images that pupils are not fitted on."""
RESULTS = measure.RAW / "self_training.jsonl"


@dataclass(frozen=True, eq=False)
class Fitted:
    """What one network predicts of the images asked for, and the processor seconds of its fit."""

    probabilities: Probabilities
    cpu_seconds: float = 0.0


def main() -> None:
    options = argparse.ArgumentParser(description="Score networks and their pupils on a split of all of MNIST.")
    options.add_argument("--split", type=int, default=0)
    options.add_argument("--seeds", type=int, default=3, help="networks, and pupils of their mean")
    given = options.parse_args()
    prepare_process()
    result = measured(given.split, given.seeds)
    with RESULTS.open("a") as lines:
        lines.write(json.dumps(result) + "\n")
    print(json.dumps(result, indent=2))


def measured(split: int, seeds: int) -> dict[str, Any]:
    """Return the scores of the networks, of their pupils, of each mean and of the mean of both."""
    folder = score_splits.split_folder(split)
    part = kaggle_csv.read_labelled(folder / "train.csv").part
    images, labels = np.asarray(part.images), np.asarray(part.labels, np.int64)
    asked, _ = kaggle_csv.read_unlabelled(folder / "test.csv")
    place = folder.parent / folder.name
    teachers = [_fitted(f"{place}-teacher-{seed}.npz", images, labels, asked, 100 + seed) for seed in range(seeds)]
    said = _mean(teachers)
    sure = said.max(axis=1) >= np.quantile(said.max(axis=1), UNSURE)
    images, labels = np.concatenate([images, asked[sure]]), np.concatenate([labels, said.argmax(axis=1)[sure]])
    pupils = [
        _fitted(f"{place}-pupil-{seed}-of-{seeds}.npz", images, labels, asked, 200 + seed) for seed in range(seeds)
    ]

    def score(probabilities: Probabilities) -> float:
        return score_splits.score_labels(probabilities.argmax(axis=1), folder)

    return {
        "split": split,
        "parameters": PARAMETERS,
        "unsure": UNSURE,
        "teachers": [score(one.probabilities) for one in teachers],
        "mean of teachers": score(said),
        "pupils": [score(one.probabilities) for one in pupils],
        "mean of pupils": score(_mean(pupils)),
        "mean of both": score(_mean([Fitted(said), Fitted(_mean(pupils))])),
        "cpu_seconds": round(sum(one.cpu_seconds for one in (*teachers, *pupils)), 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": measure.machine(),
    }


def _mean(fitted: list[Fitted]) -> Probabilities:
    mean: Probabilities = np.stack([one.probabilities for one in fitted]).mean(axis=0, dtype=np.float32)
    return mean


def _fitted(name: str, images: Images, labels: Labels, asked: Images, seed: int) -> Fitted:
    """Return what a network predicts, fitted now unless its file is there."""
    file = Path(name)
    if not file.exists():
        model = cnn.build(images.shape[1:], 10, CnnParameters(**PARAMETERS))
        before = time.process_time()
        model.fit(FitRequest(images, labels, images[:0], labels[:0], seed))
        seconds = time.process_time() - before
        np.savez(file, probabilities=model.predict(asked), cpu_seconds=seconds)
        print(f"{file.stem}: {seconds:,.0f} processor seconds", flush=True)
    with np.load(file) as kept:
        return Fitted(kept["probabilities"], float(kept["cpu_seconds"]))


if __name__ == "__main__":
    main()
