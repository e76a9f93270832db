"""Review: labels needed with the least certain images first and in random order; flipped labels found out of fold."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks import measure
from pipeline.contracts import LabelledImages, Rows
from pipeline.data import sources
from pipeline.growing import label_doubts, review_order
from pipeline.growing.quarantine import Opinion
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.reports import figures, style

RECIPE, EFFORT = "cnn", "quick"
POOL = 20_000
SIZES = (100, 200, 300, 450, 675, 1_000, 1_500, 2_250, 3_400, 5_000)
"""Images that are labelled when a model is trained; that model decides which come next."""
ORDERS = ("margin", "random")
TARGETS = (0.98, 0.99)
VALIDATES = 10
AIM = 0.5
FLIPPED_OF, FLIPPED = 10_000, 100
CURVES = measure.RAW / "review_points.jsonl"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "review_order.png"


@dataclass(frozen=True)
class Point:
    """The accuracy on MNIST's test images with so many labels of the pool."""

    seed: int
    order: str
    labels: int
    accuracy: float


Curves = Mapping[str, Mapping[int, Sequence[float]]]
"""Accuracies by order and number of labels, one a seed."""


def main(*, seeds: int, known_only: bool) -> str:
    """Measure, draw the curve, and return the section of ``RESULTS.md``."""
    data = sources.load("mnist", name="bench-review")
    points = _known()
    for seed in range(seeds):
        for order in ORDERS:
            known = {one.labels for one in points if (one.seed, one.order) == (seed, order)}
            if not known_only and not known.issuperset(SIZES):
                points += _curve(data, seed, order)
    curves = _by_order(points)
    PICTURE.write_bytes(_picture(curves))
    return "\n\n".join([_order_section(points, seeds), _doubts_section(data, seeds)])


def _known() -> list[Point]:
    lines = CURVES.read_text().splitlines() if CURVES.exists() else []
    return [Point(**json.loads(line)) for line in lines]


def _curve(data: LabelledImages, seed: int, order: str) -> list[Point]:
    """One review: what is labelled grows, and the model that was trained on it chooses what comes next."""
    assert data.official_test is not None
    rng = np.random.default_rng(seed)
    train, test = np.flatnonzero(~data.official_test), np.flatnonzero(data.official_test)
    left = rng.permutation(train)[:POOL]
    done: Rows = np.empty(0, np.int64)
    points = []
    for labels in SIZES:
        done, left = np.concatenate([done, left[: labels - len(done)]]), left[labels - len(done) :]
        model = _fitted(data, done, seed)
        accuracy = float((model.predict(data.images[test]).argmax(axis=1) == data.labels[test]).mean())
        points.append(Point(seed, order, labels, accuracy))
        print(points[-1], flush=True)
        if order == "margin":
            left = left[np.argsort(_margins(data, model, left), kind="stable")]
    with CURVES.open("a") as lines:
        lines.writelines(f"{json.dumps(asdict(point))}\n" for point in points)
    return points


def _fitted(data: LabelledImages, rows: Rows, seed: int) -> Any:
    recipe = registry.find(RECIPE)
    parameters = registry.parameters_of(recipe, {"effort": EFFORT})
    model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
    validates = np.arange(len(rows)) % VALIDATES == 0
    fitted, held = rows[~validates], rows[validates]
    model.fit(FitRequest(data.images[fitted], data.labels[fitted], data.images[held], data.labels[held], seed))
    return model


def _margins(data: LabelledImages, model: Any, rows: Rows) -> list[float]:
    probabilities = model.predict(data.images[rows])
    return [review_order.margin(None, Opinion.of("model", row, data.classes)) for row in probabilities]


def _by_order(points: Sequence[Point]) -> Curves:
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        found[point.order][point.labels].append(point.accuracy)
    return found


