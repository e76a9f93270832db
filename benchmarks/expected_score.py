"""Expected scores by every competition metric: how often the interval holds the public score, and how wide it is."""

import warnings

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure
from pipeline.contracts import Labels, Probabilities
from pipeline.data import sources
from pipeline.judging.competition_metrics import METRICS, CompetitionMetric
from pipeline.publishing.expected_score import expected_score

DIVISIONS = 40
FEW, FITTED, TEST = 4_000, 20_000, 28_000
BENCHMARKS = 200, 8_400
PUBLIC = 0.25
"""Share of the test images that a leaderboard scores."""


def main(divisions: int = DIVISIONS) -> str:
    """Measure; returns a section of the results."""
    data = sources.load("mnist")
    order = np.random.default_rng(0).permutation(len(data))
    flat = data.images[:].reshape(len(data), -1).astype(np.float32) / 255
    fitted, others = order[:FITTED], order[FITTED:]
    rows = []
    for name, probabilities in _answers(flat[fitted], data.labels[fitted], flat[others]).items():
        for metric in METRICS.values():
            for images in BENCHMARKS:
                measured = _measured(metric, probabilities, data.labels[others], images, divisions)
                rows.append((name, metric.name, f"{images:,}", *measured))
    columns = (
        "model",
        "metric",
        "benchmark",
        "public score",
        "within the interval",
        "width",
        "mean error",
        "mean difference",
    )
    return (
        "## Expected scores of competitions\n\n"
        f"MNIST's 70,000 images: {FEW:,} fitted, by the larger network {FITTED:,}, then {divisions} random divisions "
        f"of the rest: a benchmark to judge on, {TEST:,} to predict, of which {TEST * PUBLIC:,.0f} are scored. 95 % "
        "intervals.\n\n"
        f"{measure.table(columns, rows)}"
    )


def _answers(images: NDArray, labels: Labels, others: NDArray) -> dict[str, Probabilities]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = {
            "logistic": LogisticRegression(C=0.1, max_iter=60).fit(images[:FEW], labels[:FEW]),
            "network": MLPClassifier((48,), max_iter=15, random_state=0).fit(images[:FEW], labels[:FEW]),
            "larger network": MLPClassifier((128,), max_iter=15, random_state=0).fit(images, labels),
        }
    return {name: model.predict_proba(others).astype(np.float32) for name, model in models.items()}


def _measured(
    metric: CompetitionMetric, answers: Probabilities, labels: Labels, images: int, divisions: int
) -> tuple[str, ...]:
    rng = np.random.default_rng(1)
    public, inside, widths, errors = [], [], [], []
    for seed in range(divisions):
        order = rng.permutation(len(labels))
        benchmark, test = order[:images], order[images : images + TEST]
        scored = test[: round(PUBLIC * TEST)]
        found = expected_score(
            answers[benchmark],
            labels[benchmark],
            answers[test],
            metric=metric,
            scored_fraction=PUBLIC,
            seed=seed,
        )
        public.append(metric.measure(answers[scored], labels[scored], None))
        inside.append(found.low <= public[-1] <= found.high)
        widths.append(found.high - found.low)
        errors.append(public[-1] - found.score)
    return (
        measure.mean_and_spread(public, digits=4),
        f"{sum(inside)} of {divisions}",
        f"{np.mean(widths):.4f}",
        f"{np.mean(np.abs(errors)):.4f}",
        f"{np.mean(errors):+.4f}",
    )


if __name__ == "__main__":
    print(main())
