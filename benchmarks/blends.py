"""What a blend brings: nets of different kinds, CNN and boosted trees; and small shifts at prediction."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import measure
from pipeline.contracts import Images, Labels, Probabilities
from pipeline.data import sources, splits
from pipeline.judging import scalar_figures
from pipeline.models import blend_weights, registry
from pipeline.models.fitting import FitRequest

IMAGES = 6_000
RECIPES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {}),
    "cnn, other seed": ("cnn", {}),
    "cnn max": ("cnn", {"effort": "max"}),
    "cnn_batchnorm": ("cnn_batchnorm", {}),
    "xgboost": ("xgboost", {}),
}
BLENDS: tuple[tuple[str, ...], ...] = (
    ("cnn", "cnn, other seed"),
    ("cnn", "cnn max"),
    ("cnn", "cnn_batchnorm"),
    ("cnn", "xgboost"),
    ("cnn_batchnorm", "xgboost"),
    ("cnn", "cnn max", "cnn_batchnorm", "xgboost"),
)
CROSS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
SQUARE = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
VIEWS = {"cnn, mean of 5 shifts": CROSS, "cnn, mean of 9 shifts": SQUARE}

Answers = dict[str, tuple[Probabilities, Probabilities]]


def main(seeds: int = 3) -> str:
    """Return the section: test accuracy of single models, of blends, and of shifts at prediction.

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
         "; ".join(one[name][2] for one in found)]
        for name in found[0]
    ]  # fmt: skip
    return "\n".join(
        [
            "## Blends, and shifts at prediction",
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
                data.images[train],
                data.labels[train],
                data.images[validation],
                data.labels[validation],
                100 * seed + number,
            )
        )
        answers[title] = model.predict(data.images[validation]), model.predict(data.images[test])
        print(seed, title, _scored(answers[title][1], data.labels[test], ""), flush=True)
        if title == "cnn":
            for view, shifts in VIEWS.items():
                parts = [_viewed(model, data.images[rows], shifts) for rows in (validation, test)]
                answers[view] = parts[0], parts[1]
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


def _viewed(model: Any, images: Images, shifts: Sequence[tuple[int, int]]) -> Probabilities:
    found: Probabilities = np.mean([model.predict(_shifted(images, *shift)) for shift in shifts], axis=0)
    return found


def _shifted(images: Images, down: int, right: int) -> Images:
    """The images moved by a pixel, the edge filled with 0."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = images.shape[1:3]
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


if __name__ == "__main__":
    section = main(*map(int, sys.argv[1:]))
    (measure.RAW / "blends.md").write_text(f"{section}\n\n{measure.stamp('blends')}\n")
    print(section)
