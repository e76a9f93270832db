"""``sample_submission.csv``: what a competition expects, and which of its ids belongs to which test image."""

import csv
import re
from dataclasses import replace
from pathlib import Path

from pipeline.contracts import UnlabelledImages
from pipeline.data import class_labels
from pipeline.data.reading import blaming
from pipeline.errors import DataError
from pipeline.facts.competition import SubmissionForm
from pipeline.text import quoted

_NAMES = ("samplesubmission", "submissionsample", "sample")
_NUMBERED = re.compile(r"(.*?)(\d+)(\.\w+)?")
"""An id that ends in a number, perhaps followed by a file's suffix."""


def find(folder: Path) -> Path | None:
    """Return the sample in a folder, by its name: ``sample_submission.csv``, ``sampleSubmission.csv`` and the like."""
    if not folder.is_dir():
        return None
    named: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() == ".csv" and path.is_file():
            named.setdefault(re.sub(r"[^a-z]", "", path.stem.lower()), path)
    return next((named[name] for name in _NAMES if name in named), None)


def beside(test_images: Path) -> SubmissionForm | None:
    """Return the format that a sample submission next to test images shows; ``None`` if there is none.

    Raises:
        DataError: The file is no such table; names the row.
    """
    path = find(test_images.parent)
    # What is called sample.csv may hold anything, the test images among them.
    return None if path is None or "submission" not in path.stem.lower() else read(path)


def read(path: Path) -> SubmissionForm:
    """Return the submission format that a sample shows: a column of ids, and one or more columns to fill.

    Raises:
        DataError: It is no such table; names the row.
    """
    with blaming(path, "a sample submission"), path.open(encoding="utf-8-sig", newline="") as stream:
        rows = [(number, row) for number, row in enumerate(csv.reader(stream, strict=True), start=1) if row]
    header = tuple(name.strip() for name in rows[0][1]) if rows else ()
    if len(header) < 2 or "" in header or len(set(header)) < len(header):
        found = quoted(",".join(header)) or "nothing"
        raise DataError(f"{path} starts with '{found}'; a sample submission starts with an id and what to predict.")
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}, row {number}: {len(header)} values are expected, not '{quoted(','.join(row))}'.")
    ids = tuple(row[0] for _, row in rows[1:])
    if not ids:
        raise DataError(f"{path} has a header but no ids.")
    class_labels.require_distinct([name.strip() for name in ids], str(path), lambda index: rows[index + 1][0])
    return SubmissionForm(header[0], header[1:], ids, path)


def identified(images: UnlabelledImages, form: SubmissionForm) -> UnlabelledImages:
    """Return test images with the ids of the sample, each image with its own.

    Images whose source names no ids are matched by the number in each id: the lowest is that of the first image.

    Raises:
        DataError: Images and sample do not belong together, or it cannot be determined which id an image has.
    """
    if len(form.ids) != len(images.ids):
        raise _misfit(images, form)
    if not images.numbered:
        if set(images.ids) != set(form.ids):
            raise _misfit(images, form)
        return images
    parts = [_NUMBERED.fullmatch(name) for name in form.ids]
    numbers = [int(part[2]) for part in parts if part and len(part[2]) < 18]
    same = len({(part[1], part[3]) if part else None for part in parts}) == 1
    if not same or sorted(numbers) != list(range(min(numbers, default=0), min(numbers, default=0) + len(form.ids))):
        raise DataError(
            f"{images.source} names no ids, and those of the sample ({quoted(', '.join(form.ids[:3]))}, …) do not "
            "count its images: add a column 'id'."
        )
    by_number = dict(zip(numbers, form.ids, strict=True))
    return replace(images, ids=tuple(by_number[number] for number in sorted(by_number)), numbered=False)


def _misfit(images: UnlabelledImages, form: SubmissionForm) -> DataError:
    otherwise = "or move it elsewhere" if form.file else "as many as the competition has; --competition names another"
    return DataError(
        f"{form.title} asks for {_range(form.ids, 'ids')}, but {images.source} has {_range(images.ids, 'images')}: "
        f"use the test images that belong to the sample, {otherwise}."
    )


def _range(ids: tuple[str, ...], what: str) -> str:
    return f"{len(ids):,} {what} from {quoted(ids[0])} to {quoted(ids[-1])}"
