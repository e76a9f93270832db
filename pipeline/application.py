"""The application: the champion predicts unlabelled images and writes a submission."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.contracts import (
    Deployment,
    LabelledImages,
    Probabilities,
    Refit,
    Split,
    Submission,
    UnlabelledImages,
    Version,
)
from pipeline.data import sample_submission
from pipeline.data.preparation import Preparation, recorded_in
from pipeline.facts.competition import SubmissionForm, numbered_form
from pipeline.inference import checked_model
from pipeline.inference.checked_model import CheckedModel
from pipeline.store import submission_file
from pipeline.text import cell, plain


@dataclass(frozen=True)
class Application:
    """Predicts with the champion, with a version that is named, or with a refit of one.

    Attributes:
        model: What predicts.
    """

    model: Deployment | Version | Refit

    def run(
        self,
        images: UnlabelledImages,
        csv_file: Path,
        sample: SubmissionForm | None = None,
        *,
        probabilities: bool = False,
        predicted: Probabilities | None = None,
    ) -> Submission:
        """Predict every image and write a submission in the form of the competition's sample.

        Args:
            images: What to predict.
            csv_file: Where the submission goes; replaced in one step.
            sample: Columns and ids, in the order in which they are written; ``None`` writes ``ImageId,Label`` and the
                images in their own order.
            probabilities: Write probabilities: without a sample a column for each class, and with a sample of one
                column that of the second of two classes.
            predicted: What ``predict`` returned for the images, if it was called before.

        Raises:
            DataError: The images do not fit the model, or their ids or the classes are not the sample's.
            StoreError: The model's files are damaged, or the disk fails.
        """
        form = sample or numbered_form(images.ids, self.classes if probabilities else ("Label",))
        known = images if sample is None else sample_submission.identified(images, form)
        asked = submission_file.class_columns(form, self.classes, probabilities)  # before the long work
        predicted = self.predict(images) if predicted is None else predicted
        place = {name: row for row, name in enumerate(known.ids)}
        # Without a sample, the names of several pictures may be the same.
        rows = list(range(len(known.ids))) if sample is None else [place[name] for name in form.ids]
        submission_file.write(csv_file, form, predicted[rows], self.classes, probabilities)
        labels = predicted.argmax(axis=1)
        truth, trained_on = images.stand_in_labels, self._model.facts.rows.benchmark_in_folds
        named = [self.classes[label] for label in labels] if asked is None else []
        return Submission(
            csv=csv_file,
            rows=len(labels),
            version_id=self.model.id,
            version_digest=self._model.facts.digest,
            source=images.source,
            stand_in=truth is not None,
            accuracy=None if truth is None or trained_on else float((labels == truth).mean()),
            escaped=tuple(dict.fromkeys(text for text in (*form.header, *form.ids, *named) if cell(text) != text)),
            refit=self.model.seeds if isinstance(self.model, Refit) else None,
            sample=form.file,
        )

    def predict(self, images: UnlabelledImages) -> Probabilities:
        """Return class probabilities ``[N, K]`` of each image, by the model.

        Raises:
            StoreError: The model's files are damaged, or are not those that the history names.
            ModelError: The model cannot be loaded.
            DataError: The images do not fit the model.
        """
        return self._model.predictor.predict(images.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """The model's class names, in label order."""
        return self._model.facts.dataset.classes

    @property
    def preparation(self) -> Preparation:
        """How pictures become the images that the model takes."""
        return recorded_in(self._model.facts.dataset)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images the model takes."""
        return self._model.facts.dataset.shape

    @cached_property
    def _model(self) -> CheckedModel:
        model = self.model
        digest = model.manifest.digest if isinstance(model, Version) else model.digest
        return checked_model.load(model.folder, digest)


def stand_in(data: LabelledImages, split: Split) -> UnlabelledImages:
    """Return the benchmark images, where there is no test set to predict."""
    ids = tuple(str(number) for number in range(1, len(split.benchmark) + 1))
    source = f"the {len(ids):,} benchmark images of {data.name}, used in place of a test set"
    return UnlabelledImages(source, data.at(split.benchmark), ids, data.labels[split.benchmark])


def escape_notice(submission: Submission) -> str | None:
    """Return what a reader of the file must know of escaped values; ``None`` if there are none."""
    if not submission.escaped:
        return None
    names = plain(", ".join(submission.escaped[:5])) + (" …" if len(submission.escaped) > 5 else "")
    return (
        f"In {submission.csv}, values that a spreadsheet would run as a formula start with an apostrophe: {names}. "
        "Rename these classes or files to get them unchanged."
    )
