"""The application: the champion predicts unlabelled images and writes a submission."""

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.contracts import Deployment, LabelledImages, Probabilities, Split, Submission, UnlabelledImages
from pipeline.errors import DataError
from pipeline.inference import checked_model
from pipeline.inference.checked_model import CheckedModel
from pipeline.store import atomic

HEADER = ("ImageId", "Label")


@dataclass(frozen=True)
class Application:
    """Predicts with what is in production.

    Attributes:
        deployment: The champion.
    """

    deployment: Deployment

    def run(self, images: UnlabelledImages, csv_file: Path, sample_ids: tuple[str, ...] | None = None) -> Submission:
        """Predict every image, write ``ImageId,Label``, and check the file against the sample's form.

        Args:
            images: What to predict.
            csv_file: Where the submission goes; replaced in one step.
            sample_ids: The ids of ``sample_submission.csv``, in order.

        Raises:
            DataError: The images do not fit the model, or their ids are not the sample's.
            StoreError: The champion's files are damaged, or the disk refuses.
        """
        if sample_ids is not None and sample_ids != images.ids:
            raise DataError(
                f"The sample submission asks for {len(sample_ids):,} ids from {sample_ids[0]} to {sample_ids[-1]}, "
                f"but there are {len(images.ids):,} images from {images.ids[0]} to {images.ids[-1]}: "
                "use the test.csv that belongs to the sample."
            )
        labels = self.predict(images).argmax(axis=1)
        classes = self.classes
        atomic.write_bytes(csv_file, submission_content(images.ids, [classes[label] for label in labels]))
        truth = images.stand_in_labels
        return Submission(
            csv=csv_file,
            rows=len(labels),
            version_id=self.deployment.id,
            version_digest=self.deployment.digest,
            source=images.source,
            stand_in=truth is not None,
            accuracy=None if truth is None else float((labels == truth).mean()),
        )

    def predict(self, images: UnlabelledImages) -> Probabilities:
        """Return class probabilities ``[N, K]`` of each image, by the champion.

        Raises:
            StoreError: The champion's files are damaged, or are not those that the history names.
            ModelError: The model cannot be loaded.
            DataError: The images do not fit the model.
        """
        return self._model.predictor.predict(images.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """The champion's class names, in label order."""
        return self._model.facts.dataset.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images the champion takes."""
        return self._model.facts.dataset.shape

    @cached_property
    def _model(self) -> CheckedModel:
        return checked_model.load(self.deployment.folder, self.deployment.digest)


def stand_in(data: LabelledImages, split: Split) -> UnlabelledImages:
    """The benchmark images, where there is no test set to predict."""
    ids = tuple(str(number) for number in range(1, len(split.benchmark) + 1))
    source = f"the {len(ids):,} benchmark images of {data.name}, standing in for a test set"
    return UnlabelledImages(source, data.images[split.benchmark], ids, data.labels[split.benchmark])


def submission_content(ids: tuple[str, ...], labels: list[str]) -> bytes:
    """A submission file in Kaggle's form: ``ImageId,Label`` and a line an image."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(zip(ids, labels, strict=True))
    return text.getvalue().encode()
