"""Settings of a run: each declared once, with its type, default, check, help, and how the command line shows it.

``pipeline.toml`` and ``simulator.py run`` follow from the fields of ``Settings``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from pipeline.contracts import BalanceName, EffortName, Shape
from pipeline.errors import SettingsError, shown
from pipeline.facts.competition import name_in
from pipeline.judging import competition_metrics


@dataclass(frozen=True)
class OnCommandLine:
    """What the command line shows of a setting beyond its name, type, default and help.

    Attributes:
        panel: The group of options in ``--help``.
        flag: The option, where it is not the setting's name.
        envvar: An environment variable that also sets it.
        default: What holds unless it is given, where the field's default does not say so.
        repeatable: Whether it may be given more than once.
        alone: What an option without a value means, for one that may have none.
    """

    panel: str | None = None
    flag: str | None = None
    envvar: str | None = None
    default: str | None = None
    repeatable: bool = False
    alone: str | None = None


def shape_of(value: object) -> Shape | None:
    """Return height, width and channels as ``--shape`` gives them: ``H,W`` for grey images, or ``H,W,C``.

    Raises:
        SettingsError: It is no such list.
    """
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value
    words = [str(part).strip() for part in parts] if isinstance(parts, list | tuple) else []
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 6]
    if len(numbers) != len(words) or len(numbers) not in (2, 3) or 0 in numbers or numbers[2:] not in ([], [1], [3]):
        raise SettingsError(
            f"--shape {shown(value)} is not a shape: give HEIGHT,WIDTH for grey images, or HEIGHT,WIDTH,3 for colour."
        )
    height, width, channels = [*numbers, 1][:3]
    return height, width, channels


def _submission(value: object) -> object:
    """``true`` and ``false`` in ``pipeline.toml`` are the champion and nothing."""
    return {True: "champion", False: None}.get(value, value) if isinstance(value, bool) else value


def _competition(value: object) -> object:
    return name_in(value) if isinstance(value, str) else value


def _metric(value: str | None) -> str | None:
    return None if value is None else competition_metrics.named(value).name


_DATA, _WHERE, _AFTERWARDS = (OnCommandLine(panel=panel) for panel in ("Data", "Where", "Afterwards"))


class Settings(BaseModel):
    """What one run does. ``pipeline.toml`` sets the same names under ``[run]``; options win over the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_sizes: tuple[str, ...] = Field(
        ("0.02", "0.2", "all"),
        min_length=1,
        description="Increasing training sizes, separated by commas: numbers of images (validation images included), "
        "fractions of the dataset, or 'all'.",
    )
    test_size: str = Field(
        "all", description="Size of the benchmark: a number of images, a fraction of the dataset, or 'all'."
    )
    models: tuple[str, ...] = Field(
        ("cnn", "xgboost"),
        min_length=1,
        description="Recipes, separated by commas (`models` lists them), or your own as package.module:function.",
    )
    dataset: Annotated[str, _DATA] = Field(
        "auto",
        description="auto (with --competition, its own images), mnist, digits, kaggle, kaggle:NAME, a dataset that "
        "grows (NAME or NAME@SNAPSHOT), or the path of a CSV, an .npz, a folder of IDX files or a folder of images.",
    )
    name: Annotated[str | None, _DATA] = Field(
        None, description="Another name for the dataset; each name has its own champion."
    )
    data_dir: Annotated[Path | None, OnCommandLine(panel="Data", envvar="PIPELINE_DATA")] = Field(
        None, description="Folder with local MNIST files."
    )
    shape: Annotated[tuple[PositiveInt, PositiveInt, PositiveInt] | None, BeforeValidator(shape_of), _DATA] = Field(
        None,
        description="HEIGHT,WIDTH, or HEIGHT,WIDTH,3 for colour: the shape of CSV pixels that are not square grey "
        "images, or the size that pictures are scaled to.",
    )
    test_images: Annotated[Path | None, _DATA] = Field(
        None,
        description="Unlabelled images to predict: Kaggle's test.csv (in the format of a sample_submission.csv next to "
        "it), IDX, .npz or a folder. Without them, the benchmark is predicted, to benchmark_predictions.csv.",
    )
    seed: int = Field(
        0, ge=0, lt=2**31, description="Seed for the choice of rows, the initial weights and augmentation."
    )
    repeats: int = Field(
        1,
        ge=1,
        le=1000,
        description="How many times each recipe is trained on each size, each time on another subset; only the first "
        "is a challenger.",
    )
    folds: Annotated[int | None, OnCommandLine(default="off")] = Field(
        None,
        ge=2,
        le=100,
        description="For few images: train each recipe as this many members, each without its fold of the training and "
        "validation images, and serve their mean.",
    )
    effort: Annotated[EffortName | None, OnCommandLine(default="standard")] = Field(
        None,
        description="quick, standard or max: how much time to spend on accuracy, in recipes that offer the choice.",
    )
    balance: BalanceName = Field(
        "none",
        description="How to compensate for rare classes: none, weights (a rare class's errors count more; not for "
        "every recipe) or oversample (its images are shown more often).",
    )
    overrides: Annotated[dict[str, dict[str, Any]], OnCommandLine(flag="--set", repeatable=True)] = Field(
        default_factory=dict,
        description="A recipe's parameter, as in cnn.epochs=5 (`models NAME` lists them); may be repeated.",
    )
    """By recipe: ``{"cnn": {"epochs": 5}}``; in ``pipeline.toml`` the tables ``[recipe.<name>]``."""
    gate: Annotated[dict[str, Any], OnCommandLine(default="guarded")] = Field(
        default_factory=dict, description="Preset of the gate: guarded, growing, cross-fit, each-test or as-good."
    )
    """The table ``[gate]``; ``pipeline.judging.policy`` checks it."""
    retrain: bool = Field(False, description="Retrain versions that already exist in versions/.")
    jobs: Annotated[int, _WHERE] = Field(
        1, ge=1, le=1024, description="Number of processes that train at the same time on this machine."
    )
    cluster: Annotated[str | None, _WHERE] = Field(
        None,
        description="Train on the Dask cluster with this scheduler, tcp://host:8786; each worker process trains one "
        "model at a time.",
    )
    cluster_images: Annotated[str | None, _WHERE] = Field(
        None,
        min_length=1,
        description="With --cluster: a folder or URL (s3://bucket/images) that this machine writes and every worker "
        "reads, for images too large to be sent through the scheduler.",
    )
    cluster_mib: Annotated[int, _WHERE] = Field(
        512, ge=0, description="With --cluster: maximum MiB of images to send through the scheduler."
    )
    competition: Annotated[
        str | None, BeforeValidator(_competition), OnCommandLine(panel="Kaggle", default="digit-recognizer")
    ] = Field(
        None,
        description="Name of the competition, or its web address: its files are downloaded, its training images "
        "used and its test images predicted.",
    )
    metric: Annotated[str | None, BeforeValidator(_metric), OnCommandLine(panel="Kaggle")] = Field(
        None,
        description="Metric of the competition: accuracy, log-loss, macro-f1 or quadratic-kappa; by default accuracy, "
        "or log-loss if probabilities are submitted.",
    )
    probabilities: Annotated[bool | None, OnCommandLine(panel="Kaggle", default="labels")] = Field(
        None, description="With two classes and one column in the sample: submit the probability of the second class."
    )
    submit: Annotated[
        Literal["champion", "best"] | None,
        BeforeValidator(_submission),
        OnCommandLine(panel="Kaggle", alone="champion"),
    ] = Field(
        None,
        description="Submit to Kaggle: the champion if it changed, or with 'best' the version with the best expected "
        "score that has not been sent yet.",
    )
    refit: Annotated[int | None, OnCommandLine(panel="Kaggle", default="off")] = Field(
        None,
        ge=1,
        le=100,
        description="Predict the test images with the champion's recipe fitted on all labelled images, the benchmark "
        "included, with this many seeds averaged; with --submit, submit that in place of the champion's predictions.",
    )
    track: Annotated[str | None, _AFTERWARDS] = Field(
        None, pattern="^mlflow(:.+)?$", description="Also record the run with MLflow: mlflow or mlflow:URI."
    )

    @model_validator(mode="after")
    def _one_place_to_train(self) -> Self:
        if self.cluster is not None and not self.cluster.strip():
            raise SettingsError(
                "--cluster is empty: give the scheduler's address (tcp://host:8786), or leave it out to train here."
            )
        if self.cluster is not None and self.jobs > 1:
            raise SettingsError(
                "--jobs is for this machine and --cluster for others: give one of them. If pipeline.toml sets jobs, "
                "add --jobs 1; a cluster trains as many models at a time as it has worker processes."
            )
        return self

    @model_validator(mode="after")
    def _folds_of_different_images(self) -> Self:
        if self.folds is not None and self.balance == "oversample":
            raise SettingsError(
                "--balance oversample repeats images, and --folds keeps copies of an image together: use --balance "
                "weights, or leave one of them out."
            )
        return self
