"""What the pipeline adds to fitting and predicting, what a judgement costs, and how fast a test set is submitted."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import measure
from pipeline.data import sources
from pipeline.store import production, versions
from pipeline.store.home import Home

ROOT = Path(__file__).parents[1]
TEST_ROWS = 28_000
REPEATS = 5

TIMED_RUN = """
import json, sys, time
from pipeline.inference.predictor import OnnxPredictor
spent, real = [0.0], OnnxPredictor.predict
def timed(self, images):
    start = time.perf_counter()
    try:
        return real(self, images)
    finally:
        spent[0] += time.perf_counter() - start
OnnxPredictor.predict = timed
from pipeline.cli import app
sys.argv = ["simulator.py", *sys.argv[1:]]
try:
    app()
finally:
    print(json.dumps(spent[0]), file=sys.stderr)
"""

TIMED_JUDGEMENTS = """
import json, sys, time
from pipeline.watcher import Watcher
spent, real = [], Watcher.run
def timed(self, *asked):
    start = time.process_time()
    try:
        return real(self, *asked)
    finally:
        spent.append(time.process_time() - start)
Watcher.run = timed
from pipeline.cli import app
sys.argv = ["simulator.py", *sys.argv[1:]]
try:
    app()
finally:
    print(json.dumps(spent), file=sys.stderr)
"""
JUDGED_SIZES = "1000,2000,3000,4000,5000,6000"

NATIVE = """
import csv, sys
import keras
from pathlib import Path
from pipeline.data import unlabelled
model = keras.models.load_model(sys.argv[1])
images = unlabelled.load(Path(sys.argv[2]), (28, 28, 1))
labels = model.predict(images.images, batch_size=128, verbose=0).argmax(axis=1)
with open(sys.argv[3], "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\\n")
    writer.writerow(("ImageId", "Label"))
    writer.writerows(zip(images.ids, labels))
"""


def main() -> str:
    """Measure all three and return the section of ``RESULTS.md``."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        share = _pipeline_share(home)
        ours, native, same = _cold_start(home, Path(folder))
        judged = _judgements(Home(Path(folder) / "judged"))
    ratios = [slow / fast for slow, fast in zip(native, ours, strict=True)]
    rows = [
        (
            "pipeline time of a full-MNIST run of `cnn` that is neither fitting nor predicting",
            "at most 4 %",
            f"{share:.1%}",
            measure.yes(share <= 0.04),
        ),
        (
            "judging a `cnn` on 10,000 images, corrupted copies and latency included, processor seconds, warm",
            "below 3",
            measure.mean_and_spread(judged),
            measure.yes(statistics.fmean(judged) < 3),
        ),
        (
            "28,000-row `test.csv` to `submission.csv`, cold start, seconds",
            "at most 1",
            measure.mean_and_spread(ours),
            measure.yes(statistics.fmean(ours) <= 1),
        ),
        ("the same with the native Keras model, seconds", "", measure.mean_and_spread(native), ""),
        (
            "ratio, pair by pair",
            "at least 2.5",
            measure.mean_and_spread(ratios),
            measure.yes(statistics.fmean(ratios) >= 2.5),
        ),
        ("labels that differ between the two", "0", str(same), measure.yes(same == 0)),
    ]
    return "## Overhead\n\n" + measure.table(("what", "target", "measured", "reached"), rows)


def _pipeline_share(home: Home) -> float:
    command = ["run", "--dataset", "mnist", "--train-sizes", "all", "--models", "cnn", "--home", str(home.root)]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", TIMED_RUN, *command], cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True
    )
    total = time.perf_counter() - started
    predicting: float = json.loads(done.stderr.splitlines()[-1])
    fitting: float = versions.list_versions(home)[-1].manifest.timings.fit_seconds
    return (total - fitting - predicting) / total


def _judgements(home: Home) -> list[float]:
    """Processor seconds of each judgement but the first, which loads what the others use."""
    command = ["run", "--dataset", "mnist", "--train-sizes", JUDGED_SIZES, "--test-size", "10000", "--models", "cnn"]
    done = subprocess.run(
        [sys.executable, "-c", TIMED_JUDGEMENTS, *command, "--effort", "quick", "--home", str(home.root)],
        cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    seconds: list[float] = json.loads(done.stderr.splitlines()[-1])
    return seconds[1:]


def _cold_start(home: Home, folder: Path) -> tuple[list[float], list[float], int]:
    test, ours_csv, native_csv = folder / "test.csv", folder / "ours.csv", folder / "native.csv"
    images = sources.load("mnist").images[:TEST_ROWS].reshape(TEST_ROWS, -1)
    header = ",".join(f"pixel{number}" for number in range(images.shape[1]))
    np.savetxt(test, images, fmt="%d", delimiter=",", header=header, comments="")
    champion = production.current(home, "mnist")
    if champion is None:
        raise SystemExit("The run of `cnn` was not promoted, so there is nothing to predict with.")
    native = str(champion.folder / "native" / "model.keras")
    predict = ["simulator.py", "predict", str(test), "--output", str(ours_csv), "--home", str(home.root)]
    ours_times, native_times = [], []
    for _ in range(REPEATS):
        ours_times.append(_seconds([sys.executable, *predict]))
        native_times.append(_seconds([sys.executable, "-c", NATIVE, native, str(test), str(native_csv)]))
    differing = sum(a != b for a, b in zip(ours_csv.open(), native_csv.open(), strict=True))
    print(f"medians: ours {statistics.median(ours_times):.2f} s, native {statistics.median(native_times):.2f} s")
    return ours_times, native_times, differing


def _seconds(command: list[str]) -> float:
    # As for a user, whose first start leaves the bytecode for the others.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=variables, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(main())
