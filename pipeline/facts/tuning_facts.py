"""What is recorded of a search for parameters: the study, and each of its trials."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.facts.base import Facts, Sha256

SamplerName = Literal["tpe", "random"]
Outcome = Literal["complete", "pruned", "failed"]


class NumberRange(Facts):
    """The values of a numeric parameter that are searched, both bounds included.

    Attributes:
        kind: Whole numbers, or any.
        low, high: The bounds.
        log: Whether equal ratios, not equal differences, are equally likely.
    """

    kind: Literal["integer", "number"]
    low: float
    high: float
    log: bool = False


class Choice(Facts):
    """The values of a parameter that takes one of a few."""

    kind: Literal["choice"]
    values: tuple[str | int | float | bool, ...]


SearchedValues = Annotated[NumberRange | Choice, Field(discriminator="kind")]


class Study(Facts):
    """What a search is about: the first line of its file. Equal studies continue one another.

    Attributes:
        format: 1.
        dataset, recipe: Names.
        fixed: Parameters that are given and not searched.
        space: What is searched, by parameter.
        sampler: Who proposes: Optuna's tree-structured Parzen estimator, or chance.
        seed: Of proposals, rows, weights and augmentation.
        train_sha256, validation_sha256, judging_sha256: Digests of the sets of images that are fitted, that serve
            early stopping, and on which trials are compared.
        metric: What the best trial is best at: a name of ``pipeline.judging.competition_metrics``.
        source_sha256: Digest of the source of a user's own recipe; ``None`` for the others.
    """

    format: Literal[1]
    dataset: str
    recipe: str
    fixed: dict[str, Any]
    space: dict[str, SearchedValues]
    sampler: SamplerName
    seed: NonNegativeInt
    train_sha256: str
    validation_sha256: str
    judging_sha256: str
    metric: str = "log-loss"
    source_sha256: Sha256 | None = None


class Trial(Facts):
    """One training of a search.

    Attributes:
        number: Counted from 0; the first one has the recipe's defaults.
        parameters: Every parameter of the recipe.
        outcome: ``pruned`` if it was ended early since others were better at that point, ``failed`` if it could not
            be trained.
        score: The study's metric on the validation images; ``None`` unless it is complete.
        log_loss, accuracy: On the same images.
        seconds: Wall-clock seconds.
        seen: Its validation loss after each tenth of its training: ``(tenth, loss)``.
        reason: Why it failed.
    """

    number: NonNegativeInt
    parameters: dict[str, Any]
    outcome: Outcome
    score: float | None = None
    log_loss: float | None = None
    accuracy: float | None = None
    seconds: float
    seen: tuple[tuple[PositiveInt, float], ...] = ()
    reason: str = ""


class Tuned(Facts):
    """That a version's parameters were found by a search.

    Attributes:
        trials: How many there were when the version was trained, those that were pruned or failed included.
        study: Digest of the study.
    """

    trials: PositiveInt
    study: Sha256
