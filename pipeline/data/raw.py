"""What a reader returns: images and labels as they are in a file, and how to name a row of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.data.preparation import Preparation

RowNumber = Callable[[int], int]
"""Maps the index of an image to the row number that a person would count in the file."""


def from_one(index: int) -> int:
    """Count rows as a person does: the first is 1."""
    return index + 1


@dataclass(frozen=True, eq=False)
class RawPart:
    """One part of a source: all of it, or its training or its test part.

    Attributes:
        images_file: For messages: where the images were read.
        labels_file: For messages: where the labels were read.
        images: Any numeric type, ``[N, H, W]`` or ``[N, H, W, C]``.
        labels: Any numeric type, ``[N]`` or ``[N, 1]``.
        row_number: The number a person gives to a row; in a CSV, its line.
        files: The picture of each row, relative to the source's folder; empty if rows have none.
    """

    images_file: str
    labels_file: str
    images: NDArray[Any]
    labels: NDArray[Any]
    row_number: RowNumber = from_one
    files: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RawSet:
    """Everything a source holds.

    Attributes:
        name: The dataset's name, not yet made safe for a folder's name.
        source: Where it came from, in words for a person.
        part: The images, or the training part of them.
        test: The part that the source itself sets aside for testing.
        classes: Class names in label order; ``None`` if the labels themselves are the names.
        origin: What ``--dataset`` takes to read it again: ``mnist``, ``digits``, ``kaggle``, ``kaggle:NAME``, or an
            absolute path.
        preparation: How further pictures become like these; ``None`` if the source declares nothing.
    """

    name: str
    source: str
    part: RawPart
    test: RawPart | None = None
    classes: tuple[str, ...] | None = None
    origin: str = ""
    preparation: Preparation | None = None


def parent_name(path: Path, generic: frozenset[str] = frozenset({"train", "data", "images"})) -> str:
    """Return a dataset's name by its file: the stem, or the folder's name where the stem says nothing."""
    return path.resolve().parent.name if path.stem.lower() in generic else path.stem
