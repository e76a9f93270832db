"""Taking part in a competition: its files, the format of a submission and the metric, settled once and kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.config import Settings
from pipeline.contracts import Shape, UnlabelledImages
from pipeline.data import competition_form, sample_submission, unlabelled
from pipeline.data.preparation import Preparation, default_for
from pipeline.errors import DataError
from pipeline.facts.competition import KNOWN, CompetitionChoices, CompetitionForm, SubmissionForm, option
from pipeline.judging import competition_metrics
from pipeline.judging.competition_metrics import CompetitionMetric
from pipeline.publishing import competition_files
from pipeline.services.calls import Patience
from pipeline.store import competitions, submission_file
from pipeline.store.home import Home
from pipeline.text import plain

Notify = Callable[[str], None]
FETCH = Patience(limit_seconds=1800.0)
"""How long the files of a competition may take to arrive."""


@dataclass(frozen=True)
class Entry:
    """A competition, as far as it matters for submitting to it.

    Attributes:
        competition: Its name in Kaggle's addresses.
        sample: What a submission must look like.
        metric: What it scores by.
        probabilities: Whether it wants probabilities, although its sample has one column.
        form: Where its files have what; ``None`` where only test images of the user's are predicted.
        test_images: The user's own test images; ``None`` takes those of the files.
        given: What the user chose now; ``accepted`` keeps it.
    """

    competition: str
    sample: SubmissionForm
    metric: CompetitionMetric = competition_metrics.METRICS["accuracy"]
    probabilities: bool = False
    form: CompetitionForm | None = None
    test_images: Path | None = None
    given: CompetitionChoices = field(default_factory=CompetitionChoices)

    @property
    def images_in(self) -> Path | None:
        """The file or folder that holds the test images; ``None`` where there are none yet."""
        if self.test_images is not None or self.form is None:
            return self.test_images
        return self.form.test or self.form.folder


def enter(
    home: Home,
    competition: str,
    given: CompetitionChoices,
    notify: Notify,
    *,
    test_images: Path | None = None,
    all_files: bool = True,
    fetch: Patience | None = None,
) -> Entry:
    """Read the form of a competition, and settle what was chosen for it, now or earlier; nothing is kept yet.

    Args:
        home: The home folder.
        competition: Its name in Kaggle's addresses.
        given: What the user chose now.
        notify: Receives every sentence that a person should read.
        test_images: The user's own test images; a sample beside them wins over the competition's.
        all_files: Whether the competition's own images are used; otherwise its sample is enough, and no file is
            needed where that is built in.
        fetch: How long to wait for Kaggle, from where missing files are fetched; ``None`` fetches nothing.

    Raises:
        DataError: There is no sample, or the files have a form that is not known.
        SettingsError: There is no such metric.
        ServiceError: Files are missing, and Kaggle does not provide them.
        StoreError: No competition can have this name, or the record of what was chosen is damaged.
    """
    if given.metric is not None:
        competition_metrics.named(given.metric)
    chosen = competitions.merged(home, competition, given)
    own = None if test_images is None else sample_submission.beside(test_images)
    _require_columns(competition, own)
    form, known = None, _built_in(competition)
    if all_files or (own or known) is None:
        form = _form(home, competition, own, notify, fetch)
    sample = own or (form.sample if form else known)
    if sample is None:
        raise _no_sample(competition, test_images)
    metric = competition_metrics.named(chosen.metric or _suggested(sample, chosen))
    single = len(sample.columns) == 1
    probabilities = single and (metric.of_probabilities or bool(chosen.probabilities))
    return Entry(competition, sample, metric, probabilities, form, test_images, given)


def accepted(home: Home, entered: Entry, classes: Sequence[str], notify: Notify) -> Entry:
    """Check what was chosen against the sample and a model's classes, and keep what was chosen now.

    What was chosen earlier and does not fit is left aside, and a sentence says so; another says that the metric is log
    loss if none was chosen and probabilities are wanted.

    Args:
        home: The home folder.
        entered: The competition.
        classes: The model's class names.
        notify: Receives every sentence that a person should read.

    Raises:
        DataError: The sample's columns and the classes do not belong together, or not with what was chosen now.
        StoreError: The record of what was chosen is damaged, or the disk fails.
    """
    given = entered.given
    chosen = competitions.merged(home, entered.competition, given)
    asked_now = asking_for_probabilities(given)
    if entered.probabilities and len(classes) != 2 and not asked_now:
        entered = _of_labels(entered, chosen, len(classes), notify)
    submission_file.class_columns(entered.sample, classes, entered.probabilities, " and ".join(asked_now))
    if chosen.metric is None and entered.metric.of_probabilities:
        why = (
            "The submission holds probabilities" if entered.probabilities else "The sample has a column for each class"
        )
        notify(f"{why}, so log loss is taken as the metric; --metric names another.")
    competitions.remember(home, entered.competition, given, notify)
    return entered


def asking_for_probabilities(given: CompetitionChoices) -> list[str]:
    """Return the options that ask for probabilities, as they were given."""
    of_probabilities = given.metric is not None and competition_metrics.named(given.metric).of_probabilities
    return [
        *(["--probabilities"] if given.probabilities else []),
        *([f"--metric {given.metric}"] if of_probabilities else []),
    ]


def _of_labels(entered: Entry, chosen: CompetitionChoices, classes: int, notify: Notify) -> Entry:
    kept, metric = "--probabilities", entered.metric
    if metric.of_probabilities:
        kept = kept if chosen.metric is None else f"--metric {metric.name}"
        metric = competition_metrics.METRICS["accuracy"]
    notify(
        f"{kept} was chosen for {entered.competition} earlier, but one column cannot hold the probabilities of "
        f"{classes} classes: labels are predicted, and the metric is {metric.name}. --metric and --no-probabilities "
        "replace what was chosen."
    )
    return replace(entered, metric=metric, probabilities=False)


def scored_by(settings: Settings, home: Home, notify: Notify, *, fetch: bool) -> CompetitionMetric:
    """Return the metric to optimize: the one that settings name, or that of their competition; log loss without both.

    Args:
        settings: Their ``metric`` is kept for the competition, if they name one.
        home: The home folder.
        notify: Receives every sentence that a person should read.
        fetch: Whether the competition's files are needed, too, and fetched if they are missing.

    Raises:
        PipelineError: As ``enter``.
    """
    if settings.competition is None:
        return competition_metrics.named(settings.metric or "log-loss")
    given = CompetitionChoices(shape=settings.shape, metric=settings.metric)
    chosen = competitions.merged(home, settings.competition, given)
    if chosen.metric is not None and not fetch:
        metric = competition_metrics.named(chosen.metric)
    else:
        metric = enter(home, settings.competition, given, notify, fetch=FETCH if fetch else None).metric
    competitions.remember(home, settings.competition, given, notify)
    return metric


def load_test_images(entry: Entry, shape: Shape, preparation: Preparation | None, notify: Notify) -> UnlabelledImages:
    """Read the test images, each with the id that the sample has for it.

    Args:
        entry: The competition.
        shape: Height, width and channels that the model takes.
        preparation: What the model's dataset declares; ``None`` takes the default of the shape.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: They are missing or not usable, or images and sample do not belong together.
    """
    declared = preparation or default_for(shape)
    path = entry.test_images
    if path is None:
        if entry.form is None:
            raise DataError(
                f"The test images of {entry.competition} are missing: get them with `simulator.py kaggle download"
                f"{option(entry.competition)}`, or name your own with --test-images."
            )
        return competition_form.test_images(entry.form, shape, declared, notify)
    return unlabelled.load_asked(path, entry.sample, shape, notify, declared)


def _require_columns(competition: str, own: SubmissionForm | None) -> None:
    known = _built_in(competition)
    if own and known and own.header != known.header:
        raise DataError(
            f"{own.file} has the columns {plain(','.join(own.header))}, but a submission to {competition} has "
            f"{','.join(known.header)}: name the competition that it belongs to with --competition."
        )


def _form(
    home: Home, competition: str, own: SubmissionForm | None, notify: Notify, fetch: Patience | None
) -> CompetitionForm | None:
    if fetch is not None:
        folder: Path | None = competition_files.present(home, competition, fetch, notify)
    else:
        folder = competitions.folder(home, competition)
    if folder is None:
        return None
    return competition_form.of(folder, own) if own else competition_form.read(folder, competition)


def _built_in(competition: str) -> SubmissionForm | None:
    return KNOWN[competition].sample if competition in KNOWN else None


def _no_sample(competition: str, test_images: Path | None) -> DataError:
    beside = f" Or put it next to {test_images}." if test_images else ""
    return DataError(
        f"The sample_submission.csv of {competition} is missing; it says what a submission must look like. Get it "
        f"with `simulator.py kaggle download{option(competition)}`.{beside}"
    )


def _suggested(sample: SubmissionForm, chosen: CompetitionChoices) -> str:
    return "log-loss" if len(sample.columns) > 1 or chosen.probabilities else "accuracy"
