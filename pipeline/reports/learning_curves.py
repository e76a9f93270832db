"""The learning curves: error and seconds against the number of training images, a line for each recipe."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.reports import style
from pipeline.reports.dataset_growth import draw_growth
from pipeline.reports.figures import count, drawn, figure, label_beside, log_axis, percent, seconds, shortened, spread
from pipeline.reports.tables import BENCHMARK, GROWING, curve_2018, half_an_error, line_label

if TYPE_CHECKING:
    import pandas as pd

SAME_DIGITS = ("mnist", "kaggle", "digit-recognizer")
"""Datasets of the images that the 2018 pipeline was measured on; elsewhere its figures would mislead."""
MOST_PANELS = 6
LONGEST_SETTINGS = 44
NOTHING = "0 errors"
HALF = f"{NOTHING}: drawn as half an error, since zero has no place on a logarithmic axis"
_ROOM_BELOW = 2.0
"""How much lower than its lowest point an axis starts that has a label below that point."""
_ROUND_SECONDS = (0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400)


@dataclass(frozen=True)
class _Quantity:
    mean: str
    low: str
    high: str
    title: str
    axis: str
    dated: str


_ERROR = _Quantity(
    "error",
    "error_low",
    "error_high",
    "Error against training images",
    "error on the benchmark (lower is better)",
    "of the 2018 pipeline",
)
_SECONDS = _Quantity(
    "fit_seconds",
    "fit_seconds_min",
    "fit_seconds_max",
    "Time to fit against training images",
    "time to fit (lower is better)",
    "of 2018, on its hardware",
)


@dataclass(frozen=True)
class _Line:
    """One labelled line of a panel: columns ``size, mean, low, high, nothing``, and how it looks.

    ``nothing`` is whether an error of nothing is drawn there.
    """

    label: str
    points: "pd.DataFrame"
    style: style.SeriesStyle
    dated: bool = False
    number: int = 0

    @property
    def dashes(self) -> tuple[int, tuple[float, ...]]:
        """Its own for each of the settings of one recipe, which share colour and marker."""
        patterns = (self.style.dashes, *style.OTHER_SETTINGS)
        return patterns[self.number % len(patterns)]


def learning_curve(curve: "pd.DataFrame", growth: "pd.DataFrame | None" = None) -> bytes:
    """Draw error against training size, both logarithmic: mean of the runs, and a band from best to worst.

    A panel for each dataset and benchmark. A dataset that grows has one panel, although its benchmark grew with it,
    and below that its number of images over time. Where the digits are MNIST's, the figures of 2018 are thin dashed
    lines. An error of nothing is drawn as half an error, as zero has no place on a logarithmic axis: an open
    marker, labelled as what it is.

    Args:
        curve: ``tables.learning_curve_table``.
        growth: ``dataset_growth.table``; ``None`` where nothing grows.
    """
    half = half_an_error(curve)
    errors = {
        "error": (1 - curve["accuracy"]).clip(lower=half),
        "error_low": (1 - curve["accuracy_max"]).clip(lower=half),
        "error_high": (1 - curve["accuracy_min"]).clip(lower=half),
    }
    return _curves(curve.assign(nothing=curve["accuracy"] == 1, **errors), _ERROR, growth)


def learning_curve_seconds(curve: "pd.DataFrame") -> bytes:
    """Draw seconds to fit against training size, both logarithmic; otherwise as ``learning_curve``."""
    columns = [_SECONDS.mean, _SECONDS.low, _SECONDS.high]
    return _curves(curve.assign(nothing=False, **{name: curve[name].clip(lower=1e-3) for name in columns}), _SECONDS)


@drawn
def _curves(curve: "pd.DataFrame", quantity: _Quantity, growth: "pd.DataFrame | None" = None) -> Any:
    groups = list(curve.groupby(list(BENCHMARK), sort=True))
    kept = sorted(groups, key=lambda group: -len(group[1]))[:MOST_PANELS]
    grown = set(growth["dataset"]) if growth is not None else set()
    heights: list[float] = []
    for (dataset, benchmark), _ in kept:
        heights += [4.8, 2.4] if benchmark == GROWING and dataset in grown else [4.8]
    canvas = figure(7.4, sum(heights) or 4.8)
    canvas.get_layout_engine().set(hspace=0.06)
    panels = iter(canvas.subplots(len(heights) or 1, 1, squeeze=False, height_ratios=heights or None)[:, 0])
    for (dataset, benchmark), points in kept:
        _draw_benchmark(next(panels), points, dataset, quantity)
        if growth is not None and benchmark == GROWING and dataset in grown:
            draw_growth(next(panels), growth[growth["dataset"] == dataset])
    if not kept:
        _say_empty(next(panels), quantity)
    return canvas


def _draw_benchmark(axes: Any, points: "pd.DataFrame", dataset: str, quantity: _Quantity) -> None:
    _draw_panel(axes, _lines(points, dataset, quantity), quantity)
    runs = f"mean and range of up to {points['runs'].max()} runs" if points["runs"].max() > 1 else "single runs"
    fewest, most = points["benchmark_images"].min(), points["benchmark_images"].max()
    images = count(most) if fewest == most else f"{count(fewest)} to {count(most)}"
    axes.set_title(quantity.title, pad=26)
    others = count(curve_2018()["test_images"].max())
    dated = f"; dashed: 2018, on {others} others" if dataset in SAME_DIGITS else ""
    subtitle = f"{dataset}, judged on {images} images; {runs}{dated}"
    shown = axes.text(0, 1.02, subtitle, transform=axes.transAxes, color=style.MUTED, va="bottom")
    shown.set_in_layout(False)  # it reaches over the labels beside the panel, which would otherwise make it narrower


def _say_empty(axes: Any, quantity: _Quantity) -> None:
    axes.set_axis_off()
    axes.set_title(quantity.title)
    axes.text(0.5, 0.5, "No version has been judged yet.", ha="center", color=style.MUTED, transform=axes.transAxes)


def _lines(points: "pd.DataFrame", dataset: str, quantity: _Quantity) -> list[_Line]:
    looks = style.series_styles([*points["recipe"], "mlp", "xgboost_2018"])
    lines: list[_Line] = []
    for (recipe, settings), rows in points.groupby(["recipe", "settings"], sort=True):
        names = {
            "train_size": "size",
            quantity.mean: "mean",
            quantity.low: "low",
            quantity.high: "high",
            "nothing": "nothing",
        }
        table = rows[list(names)].rename(columns=names).sort_values("size")
        label = line_label(shortened(recipe), textwrap.shorten(settings, LONGEST_SETTINGS, placeholder=" …"))
        number = sum(line.style is looks[recipe] for line in lines)
        lines.append(_Line(label, table, looks[recipe], number=number))
    return lines + (_dated_lines(looks, quantity) if dataset in SAME_DIGITS else [])


def _dated_lines(looks: dict[str, style.SeriesStyle], quantity: _Quantity) -> list[_Line]:
    lines = []
    for recipe, rows in curve_2018().groupby("recipe"):
        mean = 1 - rows["accuracy"] if quantity is _ERROR else rows["seconds"]
        table = rows.assign(size=rows["train_images"], mean=mean, low=mean, high=mean, nothing=False)
        name = recipe.removesuffix("_2018")
        lines.append(
            _Line(f"{name} {quantity.dated}", table[["size", "mean", "low", "high", "nothing"]], looks[recipe], True)
        )
    return lines


def _draw_panel(axes: Any, lines: list[_Line], quantity: _Quantity) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_autoscale_on(False)  # values that are all but equal cannot be scaled; the limits are set below
    for line in lines:
        _draw_line(axes, line)
    axes.set_xlabel("training images, validation included")
    axes.set_ylabel(quantity.axis)
    _format_axes(axes, lines, quantity)
    _label_lines(axes, lines)
    _mark_nothing(axes, lines)


def _mark_nothing(axes: Any, lines: list[_Line]) -> None:
    found = [(line.style, line.points[line.points["nothing"].astype(bool)]) for line in lines]
    for look, points in found:
        open_marker = {"markerfacecolor": style.PAPER, "markeredgecolor": look.colour, "markeredgewidth": 1.3}
        axes.plot(points["size"], points["mean"], look.marker, markersize=6.5, zorder=5, **open_marker)
    places = {place for _, points in found for place in zip(points["size"], points["mean"], strict=True)}
    for place in places:
        # No line leads below the point: nothing is lower than half an error.
        below = {"xytext": (0, -7), "textcoords": "offset points", "ha": "center", "va": "top"}
        axes.annotate(NOTHING, place, color=style.MUTED, fontsize=style.SMALL_POINTS, **below)
    if places:
        axes.set_xlabel(f"{axes.get_xlabel()}\n{HALF}")


def _draw_line(axes: Any, line: _Line) -> None:
    points, look = line.points, line.style
    if line.dated:
        axes.plot(points["size"], points["mean"], color=look.colour, linewidth=0.9, linestyle=style.DATED, zorder=2)
        return
    axes.plot(
        points["size"],
        points["mean"],
        color=look.colour,
        marker=look.marker,
        markerfacecolor=style.PAPER if line.number else look.colour,
        markeredgecolor=look.colour if line.number else style.PAPER,
        markeredgewidth=1.3 if line.number else 0.7,
        markersize=6.5,
        linestyle=line.dashes,
        zorder=4,
    )
    if len(points) > 1:
        axes.fill_between(points["size"], points["low"], points["high"], color=look.colour, alpha=0.16, linewidth=0)
    ranged = points[points["high"] > points["low"]]
    axes.vlines(ranged["size"], ranged["low"], ranged["high"], color=look.colour, linewidth=0.8, alpha=0.7, zorder=3)


def _format_axes(axes: Any, lines: list[_Line], quantity: _Quantity) -> None:
    sizes = [size for line in lines for size in line.points["size"]]
    values = [value for line in lines for name in ("low", "high") for value in line.points[name]]
    axes.set_xlim(min(sizes) / 1.35, max(sizes) * 1.35)
    log_axis(axes.xaxis, count)
    if quantity is _ERROR:
        room = _ROOM_BELOW if any(line.points["nothing"].any() for line in lines) else 1.35
        axes.set_ylim(min(values) / room, min(max(values) * 1.35, 1.12))
        log_axis(axes.yaxis, percent)
    else:
        axes.set_ylim(min(values) / 1.35, max(values) * 1.35)
        log_axis(axes.yaxis, seconds, _ROUND_SECONDS)


def _label_lines(axes: Any, lines: list[_Line]) -> None:
    ends = [line.points.iloc[-1] for line in lines]
    to_axes = axes.transScale + axes.transLimits
    starts = [tuple(to_axes.transform((end["size"], end["mean"]))) for end in ends]
    heights = spread([y for _, y in starts], gap=0.052, low=0.01, high=0.99)
    for line, end, height in zip(lines, ends, heights, strict=True):
        look = {
            "color": line.style.text_colour,
            "leader": line.style.colour,
            "fontsize": style.SMALL_POINTS if line.dated else style.TEXT_POINTS,
            "fontweight": "normal" if line.dated else "bold",
        }
        label_beside(axes, line.label, (end["size"], end["mean"]), height, look)
