"""What ``tune`` gains over a recipe's defaults with 6,000 images of MNIST, beside random search with the same time."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure
from pipeline.contracts import LabelledImages, Split
from pipeline.data import sources, splits
from pipeline.facts.tuning_facts import SamplerName, Study
from pipeline.models import registry, search_space
from pipeline.models.fitting import FitRequest
from pipeline.store.home import Home
from pipeline.tuning.searching import Limits, best, search
from pipeline.tuning.trials import trial_images

IMAGES = 6_000
RECIPES = ("xgboost_2018", "mlp", "xgboost", "cnn")
DEFAULTS = "defaults"
HOW = (DEFAULTS, "tpe", "random")
FILE = measure.RAW / "tuning.json"
MOST_TRIALS = 1_000
FIT_SEEDS = 3


def main(search_seconds: float = 240.0, recipes: Sequence[str] = RECIPES) -> str:
    """Return the section: accuracy on MNIST's test set of the defaults and of what each search found.

    Every result is kept in ``raw/tuning.json`` as it comes; take one out to have it measured again.
    """
    for name in recipes:
        for how in HOW:
            if how not in _known().get(name, {}):
                _keep(name, how, _measured(name, how, search_seconds))
    known = _known()
    rows = [[f"`{name}`", *(known[name].get(how, "") for how in HOW)] for name in RECIPES if name in known]
    return "\n".join(
        [
            "## Tuning: `simulator.py tune`",
            "",
            f"{IMAGES:,} of MNIST's images, a tenth of them for validation, on which trials are compared; "
            f"{search_seconds:g} s a search on one thread, one search each, on cores shared with other work. Accuracy "
            f"on MNIST's 10,000 test images, %, of fits with {FIT_SEEDS} seeds; in brackets the number of trials, the "
            "defaults among them. An empty cell was not measured.",
            "",
            measure.table(["recipe", *HOW], rows),
        ]
    )


def _known() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def _keep(name: str, how: str, result: str) -> None:
    print(name, how, result, flush=True)
    known = _known()
    FILE.write_text(json.dumps({**known, name: {**known.get(name, {}), how: result}}, indent=2) + "\n")


def _measured(name: str, how: str, seconds: float) -> str:
    data = sources.load("mnist", name="bench-tuning")
    roles = splits.assign_roles(data, None)
    split = splits.plan(data, roles, IMAGES, splits.sizes(data, roles).benchmark, 0)
    if how == DEFAULTS:
        return _accuracy(data, split, name, registry.find(name).defaults)
    study = _study(data, split, name, "random" if how == "random" else "tpe")
    with tempfile.TemporaryDirectory(prefix="bench-tuning-") as folder:
        images = trial_images(data, split)
        trials = search(Home(Path(folder)), study, images, Limits(MOST_TRIALS, seconds), lambda *_: None)
    found = best(trials, study)
    if found is None:
        return "no trial ended in time"
    pruned = sum(trial.outcome == "pruned" for trial in trials)
    print(name, how, found.parameters, flush=True)
    return f"{_accuracy(data, split, name, found.parameters)} [{len(trials)} trials, {pruned} ended early]"


def _study(data: LabelledImages, split: Split, name: str, sampler: SamplerName) -> Study:
    return Study(
        format=1,
        dataset=data.name,
        recipe=name,
        fixed={},
        space=search_space.space(name, registry.find(name).parameters),
        sampler=sampler,
        seed=0,
        train_sha256=split.train_sha256,
        validation_sha256=split.validation_sha256,
        judging_sha256=split.validation_sha256,
    )


def _accuracy(data: LabelledImages, split: Split, name: str, parameters: Mapping[str, Any]) -> str:
    found = []
    for seed in range(FIT_SEEDS):
        model, _ = registry.create(registry.find(name), parameters, shape=data.shape, n_classes=len(data.classes))
        train, validation = split.train, split.validation
        model.fit(FitRequest(data.at(train), data.labels[train], data.at(validation), data.labels[validation], seed))
        predicted = model.predict(data.images[split.benchmark]).argmax(axis=1)
        found.append(float(np.mean(predicted == data.labels[split.benchmark])))
    return measure.mean_and_spread(found, 100)


if __name__ == "__main__":
    section = main(recipes=sys.argv[1:] or RECIPES)
    (measure.RAW / "tuning.md").write_text(f"{section}\n\n{measure.stamp('tuning')}\n")
    print(section)