def _order_section(points: Sequence[Point], seeds: int) -> str:
    curves = _by_order(points)
    rows = [
        (f"{labels:,}", *(measure.mean_and_spread(curves[order][labels], 100) for order in ORDERS)) for labels in SIZES
    ]
    needed = [
        (
            f"{target:.0%}",
            *(f"{_needed(curves[order], target):,.0f}" for order in ORDERS),
            *_share(points, target, seeds),
        )
        for target in TARGETS
    ]
    return "\n\n".join(
        [
            "## Review: what to look at first",
            f"`{RECIPE} --effort {EFFORT}` on labels from a pool of {POOL:,} of MNIST's images, accuracy on its 10,000 "
            "test images. The least certain images come first (margin), or any (random); a model is trained at each "
            f"number of labels and orders what is left. {seeds} seeds, each with another pool. Labels needed, "
            "interpolated on the mean curve; the share is by seed, mean and standard deviation, and an order that does "
            f"not reach the accuracy counts as {SIZES[-1]:,}:",
            measure.table(("accuracy", "margin", "random", "margin / random", f"at most {AIM:g}"), needed),
            "Accuracy, %:",
            measure.table(("labels", *ORDERS), rows),
            "![Error against the number of labels, in the two orders](../docs/images/review_order.png)",
        ]
    )


def _share(points: Sequence[Point], target: float, seeds: int) -> tuple[str, str]:
    shares = []
    for seed in range(seeds):
        own = _by_order([point for point in points if point.seed == seed])
        shares.append(_needed(own["margin"], target) / _needed(own["random"], target))
    return measure.mean_and_spread(shares), measure.yes(fmean(shares) <= AIM)


def _needed(curve: Mapping[int, Sequence[float]], target: float) -> float:
    """Labels at which the mean accuracy first reaches the target, on a logarithmic scale between two sizes.

    Where it never does, the largest size: for random order that is too few, so the gain is understated.
    """
    before, lower = min(curve), fmean(curve[min(curve)])
    for size in sorted(curve):
        mean = fmean(curve[size])
        if mean >= target:
            part = 1.0 if mean == lower else (target - lower) / (mean - lower)
            return float(before * (size / before) ** part)
        before, lower = size, mean
    return float(max(curve))


@figures.drawn
def _picture(curves: Curves) -> Any:
    canvas = figures.figure(6.4, 3.8)
    axes = canvas.subplots()
    looks = zip(ORDERS, (style.BLUE, style.ORANGE), ("o", "s"), ("least certain first", "random order"), strict=True)
    for order, colour, marker, name in looks:
        sizes = sorted(curves[order])
        errors = [[1 - accuracy for accuracy in curves[order][size]] for size in sizes]
        axes.fill_between(sizes, [*map(min, errors)], [*map(max, errors)], color=colour, alpha=0.15, linewidth=0)
        axes.plot(sizes, [*map(fmean, errors)], color=colour, marker=marker, label=name)
    axes.set(xscale="log", yscale="log", xlabel="labelled images", title="What a label is worth")
    axes.set_yticks(ticks := [0.01, 0.02, 0.05, 0.1], [figures.percent(tick) for tick in ticks])
    axes.set_xticks(list(SIZES[::2]), [figures.count(size) for size in SIZES[::2]])
    axes.minorticks_off()
    axes.set_ylabel("error on the test images")
    axes.legend()
    return canvas


def _doubts_section(data: LabelledImages, seeds: int) -> str:
    assert data.official_test is not None
    found = [_doubted(data, np.flatnonzero(~data.official_test), seed) for seed in range(seeds)]
    precision, recall = zip(*found, strict=True)
    return "\n\n".join(
        [
            "## Review: flipped labels found without a champion",
            f"{FLIPPED} labels of {FLIPPED_OF:,} of MNIST's training images changed to another class at random, "
            f"{seeds} seeds; doubted is what out-of-fold predictions give less than 1 %.",
            measure.table(
                ("of what is doubted, flipped, %", "of what is flipped, doubted, %"),
                [(measure.mean_and_spread(precision, 100, 1), measure.mean_and_spread(recall, 100, 1))],
            ),
        ]
    )


def _doubted(data: LabelledImages, pool: Rows, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(pool)[:FLIPPED_OF]
    flipped = rng.choice(FLIPPED_OF, FLIPPED, replace=False)
    labels = data.labels[rows].copy()
    labels[flipped] = (labels[flipped] + rng.integers(1, 10, FLIPPED)) % len(data.classes)
    predicted = label_doubts.out_of_fold(data.images[rows], labels, data.digests[rows], len(data.classes))
    assert predicted is not None
    doubted = np.flatnonzero([bool(reason) for reason in label_doubts.reasons(predicted, labels, data.classes)])
    hits = len(np.intersect1d(doubted, flipped))
    return hits / max(len(doubted), 1), hits / FLIPPED
