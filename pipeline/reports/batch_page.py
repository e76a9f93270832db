"""The page on one batch that a dataset took in: what became of it, in words and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.contracts import Images
from pipeline.reports import html
from pipeline.reports.galleries import Tile
from pipeline.reports.navigation import ALONE, Navigation

MOST_SHOWN = 24


@dataclass(frozen=True, eq=False)
class Shown:
    """One group of images on the page.

    Attributes:
        title: What became of them.
        count: How many there are in all.
        images: Some of them as they were prepared, uint8 ``[H, W, C]`` each; at most ``MOST_SHOWN`` are drawn.
        captions: A line for each.
        details: A quieter line for each.
    """

    title: str
    count: int
    images: Sequence[Images]
    captions: Sequence[str]
    details: Sequence[str]


def page(
    dataset: str,
    batch: str,
    sentences: Sequence[str],
    groups: Sequence[Shown],
    *,
    classes: Mapping[str, tuple[int, int]],
    refused: Sequence[str],
    navigation: Navigation = ALONE,
) -> str:
    """Return the page as HTML.

    Args:
        dataset: The dataset's name.
        batch: The batch's id.
        sentences: The report in words.
        groups: The images by what became of them.
        classes: Images of each class before and after.
        refused: Why files were refused, a sentence a file.
        navigation: Where its header leads.
    """
    return html.render(
        "batch.html",
        navigation=navigation,
        dataset=dataset,
        batch=batch,
        sentences=sentences,
        groups=[(group, _tiles(group)) for group in groups],
        classes=[(name, before, after) for name, (before, after) in classes.items()],
        refused=refused[:MOST_SHOWN],
        refused_count=len(refused),
    )


def _tiles(group: Shown) -> list[Tile]:
    shown = zip(group.images[:MOST_SHOWN], group.captions, group.details, strict=False)
    return [Tile((html.picture_of(image),), caption, detail, f"Image: {caption}") for image, caption, detail in shown]
