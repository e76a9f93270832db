"""Images on their way through the stages: labelled, unlabelled, and divided by what each row is for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts.arrays import Digests, Labels, Rows, Shape
from pipeline.facts.manifest_facts import PreparationFacts
from pipeline.stored_images import ImageSource, take


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A validated, labelled set of small images, all of one shape.

    Attributes:
        name: The dataset's name, safe as a folder name; production keeps one champion for each.
        source: Where the images came from, in words for a person.
        images: uint8 ``[N, H, W, C]``, in memory or read where they are indexed.
        labels: int64 ``[N]``.
        classes: The class names, in label order.
        digests: One digest per image, ``[N]``.
        sha256: Digest of all images, labels and class names, in their order.
        official_test: Boolean ``[N]``, true where the source itself sets a row aside for testing
            (MNIST's 10,000); ``None`` if the source is one pool.
        origin: What ``--dataset`` takes to read it again: ``mnist``, ``digits``, ``kaggle``, an absolute path, or
            ``name@number`` of a snapshot in ``datasets/``; empty if the images were made in memory.
        selection: How each image came to be chosen, ``[N]`` (``pipeline.data.shards.SELECTIONS``); ``None`` if
            all of them simply arrived.
        preparation: How pictures become pixels; ``None`` if the dataset declares nothing.
        files: The picture file of each image, ``[N]``, below its folder; empty if images have no files of their own.
    """

    name: str
    source: str
    images: ImageSource
    labels: Labels
    classes: tuple[str, ...]
    digests: Digests
    sha256: str
    official_test: NDArray[np.bool_] | None = None
    origin: str = ""
    selection: NDArray[np.str_] | None = None
    preparation: PreparationFacts | None = None
    files: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """Height, width and channels of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def at(self, rows: Rows) -> ImageSource:
        """Return the images of some rows; those too large for a copy in memory are not read yet."""
        return take(self.images, rows)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Roles:
    """The role of every image ever seen in a dataset, by digest; a role is never changed.

    Attributes:
        digests: Sorted unique digests, ``[M]``.
        roles: uint8 ``[M]``: 0 training, 1 validation, 2 benchmark.
    """

    digests: Digests
    roles: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows of a dataset serve as what in one training.

    ``train`` is fitted; ``validation`` serves early stopping and the gate's free screen; ``benchmark``
    judges. ``train_size`` counts train and validation rows. The ``*_sha256`` are digests of the *set*
    of images, so neither names nor order change them. ``screening`` holds every row that validates at any size:
    no model is fitted on them, and a cross-fitted version answers for them out of fold, so the gate compares champion
    and challenger on all of them. ``pool`` holds every row that is fitted at some size. ``benchmark_in_folds``: the
    benchmark's rows are among ``train`` as well, for models that are compared out of fold.
    """

    train: Rows
    validation: Rows
    benchmark: Rows
    seed: int
    train_sha256: str
    validation_sha256: str
    benchmark_sha256: str
    screening: Rows | None = None
    pool: Rows | None = None
    benchmark_in_folds: bool = False

    @property
    def screening_rows(self) -> Rows:
        """The rows of the gate's screen: all that validate, or those of this size where only they are known."""
        return self.validation if self.screening is None else self.screening

    @property
    def train_size(self) -> int:
        """Images handed to the trainer, validation rows included."""
        return len(self.train) + len(self.validation)


@dataclass(frozen=True, eq=False)
class UnlabelledImages:
    """Images to predict.

    Attributes:
        source: Where they came from, in words for a person.
        images: uint8 ``[N, H, W, C]``, in memory or read where they are indexed.
        ids: The id of each image in a submission (Kaggle counts from 1), or its file name.
        stand_in_labels: The truth, known only where benchmark images stand in for a test set.
        numbered: Whether the ids only count the images, since their source names none.
    """

    source: str
    images: ImageSource
    ids: tuple[str, ...]
    stand_in_labels: Labels | None = None
    numbered: bool = False
