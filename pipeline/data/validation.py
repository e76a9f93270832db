"""Check images and labels before anything trains on them."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, LabelledImages, Labels
from pipeline.data import checks, digests
from pipeline.data.notices import Notify, silent
from pipeline.data.preparation import as_facts
from pipeline.data.raw import RawPart, RawSet
from pipeline.errors import DataError
from pipeline.stored_images import ImageSource, blocks


@dataclass(frozen=True)
class Report:
    """A validated dataset in figures.

    Attributes:
        images: Number of images.
        shape: Height, width, channels.
        pixel_type, label_type: As NumPy names them.
        pixel_range: Lowest and highest pixel.
        missing: Missing entries; a dataset with any is refused, so this is 0.
        class_counts: Images by class name.
        duplicates: Images that are a copy of an earlier one.
        conflicting: Images with a copy of a lower label.
        official_test: Images that the source itself sets aside for testing.
        shared: Different images that are both among those and among the others.
    """

    images: int
    shape: tuple[int, int, int]
    pixel_type: str
    label_type: str
    pixel_range: tuple[int, int]
    missing: int
    class_counts: Mapping[str, int]
    duplicates: int
    conflicting: int
    official_test: int
    shared: int


def report(data: LabelledImages) -> Report:
    """Return the shapes, types, ranges, class counts and duplicates of a validated dataset."""
    counts = np.bincount(data.labels, minlength=len(data.classes))
    return Report(
        images=len(data),
        shape=data.shape,
        pixel_type=str(data.images.dtype),
        label_type=str(data.labels.dtype),
        pixel_range=_pixel_range(data.images),
        missing=0,
        class_counts=dict(zip(data.classes, counts.tolist(), strict=True)),
        duplicates=len(data) - len(digests.unique(data.digests)),
        conflicting=int((data.labels != lowest_labels(data)).sum()),
        official_test=int(_official(data).sum()),
        shared=_shared(data),
    )


def _pixel_range(images: ImageSource) -> tuple[int, int]:
    parts = [(int(part.min()), int(part.max())) for part in blocks(images, digests.BLOCK)]
    return min(low for low, _ in parts), max(high for _, high in parts)


def labelled(raw: RawSet, name: str | None = None, notify: Notify = silent, *, to_train: bool = True) -> LabelledImages:
    """Check everything that was read and bring it into the one form that the pipeline works with.

    Args:
        raw: What a reader returned.
        name: Overrides the dataset's name.
        notify: Called with a sentence on each assumption, on identical images with different labels, and on images on
            both sides of a source's own split.
        to_train: Whether models are to be trained on it, which takes images of two classes, and of each in each role.

    Raises:
        DataError: The first thing that is wrong, with file and row.
    """
    parts = [raw.part, raw.test] if raw.test else [raw.part]
    images = _joined([checks.pixels(part.images, part.images_file, part.row_number, notify) for part in parts], parts)
    values = [checks.labels(part, len(raw.classes) if raw.classes else None) for part in parts]
    classes, labels = _classes(np.concatenate(values), raw.classes)
    official = np.repeat([False, True], [len(part) for part in values]) if raw.test else None
    image_digests = digests.image_digests(images)
    sha256 = digests.labelled_digest(image_digests, labels, classes)
    data = LabelledImages(
        slug(name or raw.name),
        raw.source,
        images,
        labels,
        classes,
        image_digests,
        sha256,
        official_test=official,
        origin=raw.origin,
        preparation=as_facts(raw.preparation) if raw.preparation else None,
        files=raw.part.files if raw.test is None else (),
    )
    if to_train:
        _check_classes(data, raw)
    _warn_of_copies(data, notify)
    return data


def slug(name: str) -> str:
    """Return a dataset's name made safe for a folder's name: ``digit-recognizer`` for ``Digit Recognizer``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:64].strip("-") or "data"


def lowest_labels(data: LabelledImages) -> Labels:
    """Return the lowest label that any copy of each image has, int64 ``[N]``; its own, where all copies agree."""
    _, image = np.unique(data.digests, return_inverse=True)
    lowest = np.full(len(data), len(data.classes))
    np.minimum.at(lowest, image, data.labels)
    return lowest[image]


def _joined(images: list[Images], parts: list[RawPart]) -> Images:
    first, last = images[0], images[-1]
    if first.shape[1:] != last.shape[1:]:
        raise DataError(
            f"{parts[-1].images_file} holds images of {last.shape[1:]}, but {parts[0].images_file} of "
            f"{first.shape[1:]}: training and test images must have one shape."
        )
    return np.concatenate(images) if len(images) > 1 else first


def _classes(values: Labels, declared: tuple[str, ...] | None) -> tuple[tuple[str, ...], Labels]:
    if declared:
        return declared, values
    found, indices = np.unique(values, return_inverse=True)
    return tuple(str(value) for value in found), indices.astype(np.int64)


def _check_classes(data: LabelledImages, raw: RawSet) -> None:
    """Each role needs an image of each class: two without, three with a benchmark drawn from the same pool."""
    if len(data.classes) < 2:
        raise DataError(f"{raw.part.labels_file} holds only one class ({data.classes[0]}): two or more are needed.")
    test = _official(data)
    if raw.test is None:
        _check_counts(data, ~test, raw.part, smallest=3)
        return
    _check_counts(data, ~digests.contained(data.digests, data.digests[test]), raw.part, smallest=2)
    _check_counts(data, test, raw.test, smallest=1, start=len(raw.part.labels))


def _check_counts(data: LabelledImages, rows: NDArray[np.bool_], part: RawPart, smallest: int, start: int = 0) -> None:
    labels = lowest_labels(data)
    for label, name in enumerate(data.classes):
        own = np.flatnonzero(rows & (labels == label))
        count = len(digests.unique(data.digests[own]))
        if count < smallest:
            row = f", row {part.row_number(int(own[0]) - start)}" if count else ""
            raise DataError(
                f"{part.labels_file}{row}: class {name} has too few distinct images, {count} where {smallest} "
                f"are needed: add some, or remove the class."
            )


def _warn_of_copies(data: LabelledImages, notify: Notify) -> None:
    torn = np.flatnonzero(data.labels != lowest_labels(data))
    if len(torn):
        notify(
            f"{data.source}: copies of images with a different label: {len(torn)}, the first is image "
            f"{torn[0] + 1}. One of the two labels is wrong; copies share one role, so nothing leaks."
        )
    if both := _shared(data):
        notify(
            f"{data.source}: test images that are also training images: {both}. They are used as benchmark images only."
        )


def _official(data: LabelledImages) -> NDArray[np.bool_]:
    return np.zeros(len(data), bool) if data.official_test is None else data.official_test


def _shared(data: LabelledImages) -> int:
    official = _official(data)
    return digests.overlap(data.digests[official], data.digests[~official])
