"""What `cnn.test_shifts` brings: the mean over copies of an image moved by a pixel."""

import json
import sys
from typing import Any

from benchmarks import measure
from pipeline.data import sources, splits
from pipeline.judging import scalar_figures
from pipeline.models import registry, shift_averaging
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_family import KerasModel

IMAGES = 5_000
FILE = measure.RAW / "shifts.json"
AUTO = "auto"


def main(seeds: int = 5) -> str:
    """Return the section: test accuracy and log loss with and without the copies, of the same networks.

    What each seed gave is kept in ``raw/shifts.json``; take one out to have it measured again.
    """
    for seed in range(seeds):
        known = _known()
        if str(seed) not in known:
            FILE.write_text(json.dumps(known | {str(seed): _of_seed(seed)}, indent=2) + "\n")
    found = list(_known().values())[:seeds]
    rows = [
        [
            f"`{name}`",
            measure.mean_and_spread([one[name]["accuracy"] for one in found], 100),
            measure.mean_and_spread([one[name]["accuracy"] - one["off"]["accuracy"] for one in found], 100),
            measure.mean_and_spread([one[name]["log_loss"] for one in found], digits=4),
        ]
        for name in (*shift_averaging.SHIFTS, AUTO)
    ]
    became = ", ".join(one[AUTO]["became"] for one in found)
    columns = ["`test_shifts`", "test accuracy, %", "gain, points", "test log loss"]
    return "\n".join(
        [
            "## Shifts at prediction: `cnn.test_shifts`",
            "",
            f"`cnn` on {IMAGES:,} of MNIST's images, a tenth of them for validation; the same {len(found)} networks, "
            "each of other images, answer for MNIST's 10,000 test images with the mean over copies moved by a pixel. "
            f"`auto` became {became}.",
            "",
            measure.table(columns, rows),
        ]
    )


def _known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def _of_seed(seed: int) -> dict[str, dict[str, Any]]:
    data = sources.load("mnist", name="bench-shifts")
    roles = splits.assign_roles(data, None)
    split = splits.plan(data, roles, IMAGES, splits.sizes(data, roles).benchmark, seed)
    recipe = registry.find("cnn")
    model, _ = registry.create(recipe, recipe.defaults, shape=data.shape, n_classes=len(data.classes))
    train, validation, test = split.train, split.validation, split.benchmark
    request = FitRequest(data.at(train), data.labels[train], data.at(validation), data.labels[validation], seed)
    model.fit(request)
    assert isinstance(model, KerasModel)
    images, truth = data.images[test], data.labels[test]
    found: dict[str, dict[str, Any]] = {}
    for name in shift_averaging.SHIFTS:
        whole = KerasModel(data.shape, len(data.classes), None, shift_averaging.averaged(model.network, name))
        answers = whole.predict(images)
        found[name] = {
            "accuracy": float((answers.argmax(axis=1) == truth).mean()),
            "log_loss": scalar_figures.log_loss(answers, truth),
        }
        print(seed, name, found[name], flush=True)
    became = shift_averaging.best(model.network, request)
    return {**found, AUTO: {**found[became], "became": became}}


if __name__ == "__main__":
    section = main(*map(int, sys.argv[1:]))
    (measure.RAW / "shifts.md").write_text(f"{section}\n\n{measure.stamp('shifts')}\n")
    print(section)
