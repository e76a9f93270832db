"""The application: the champion predicts unlabelled images and writes a submission."""

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.contracts import (
    SUBMISSION_COLUMNS,
    Deployment,
    LabelledImages,
    Probabilities,
    Split,
    Submission,
    UnlabelledImages,
    Version,
)
from pipeline.data.preparation import Preparation, recorded_in
from pipeline.errors import DataError
from pipeline.inference import checked_model
from pipeline.inference.checked_model import CheckedModel
from pipeline.store import atomic
from pipeline.text import cell, plain


@dataclass(frozen=True)
class Application:
    """Predicts with the champion, or with a version that is named.

    Attributes:
        model: What predicts.
    """

    model: Deployment | Version

    def run(self, images: UnlabelledImages, csv_file: Path, sample_ids: tuple[str, ...] | None = None) -> Submission:
        """Predict every image, write ``ImageId,Label``, and check the file against the sample's form.

        Args:
            images: What to predict.
            csv_file: Where the submission goes; replaced in one step.
            sample_ids: The ids of ``sample_submission.csv``, in order.

        Raises:
            DataError: The images do not fit the model, or their ids are not the sample's.
            StoreError: The model's files are damaged, or the disk refuses.
        """
        if sample_ids is not None and sample_ids != images.ids:
            raise DataError(
                f"The sample submission asks for {_range(sample_ids, 'ids')}, but there are "
                f"{_range(images.ids, 'images')}: use the test.csv that belongs to the sample."
            )
        labels = self.predict(images).argmax(axis=1)
        classes = self.classes
        named = [classes[label] for label in labels]
        atomic.write_bytes(csv_file, submission_content(images.ids, named))
        truth, trained_on = images.stand_in_labels, self._model.facts.rows.benchmark_in_folds
        return Submission(
            csv=csv_file,
            rows=len(labels),
            version_id=self.model.id,
            version_digest=self._model.facts.digest,
            source=images.source,
            stand_in=truth is not None,
            accuracy=None if truth is None or trained_on else float((labels == truth).mean()),
            escaped=tuple(dict.fromkeys(text for text in (*images.ids, *named) if cell(text) != text)),
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


def submission_content(ids: tuple[str, ...], labels: list[str]) -> bytes:
    """Return a submission file in Kaggle's form: ``ImageId,Label`` and a line for each image.

    An id or label that a spreadsheet would evaluate gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUBMISSION_COLUMNS)
    writer.writerows((cell(name), cell(label)) for name, label in zip(ids, labels, strict=True))
    return text.getvalue().encode()


def escape_notice(submission: Submission) -> str | None:
    """Return what a reader of the file must know of escaped values; ``None`` if there are none."""
    if not submission.escaped:
        return None
    names = plain(", ".join(submission.escaped[:5])) + (" …" if len(submission.escaped) > 5 else "")
    return (
        f"In {submission.csv}, values that a spreadsheet would run as a formula start with an apostrophe: {names}. "
        "Rename these classes or files to get them unchanged."
    )


def _range(ids: tuple[str, ...], what: str) -> str:
    return f"{len(ids):,} {what} from {plain(ids[0], 60)} to {plain(ids[-1], 60)}"
