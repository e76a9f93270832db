"""What can be known about a submission before it is sent: leaks, the probable score, a shift of the images."""

from dataclasses import dataclass

import numpy as np

from pipeline.contracts import Probabilities, Refit, UnlabelledImages, Version
from pipeline.data import digests
from pipeline.judging import disclosure
from pipeline.judging.competition_metrics import CompetitionMetric
from pipeline.monitoring.shift import Shift, detect_shift
from pipeline.publishing.expected_score import ExpectedScore, expected_score
from pipeline.reports import score_texts
from pipeline.store import version_arrays, versions

PUBLIC_SHARE = 0.25
"""Of the test images: digit-recognizer's public leaderboard is scored on about a quarter, others on a similar part."""


@dataclass(frozen=True)
class Assessment:
    """What was found.

    Attributes:
        leaked: How many different training or validation images are among the test images.
        expected: The probable public score.
        shift: Whether the images look like those that the model was judged on.
        sentences: All of it for a person.
    """

    leaked: int
    expected: ExpectedScore
    shift: Shift
    sentences: tuple[str, ...]


def assess(
    version: Version, test: UnlabelledImages, metric: CompetitionMetric, predicted: Probabilities | None = None
) -> Assessment:
    """Compare the test images with those that the version was trained and judged on.

    Args:
        version: Which version predicts.
        test: The test images.
        metric: What the competition scores by.
        predicted: What the version predicts of them, if that is known.

    Raises:
        StoreError: A file of the version is missing or damaged.
        DataError: The images do not fit the model, or it was refused and its policy discloses no benchmark figures.
    """
    disclosure.require_shown(version, "An expected score would be just that: submit a version that passed.")
    from pipeline.inference.predictor import OnnxPredictor  # onnxruntime: `kaggle status` does without

    if predicted is None:
        predicted = OnnxPredictor(versions.read_verified(version, "model.onnx")).predict(test.images)
    judged = version_arrays.predictions(version)
    benchmark, labels = judged.probabilities, judged.labels
    expected = expected_score(
        benchmark, labels, predicted, metric=metric, scored_fraction=PUBLIC_SHARE, seed=version.manifest.seed
    )
    shift = detect_shift(benchmark, predicted)
    sentences = [_score_sentence(version, expected, metric)]
    if shift.found:
        sentences.append(shift.sentence(version.manifest.dataset.classes, "the expected score"))
    return Assessment(leaked_images(version, test), expected, shift, tuple(sentences))


def leaked_images(version: Version | Refit, test: UnlabelledImages) -> int:
    """Return how many different test images the version was fitted or validated on."""
    seen = version_arrays.training_images(version)
    handed = np.concatenate([seen.train, seen.validation])
    return digests.overlap(digests.image_digests(test.images), handed)


def _score_sentence(version: Version, expected: ExpectedScore, metric: CompetitionMetric) -> str:
    what = "" if metric.name == "accuracy" else f" ({score_texts.inside(metric.name)})"
    inside = score_texts.interval(metric.name, expected.low, expected.high)
    score = score_texts.score(metric.name, expected.score)
    return f"Expected public score of {version.id}{what}: {score} ({inside}, 95 % interval)."
