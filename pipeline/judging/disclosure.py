"""What is shown of a version whose policy discloses verdicts only: that it was refused, and nothing of the benchmark.

The files on disk hold everything; whatever reads a version to show it gets what is left here.
"""

from dataclasses import replace

from pipeline.contracts import Check, Verdict, Version
from pipeline.errors import DataError
from pipeline.facts.score_facts import Scores
from pipeline.judging import metrics

FREE = frozenset(
    {
        "predictions_usable",
        "onnx_parity",
        "no_training_image",
        "near_copies",
        "same_benchmark",
        "not_the_champion",
        "latency_budget",
        "size_budget",
        "validation_screen",
        "budget_left",
    }
)
"""The names of the checks that show nothing of the benchmark."""
WITHHELD = "withheld"
SENTENCE = (
    'It was refused by what the benchmark showed. The policy discloses verdicts only (disclose = "verdict"), so that '
    "the next challenger cannot be made from these figures."
)


def withholds(verdict: Verdict) -> bool:
    """Return whether the benchmark figures behind a verdict are kept back."""
    return verdict.disclose == "verdict" and verdict.outcome != "pass"


def shown_verdict(verdict: Verdict) -> Verdict:
    """Return what may be shown of a verdict: all of it, or only the checks that read nothing of the benchmark."""
    if not withholds(verdict):
        return verdict
    free = tuple(check for check in verdict.checks if check.name in FREE)
    if len(free) == len(verdict.checks):
        return replace(verdict, comparison=None, lack=None)
    refused = Check(WITHHELD, "the benchmark", verdict.outcome, None, None, SENTENCE)
    return replace(verdict, checks=(*free, refused), explanation=(), comparison=None, lack=None)


def shown_scores(scores: Scores) -> Scores:
    """Return scores without a figure; only how many images there are, and latency and size of the model."""
    return scores.model_copy(update={**dict(metrics.nothing(scores.images)), "robustness": None})


def shown(version: Version) -> Version:
    """Return what may be shown of a version."""
    latest, scores = version.verdict, version.known_scores
    return replace(
        version,
        verdict=shown_verdict(latest),
        earlier=tuple(map(shown_verdict, version.earlier)),
        known_scores=shown_scores(scores) if scores and withholds(latest) else scores,
    )


def withholds_training(version: Version) -> bool:
    """Return whether what was measured while it was trained is kept back, too: its folds hold the benchmark."""
    return withholds(version.verdict) and version.manifest.rows.benchmark_in_folds


def require_shown(version: Version, instead: str = "Name other images with `evaluate --dataset`.") -> None:
    """Refuse to measure a refused version on its benchmark.

    Args:
        version: As it may be shown.
        instead: What can be done, for the error.

    Raises:
        DataError: The policy that refused it discloses verdicts only.
    """
    if withholds(version.verdict):
        raise DataError(
            f'{version.id} was refused under a policy that discloses verdicts only (disclose = "verdict"): nothing '
            f"is measured for it on the benchmark. {instead}"
        )
