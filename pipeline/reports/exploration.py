"""A dataset before anything is trained: ``metric_results/eda/index.html`` and its pictures."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import LabelledImages, Rows
from pipeline.reports import exploration_facts as facts
from pipeline.reports import exploration_plots as draw
from pipeline.reports import html
from pipeline.reports.formats import DASH, as_number, count, percent
from pipeline.reports.galleries import Tile
from pipeline.reports.navigation import ALONE, Navigation

MOST_SHOWN = 24
_SAMPLES_OF_A_CLASS = 12
_TITLES = {
    "shape": "height, width, channels",
    "pixel_range": "lowest and highest pixel",
    "missing": "missing entries",
    "class_counts": "images of each class",
    "duplicates": "copies of an earlier image",
    "conflicting": "copies with another label",
    "official_test": "test images, as the source declares",
    "shared": "in both training and test part",
}
_MOST_SAMPLES = 144
_SHORT_WORD = 5

Step = Callable[[str], None]
"""Called with a description of each step before it starts, for a person who waits."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """What was found in a dataset.

    Attributes:
        data: The dataset.
        balance: How evenly its classes are filled.
        samples: Rows drawn at random, class by class.
        compared: How many images were compared with each other.
        twins: The pairs that are closest for their class, identical ones first.
        suspects: Images whose label is doubtful, the most doubtful first.
        mapped: The rows on the map, and where they lie, ``[n, 2]``.
        abstained: Classes for which no label is doubted, as similar images are uninformative there.
    """

    data: LabelledImages
    balance: facts.ClassBalance
    samples: Rows
    compared: int
    twins: Sequence[facts.Twins]
    suspects: Sequence[facts.Suspect]
    mapped: tuple[Rows, NDArray[np.float32]]
    abstained: tuple[str, ...] = ()

    @property
    def doubts(self) -> str:
        """What was found about the labels, in words."""
        found = f"{count(len(self.suspects))} of {count(self.compared)} labels disagree with the most similar images."
        if not self.abstained:
            return found
        if len(self.abstained) == len(self.data.classes):
            return (
                "No label was doubted: images that look alike often have different labels here, so similar images "
                "say too little about a label."
            )
        names = ", ".join(self.abstained)
        return f"{found} No image was suggested to be {names}: similar images say too little about that."

    @property
    def shown_rows(self) -> list[int]:
        """The rows that the page names: pairs that nearly equal each other, and doubtful labels."""
        return [row for pair in self.twins for row in (pair.first, pair.second)] + [one.row for one in self.suspects]


def explore(
    data: LabelledImages,
    seed: int = 0,
    step: Step = lambda _: None,
    *,
    most_compared: int = facts.MOST_COMPARED,
) -> Exploration:
    """Look at a dataset from every side; the same seed finds the same.

    Args:
        data: The dataset.
        seed: Of everything that is drawn at random.
        step: Called with what is being done.
        most_compared: Beyond so many images, as many are drawn and compared with each other.
    """
    step("drawing samples")
    samples = _samples(data, np.random.default_rng(seed))
    step("finding the principal components")
    compared, mapped = (
        facts.subset(len(data), most, np.random.default_rng(seed)) for most in (most_compared, facts.MOST_MAPPED)
    )
    rows = np.union1d(compared, mapped)
    vectors = facts.features(data.images, rows, seed)
    step("comparing every image with the others")
    found = facts.neighbours(vectors[np.searchsorted(rows, compared)], compared)
    step("drawing a map")
    points = facts.embedding(vectors[np.searchsorted(rows, mapped)], seed)
    return Exploration(
        data=data,
        balance=facts.balance(data.labels, data.classes),
        samples=samples,
        compared=len(found.rows),
        twins=facts.near_duplicates(data.images, data.labels, found),
        suspects=facts.suspects(data.labels, found),
        mapped=(mapped, points),
        abstained=tuple(
            name
            for name, share in zip(data.classes, facts.reliability(data.labels, found), strict=False)
            if share < facts.RELIABLE
        ),
    )


def files(
    found: Exploration,
    validation: Mapping[str, Any],
    step: Step = lambda _: None,
    *,
    navigation: Navigation = ALONE,
    files_of: Mapping[int, str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """Return ``index.html``, the PNGs and ``label_errors.csv`` with every doubtful label, by file name.

    Args:
        found: What ``explore`` returned.
        validation: The validation report as a mapping of names to figures.
        step: Called with what is being drawn.
        navigation: Where the page's header leads.
        files_of: The file of each row in ``shown_rows`` that has one.
    """
    step("drawing the pictures")
    pictures = _pictures(found)
    page = _page(found, pictures, validation, navigation, files_of)
    texts = {"index.html": page, "label_errors.csv": _listed(found, files_of)}
    return {name: text.encode("utf-8") for name, text in texts.items()} | {
        f"{name}.png": png for name, png in pictures.items()
    }


def _listed(found: Exploration, files_of: Mapping[int, str]) -> str:
    """Every doubtful label as CSV, the most doubtful first."""
    content = io.StringIO()
    lines = csv.writer(content, lineterminator="\n")
    lines.writerow(("part", "index_from_0", "file", "label", "suggested", "share_of_neighbours"))
    classes, labels = found.data.classes, found.data.labels
    for one in found.suspects:
        names = classes[labels[one.row]], classes[one.suggested]
        place = _numbered(found.data, one.row)
        lines.writerow((*place, files_of.get(one.row, ""), *names, f"{one.agreement:.3f}"))
    return content.getvalue()


def _pictures(found: Exploration) -> dict[str, bytes]:
    data, names = found.data, np.asarray(found.data.classes, dtype=object)
    rows, points = found.mapped
    pairs = [row for pair in found.twins for row in (pair.first, pair.second)]
    doubtful = found.suspects[:MOST_SHOWN]
    given = [suspect.row for suspect in doubtful]
    changes = [f"{names[data.labels[s.row]]}, or {names[s.suggested]}?" for s in doubtful]
    return {
        "samples": draw.sheet(data.images[found.samples], list(names[data.labels[found.samples]]), "Random samples"),
        "class_distribution": draw.class_distribution(found.balance.counts, data.classes),
        "class_means": draw.class_means(data.images, data.labels, data.classes),
        "pixel_intensity": draw.pixel_intensity(data.images),
        "near_duplicates": draw.sheet(data.images[pairs], list(names[data.labels[pairs]]), "Near-duplicates, in pairs"),
        "label_errors": draw.sheet(data.images[given], changes, "Doubtful labels"),
        "embedding": draw.embedding(points, data.labels[rows], data.classes),
    }


def _page(
    found: Exploration,
    drawn: Mapping[str, bytes],
    validation: Mapping[str, Any],
    navigation: Navigation,
    files_of: Mapping[int, str],
) -> str:
    charts = {
        "class_distribution": (found.balance.sentence, "The dashed line is where all classes would be equal."),
        "class_means": (
            "Mean image and standard deviation of each class.",
            "Above, the mean image of each class. Below, where its images differ: brighter means more.",
        ),
        "pixel_intensity": (
            "Histogram of pixel values.",
            "How often each pixel value occurs, in steps of eight; the axis is logarithmic.",
        ),
        "embedding": (
            "Map of images in two dimensions, one colour a class.",
            f"{count(len(found.mapped[0]))} images, drawn at random, laid out by t-SNE from their principal "
            "components. Images that lie close look alike; distances between groups mean little.",
        ),
    }
    data = found.data
    return html.render(
        "exploration.html",
        navigation=navigation,
        data=data,
        shape=" × ".join(str(side) for side in data.shape),
        balance=found.balance,
        charts={
            name: html.Picture(drawn[name], *words, name == "class_means", wide=name == "class_means")
            for name, words in charts.items()
        },
        samples=[_sample(data, row) for row in found.samples],
        long_names=any(len(word) > _SHORT_WORD for name in data.classes for word in name.split()),
        twins=[_twins(data, pair, files_of) for pair in found.twins],
        numbering="" if files_of else _numbering(data),
        suspects=[_suspect(data, suspect, files_of) for suspect in found.suspects[:MOST_SHOWN]],
        suspect_count=len(found.suspects),
        doubts=found.doubts,
        compared=found.compared,
        validation=[
            (_TITLES.get(name, name.replace("_", " ")), _as_text(name, value)) for name, value in validation.items()
        ],
    )


def _samples(data: LabelledImages, rng: np.random.Generator) -> Rows:
    each = max(1, min(_SAMPLES_OF_A_CLASS, _MOST_SAMPLES // len(data.classes)))
    drawn = [
        rng.choice(own, min(each, len(own)), replace=False)
        for own in (np.flatnonzero(data.labels == label) for label in range(len(data.classes)))
    ]
    return np.concatenate(drawn)[:_MOST_SAMPLES]


def _sample(data: LabelledImages, row: int) -> Tile:
    name = data.classes[data.labels[row]]
    return Tile((html.picture_of(data.images[row]),), name, "", f"A {name}")


def _twins(data: LabelledImages, pair: facts.Twins, files_of: Mapping[int, str]) -> Tile:
    first, second = (data.classes[data.labels[row]] for row in (pair.first, pair.second))
    same = f"both {first}" if first == second else f"labelled {first} and {second}"
    closeness = f"{percent(pair.closeness, 0)} of the usual distance"
    detail = "identical" if pair.difference == 0 else f"{closeness}, pixels differ by {percent(pair.difference, 1)}"
    pictures = tuple(html.picture_of(data.images[row]) for row in (pair.first, pair.second))
    places = f"{_place(data, pair.first, files_of)} and {_place(data, pair.second, files_of)}"
    return Tile(pictures, same, f"{detail}; {places}", f"Two images, {same}, {detail}")


def _suspect(data: LabelledImages, suspect: facts.Suspect, files_of: Mapping[int, str]) -> Tile:
    given, suggested = data.classes[data.labels[suspect.row]], data.classes[suspect.suggested]
    caption = f"{given}, or {suggested}?"
    detail = f"{percent(suspect.agreement, 0)} of neighbours; {_place(data, suspect.row, files_of)}"
    return Tile((html.picture_of(data.images[suspect.row]),), caption, detail, f"Labelled {given}, perhaps {suggested}")


def _place(data: LabelledImages, row: int, files_of: Mapping[int, str]) -> str:
    part, index = _numbered(data, row)
    return files_of.get(row) or f"{part} image {index:,}".removeprefix("all ")


def _numbered(data: LabelledImages, row: int) -> tuple[str, int]:
    """The part of a dataset that an image is in, and its index there, from 0."""
    if data.official_test is None:
        return "all", row
    is_test = data.official_test[row]
    return "test" if is_test else "training", int((data.official_test[:row] == is_test).sum())


def _numbering(data: LabelledImages) -> str:
    parts = ", training and test images separately" if data.official_test is not None else ""
    return f"Images are numbered from 0, as in an array{parts}."


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_as_text(key, entry)}" for key, entry in value.items())
    if isinstance(value, tuple | list):
        return (" × " if name == "shape" else ", ").join(str(entry) for entry in value) or DASH
    return str(value) if isinstance(value, str) or as_number(value) is None else count(value)
