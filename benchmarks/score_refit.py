"""Refit the champion of a split on all of its labels, as ``kaggle submit --refit`` does, and write its submission."""

import sys
from pathlib import Path

from benchmarks.score import NAME
from pipeline.application import Application
from pipeline.data import sample_submission
from pipeline.inspection import datasets
from pipeline.orchestration.refitting import RefitRequest, refit
from pipeline.publishing.entry import Entry, load_test_images
from pipeline.store import production, versions
from pipeline.store.home import Home


def main(folder: str, split: str, seeds: str) -> None:
    """Replace ``submission.csv`` in a home folder by that of the refit."""
    home, files = Home(Path(folder)), Path(split)
    champion = production.current(home, NAME)
    if champion is None:
        raise SystemExit("There is no champion to refit.")
    data = datasets.load(home, str(files / "train.csv"), name=NAME, data_dir=None, notify=print)
    sample = sample_submission.read(files / "sample_submission.csv")
    images = load_test_images(Entry(NAME, sample, test_images=files / "test.csv"), data.shape, None, print)
    made = refit(home, RefitRequest(versions.find(home, champion.id), int(seeds), images), data, print)
    Application(made).run(images, home.metric_results / NAME / "submission.csv", sample)


if __name__ == "__main__":
    main(*sys.argv[1:])
