"""What a run predicts at the end: test images that the user or a competition has, or else the benchmark."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.contracts import LabelledImages, UnlabelledImages
from pipeline.data import sample_submission, unlabelled
from pipeline.data.notices import Notify
from pipeline.data.preparation import from_facts
from pipeline.facts.competition import CompetitionChoices, SubmissionForm
from pipeline.orchestration.session import Row
from pipeline.publishing import entry
from pipeline.publishing.entry import Entry
from pipeline.store import submission_file
from pipeline.store.home import Home


@dataclass(frozen=True, eq=False)
class Asked:
    """What is predicted, and in which format.

    Attributes:
        images: The images.
        file: The file or folder they are in; ``None`` for the benchmark.
        sample: What a submission must look like; ``None`` writes Digit Recognizer's form.
        probabilities: Whether probabilities are wanted although the sample has one column.
    """

    images: UnlabelledImages
    file: Path | None = None
    sample: SubmissionForm | None = None
    probabilities: bool = False

    def csv(self, home: Home, dataset: str) -> Path:
        """Return where the predictions of a dataset's champion go."""
        name = "submission.csv" if self.images.stand_in_labels is None else "benchmark_predictions.csv"
        return home.metric_results / dataset / name

    def command(self, home: Home, dataset: str, rows: Iterable[Row]) -> str | None:
        """Return the command that writes the same file without a champion, with a run's most accurate version.

        ``None`` where there are no test images, or the run has no version.
        """
        judged = [(row.accuracy or 0.0, row.version.id) for row in rows if row.version]
        if self.file is None or not judged:
            return None
        words = ["simulator.py predict", shlex.quote(str(self.file)), "--version", max(judged)[1]]
        if self.sample and self.sample.file and sample_submission.beside(self.file) != self.sample:
            words += ["--sample", shlex.quote(str(self.sample.file))]
        if self.probabilities:
            words.append("--probabilities")
        return " ".join([*words, "-o", shlex.quote(str(self.csv(home, dataset)))])


def asked_by(settings: Settings, competition: Entry | None, data: LabelledImages, notify: Notify) -> Asked | None:
    """Return what a run is to predict; ``None`` where neither a competition nor test images are named.

    Raises:
        DataError: The images cannot be read, or do not fit the sample submission.
    """
    declared = from_facts(data.preparation) if data.preparation else None
    if competition is not None:
        images = entry.load_test_images(competition, data.shape, declared, notify)
        return Asked(images, competition.images_in, competition.sample, competition.probabilities)
    if settings.metric is not None:
        notify(
            f"Without a competition, --metric {settings.metric} affects neither training nor the gate: `tune` and "
            "`blend` optimize it, and --competition NAME gives the expected score by it."
        )
    if settings.test_images is None:
        return None
    sample = sample_submission.beside(settings.test_images)
    given = CompetitionChoices(metric=settings.metric, probabilities=settings.probabilities)
    asking = entry.asking_for_probabilities(given) if sample else []
    if sample is not None:
        submission_file.class_columns(sample, data.classes, bool(asking), " and ".join(asking))
    images = unlabelled.load_asked(settings.test_images, sample, data.shape, notify, declared)
    return Asked(images, settings.test_images, sample, bool(asking))
