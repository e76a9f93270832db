"""Plots of a dataset, as PNG bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Labels
from pipeline.reports import style
from pipeline.reports.figures import drawn, figure, free_places, log_axis, percent, shortened
from pipeline.reports.formats import count
from pipeline.stored_images import ImageSource, blocks, view

MOST_CLASSES = 20
_COLUMNS = 12
_AT_ONCE = 4_096
"""Images that are read at once."""
_MAP_INCHES = (6.4, 5.6)
_NAME_POINTS = 14
_NAME = {"fontweight": "bold", "fontsize": _NAME_POINTS, "ha": "center", "va": "center"}


@drawn
def sheet(images: Images, captions: Sequence[str], title: str, columns: int = _COLUMNS) -> Any:
    """Draw images in a grid, each with its caption below.

    Args:
        images: uint8 ``[n, H, W, C]``; may be none.
        captions: One for each.
        title: Above the whole.
        columns: Number of images in a row.
    """
    height, width = images.shape[1:3]
    rows = max(1, -(-len(images) // columns))
    tall, wide = height + -(-height // 3), width + -(-width // 10)
    # One picture of all: a set of axes for each image would take seconds to lay out.
    mosaic = np.full((rows * tall, columns * wide, images.shape[3]), 255, dtype=np.uint8)
    canvas = figure(0.85 * columns, 0.85 * rows * tall / wide + 0.5)
    axes = canvas.subplots()
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top, left = place // columns * tall, place % columns * wide
        mosaic[top : top + height, left : left + width] = image
        axes.text(left + width / 2, top + height * 1.04, caption, ha="center", va="top", fontsize=7)
    _show(axes, mosaic)
    axes.set_axis_off()
    axes.set_title(title)
    return canvas


@drawn
def class_distribution(counts: Sequence[int], classes: Sequence[str]) -> Any:
    """Draw the number of images of each class as lying bars, with a line where all classes would be equal.

    The picture is narrow, so that its names can be read on a phone, and as tall as there are classes.
    """
    import seaborn as sns
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    canvas = figure(_NARROW_INCHES, 1.3 + 0.27 * len(classes))
    axes = canvas.subplots()
    sns.barplot(x=list(counts), y=[shortened(name) for name in classes], color=style.BLUE, ax=axes, width=0.72)
    even = sum(counts) / len(counts)
    label = f"if all were equal: {count(even)}"
    axes.axvline(even, color=style.INK, linewidth=1.0, linestyle=style.DATED, label=label)
    # At the foot of the bars: beside them the numbers would overlap the line of equal counts.
    for place, images in enumerate(counts):
        inside = images > 0.2 * max(counts)
        colour, foot = (style.PAPER, 0) if inside else (style.INK, images)
        axes.text(foot + 0.02 * max(counts), place, count(images), color=colour, **_FOOT)
    axes.set(title="Images of each class", xlabel="images", ylabel="", xlim=(0, 1.05 * max(counts)))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    canvas.legend(loc="outside lower right")
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    return canvas


_NARROW_INCHES = 4.2
_FOOT = {"ha": "left", "va": "center", "fontsize": style.SMALL_POINTS, "fontweight": "bold"}


@drawn
def class_means(images: ImageSource, labels: Labels, classes: Sequence[str]) -> Any:
    """Draw the mean image of each class above, the standard deviation of each pixel below."""
    shown = classes[:MOST_CLASSES]
    wide = max(len(shown), 4)
    canvas = figure(0.92 * wide, 2.7)
    canvas.suptitle(
        "Mean image and spread of each class", x=0.01, ha="left", fontweight="bold", fontsize=style.TITLE_POINTS
    )
    grid = canvas.subplots(2, wide, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for label, name in enumerate(shown):
        mean, deviation = _moments(view(images, labels == label))
        _show(grid[0, label], np.clip(mean, 0, 255).astype(np.uint8))
        grid[0, label].set_title(shortened(name), fontsize=style.TEXT_POINTS, loc="center", pad=4)
        grid[1, label].imshow(deviation.mean(axis=-1), cmap="magma", vmin=0, vmax=128)
    for axes, text in zip(grid[:, 0], ("mean", "spread"), strict=True):
        axes.text(-0.12, 0.5, text, rotation=90, ha="right", va="center", transform=axes.transAxes)
    return canvas


@drawn
def pixel_intensity(images: ImageSource) -> Any:
    """Draw how often each pixel value occurs; the count axis is logarithmic, as most pixels are background."""
    counts = sum(
        (np.bincount(part.reshape(-1), minlength=256) for part in blocks(images, _AT_ONCE)), np.zeros(256, np.int64)
    )
    shares = counts / max(counts.sum(), 1)
    canvas = figure(6.4, 3.4)
    axes = canvas.subplots()
    # 32 bins of 8 values: single values of scanned images come and go, and would look like noise.
    axes.bar(np.arange(4, 256, 8), shares.reshape(32, 8).sum(axis=1), width=7.2, color=style.BLUE)
    axes.set(yscale="log", xlim=(-4, 260), xlabel="pixel value, 0 to 255", ylabel="share of all pixels")
    axes.set_title("Pixel intensity")
    log_axis(axes.yaxis, percent)
    axes.set_xticks(range(0, 257, 32))
    return canvas


@drawn
def embedding(points: NDArray[np.float32], labels: Labels, classes: Sequence[str]) -> Any:
    """Draw a map of images: similar ones lie close; each class has a colour and its name near its middle.

    Where classes are so mixed that their names would cover each other, a legend names them instead.

    Args:
        points: ``[n, 2]``.
        labels: ``[n]``.
        classes: The class names, in label order.
    """
    import seaborn as sns

    known = [series.colour for series in style.RECIPES.values()]
    colours = known if len(classes) <= len(known) else sns.husl_palette(len(classes), l=0.5)
    canvas = figure(*_MAP_INCHES)
    axes = canvas.subplots()
    for label in range(len(classes)):
        axes.scatter(*points[labels == label].T, s=9, color=colours[label], alpha=0.75, linewidths=0)
    _name_groups(axes, points, labels, classes, colours)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(f"{count(len(points))} images, similar ones close together")
    return canvas


def _name_groups(
    axes: Any, points: NDArray[np.float32], labels: Labels, classes: Sequence[str], colours: Sequence[Any]
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    present = [label for label in range(len(classes)) if (labels == label).any()]
    names = [shortened(classes[label]) for label in present]
    wide, tall = np.ptp(points, axis=0) / (_MAP_INCHES[0] - 0.4, _MAP_INCHES[1] - 0.7)
    letter = _NAME_POINTS / 72
    sizes = [(0.8 * letter * (len(name) + 0.5) * wide, 1.3 * letter * tall) for name in names]
    places = free_places(
        [_near_middle(points[labels == label], size) for label, size in zip(present, sizes, strict=True)], sizes
    )
    if None in places:
        axes.legend(
            handles=[
                Line2D([], [], color=colours[label], marker="o", linestyle="", label=name)
                for label, name in zip(present, names, strict=True)
            ],
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
        )
        return
    halo = [withStroke(linewidth=3, foreground=style.PAPER)]
    for name, place in zip(names, places, strict=True):
        if place is not None:
            axes.text(*place, name, **_NAME, path_effects=halo)


def _near_middle(own: NDArray[np.float32], size: tuple[float, float]) -> list[tuple[float, float]]:
    """The points of a class that a name beside its middle covers, the nearest first."""
    away = own - np.median(own, axis=0)
    order = np.square(away).sum(axis=1).argsort(kind="stable")
    near = [
        place for rank, place in enumerate(order) if rank == 0 or (abs(away[place]) <= (size[0] / 2, size[1])).all()
    ]
    return [(float(x), float(y)) for x, y in own[near]]


def _show(axes: Any, image: NDArray[np.uint8]) -> None:
    axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)


def _moments(images: ImageSource) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each pixel, in parts: float copies of all images would not fit every memory."""
    if len(images) == 0:
        return np.zeros(images.shape[1:]), np.zeros(images.shape[1:])
    total, squares = np.zeros(images.shape[1:]), np.zeros(images.shape[1:])
    for block in blocks(images, _AT_ONCE):
        part = block.astype(np.float32)
        total += part.sum(axis=0, dtype=np.float64)
        squares += np.square(part).sum(axis=0, dtype=np.float64)
    mean = total / len(images)
    return mean, np.sqrt(np.maximum(squares / len(images) - mean**2, 0))
