"""The page on a drift alarm: what was found, the most unusual images, and how often each class was predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.contracts import Images
from pipeline.monitoring.differences import ClassChange
from pipeline.reports import html
from pipeline.reports.formats import percent
from pipeline.reports.galleries import Tile
from pipeline.reports.navigation import ALONE, Navigation


@dataclass(frozen=True, eq=False)
class Shown:
    """An image on the page.

    Attributes:
        image: uint8 ``[H, W, C]``.
        predicted: The class that was predicted.
        confidence: How sure the champion was, 0 to 1.
        name: Its prediction id or file name.
    """

    image: Images
    predicted: str
    confidence: float
    name: str


def page(
    title: str,
    sentences: Sequence[str],
    images: Sequence[Shown],
    classes: Mapping[str, ClassChange],
    *,
    looked_at: int,
    promise: str,
    navigation: Navigation = ALONE,
) -> str:
    """Return the page as HTML.

    Args:
        title: Which images it is about.
        sentences: What was found.
        images: The most unusual, the most unusual first.
        classes: By name.
        looked_at: How many images the shares are of.
        promise: With which probability an alarm is false.
        navigation: Where its header leads.
    """
    return html.render(
        "drift.html",
        navigation=navigation,
        title=title,
        sentences=sentences,
        tiles=[_tile(shown) for shown in images],
        classes=classes,
        looked_at=looked_at,
        promise=promise,
    )


def _tile(shown: Shown) -> Tile:
    words = f"taken for {shown.predicted}, {percent(shown.confidence, 0)} sure"
    return Tile((html.picture_of(shown.image),), words, shown.name, f"Image {words}")
