"""What ``--balance`` does for a rare class: MNIST's 4 and 9, 2,000 images of the one and 60 of the other."""

from typing import Any

import numpy as np

from benchmarks import measure
from pipeline.contracts import LabelledImages, Rows, Split
from pipeline.data import class_balance, sources
from pipeline.models import registry
from pipeline.models.fitting import FitRequest

COMMON, RARE = 4, 9
COMMON_IMAGES, RARE_IMAGES, VALIDATION_SHARE = 2_000, 60, 10
RECIPES: tuple[tuple[str, dict[str, Any]], ...] = (("logistic", {}), ("xgboost", {}), ("cnn_baseline", {"epochs": 8}))
PLANS = ("none", "weights", "oversample")


def main(seeds: int = 5) -> str:
    """Return the section: recall of each class and their mean, by recipe and plan, mean and spread over seeds."""
    data = _two_classes()
    lines = [
        "## A rare class: `run --balance`",
        "",
        f"MNIST's {COMMON} ({COMMON_IMAGES:,} images) and {RARE} ({RARE_IMAGES}), a tenth of them for validation, "
        f"judged on MNIST's 1,991 test images of the two. Mean and standard deviation over {seeds} seeds, each with "
        "other images.",
        "",
        f"| recipe | balance | recall of the rare {RARE} | recall of the common {COMMON} | mean of the two |",
        "|---|---|---|---|---|",
    ]
    for name, parameters in RECIPES:
        for plan in PLANS:
            if plan == "weights" and registry.find(name).family not in registry.WEIGHTED:
                continue
            found = np.array([_recalls(data, name, parameters, plan, seed) for seed in range(seeds)])
            columns = [f"{100 * column.mean():.1f} % ± {100 * column.std(ddof=1):.1f}" for column in found.T]
            lines.append(f"| {name} | {plan} | {' | '.join(columns)} |")
    return "\n".join(lines)


def _two_classes() -> LabelledImages:
    return sources.load("mnist", name="bench-balance")


def _recalls(
    data: LabelledImages, name: str, parameters: dict[str, Any], plan: str, seed: int
) -> tuple[float, float, float]:
    split, test = _split(data, seed)
    # The two classes are numbered 0 and 1.
    labels = np.where(data.labels == RARE, 1, 0)
    rows = class_balance.oversampled(data, split) if plan == "oversample" else split.train
    recipe = registry.find(name)
    model, _ = registry.create(recipe, registry.parameters_of(recipe, parameters), shape=data.shape, n_classes=2)
    weights = class_balance.weights(labels[rows]) if plan == "weights" else None
    model.fit(
        FitRequest(
            data.images[rows],
            labels[rows],
            data.images[split.validation],
            labels[split.validation],
            seed,
            train_weights=weights,
        )
    )
    predicted = model.predict(data.images[test]).argmax(axis=1)
    common, rare = (float((predicted[labels[test] == label] == label).mean()) for label in (0, 1))
    return rare, common, (rare + common) / 2


def _split(data: LabelledImages, seed: int) -> tuple[Split, Rows]:
    assert data.official_test is not None
    rng = np.random.default_rng(seed)
    train, validation = [], []
    for label, count in ((COMMON, COMMON_IMAGES), (RARE, RARE_IMAGES)):
        own = rng.permutation(np.flatnonzero((data.labels == label) & ~data.official_test))[:count]
        train.append(own[count // VALIDATION_SHARE :])
        validation.append(own[: count // VALIDATION_SHARE])
    test = np.flatnonzero(np.isin(data.labels, (COMMON, RARE)) & data.official_test)
    split = Split(np.concatenate(train), np.concatenate(validation), test, seed, "", "", "")
    return split, test


if __name__ == "__main__":
    section = main()
    (measure.RAW / "balance.md").write_text(f"{section}\n\n{measure.stamp('balance')}\n")
    print(section)
