"""What a blend brings: nets of different kinds, CNN and boosted trees."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import measure
from pipeline.contracts import Labels, Probabilities
from pipeline.data import sources, splits
from pipeline.judging import scalar_figures
from pipeline.models import blend_weights, registry
from pipeline.models.fitting import FitRequest

IMAGES = 6_000
RECIPES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {}),
    "cnn, other seed": ("cnn", {}),
    "cnn deep": ("cnn", {"architecture": "deep", "distortion": 1.5}),
    "cnn_batchnorm": ("cnn_batchnorm", {}),
    "xgboost": ("xgboost", {}),
}
BLENDS: tuple[tuple[str, ...], ...] = (
    ("cnn", "cnn, other seed"),
    ("cnn", "cnn deep"),
    ("cnn", "cnn_batchnorm"),
    ("cnn", "xgboost"),
    ("cnn_batchnorm", "xgboost"),
    ("cnn", "cnn deep", "cnn_batchnorm", "xgboost"),
)

Answers = dict[str, tuple[Probabilities, Probabilities]]


def main(seeds: int = 3) -> str:
    """Return the section: test accuracy of single models and of blends.

    What each seed gave is kept in ``raw/blends.json``; take one out to have it measured again.
    """
    file = measure.RAW / "blends.json"
    for seed in range(seeds):
        known = json.loads(file.read_text()) if file.exists() else {}
        if str(seed) not in known:
            file.write_text(json.dumps(known | {str(seed): _of_seed(seed)}, indent=2) + "\n")
    found = list(json.loads(file.read_text()).values())[:seeds]
    rows = [
        [name, *(measure.mean_and_spread([one[name][place] for one in found], scale, 2 if scale == 100 else 4)
                 for place, scale in ((0, 100), (1, 1))),
         "; ".join(filter(None, (one[name][2] for one in found)))]
        for name in found[0]
    ]  # fmt: skip
    return "\n".join(
        [
            "## Blends: `simulator.py blend`",
            "",
            f"{IMAGES:,} of MNIST's images, a tenth of them for validation, on which weights are learned; scored on "
            f"MNIST's 10,000 test images, over {len(found)} seeds, each with other images.",
            "",
            measure.table(["model", "test accuracy, %", "test log loss", "weights"], rows),
        ]
    )


def _of_seed(seed: int) -> dict[str, tuple[float, float, str]]:
    data = sources.load("mnist", name="bench-blends")
    roles = splits.assign_roles(data, None)
    split = splits.plan(data, roles, IMAGES, splits.sizes(data, roles).benchmark, seed)
    train, validation, test = split.train, split.validation, split.benchmark
    answers: Answers = {}
    for number, (title, (name, overrides)) in enumerate(RECIPES.items()):
        recipe = registry.find(name)
        parameters = registry.parameters_of(recipe, overrides)
        model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
        model.fit(
            FitRequest(
                data.at(train), data.labels[train], data.at(validation), data.labels[validation], 100 * seed + number
            )
        )
        answers[title] = model.predict(data.at(validation)), model.predict(data.at(test))
        print(seed, title, _scored(answers[title][1], data.labels[test], ""), flush=True)
    labels = data.labels[test]
    found = {title: _scored(on_test, labels, "") for title, (_, on_test) in answers.items()}
    return found | {
        " + ".join(names): _blended([answers[name] for name in names], data.labels[validation], labels)
        for names in BLENDS
    }


def _blended(members: Sequence[tuple[Probabilities, Probabilities]], known: Labels, truth: Labels) -> Any:
    weights = blend_weights.learned([one for one, _ in members], known)
    mixed = np.sum([weight * one for weight, (_, one) in zip(weights, members, strict=True)], axis=0)
    return _scored(mixed, truth, " / ".join(f"{weight:.2f}" for weight in weights))


def _scored(answers: Probabilities, labels: Labels, weights: str) -> tuple[float, float, str]:
    accuracy = float((answers.argmax(axis=1) == labels).mean())
    return accuracy, scalar_figures.log_loss(answers, labels), weights


if __name__ == "__main__":
    section = main(*map(int, sys.argv[1:]))
    (measure.RAW / "blends.md").write_text(f"{section}\n\n{measure.stamp('blends')}\n")
    print(section)
