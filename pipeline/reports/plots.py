"""Plots of one version, as PNG bytes: confusion matrix, training history, calibration, robustness."""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

from pipeline.facts.score_facts import CalibrationBin
from pipeline.reports import style
from pipeline.reports.figures import HANDFUL, count, drawn, figure, shortened

MOST_ANNOTATED = 20
"""Beyond this many classes the cells of a confusion matrix are too small for numbers."""


@drawn
def confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Any:
    """Draw truth in rows and prediction in columns, with the mistakes emphasised.

    Args:
        confusion: Images, ``[K][K]``.
        classes: The class names, in label order.
    """
    import numpy as np
    import seaborn as sns

    images = np.asarray(confusion)
    right = np.eye(len(classes), dtype=bool)
    names = [shortened(name) for name in classes]
    annotated = len(classes) <= MOST_ANNOTATED
    side = max(3.2, len(classes) * (0.37 if annotated else 0.19) + 0.5)
    canvas = figure(side + (0.2 if annotated else 1.0), side)
    axes = canvas.subplots()
    mistakes = np.where(right, 0, images)
    shared = {"ax": axes, "square": True, "linewidths": 0.6, "linecolor": style.PAPER, "fmt": "d", "annot": annotated}
    shared |= {"annot_kws": {"fontsize": style.SMALL_POINTS + 0.5 if len(classes) <= 12 else 7}}
    shared |= {"xticklabels": names, "yticklabels": names}
    if not annotated:
        shared["cbar_kws"] = {"label": "images misclassified", "shrink": 0.5, "aspect": 25}
        shared["cbar_kws"]["ticks"] = _whole_ticks(int(mistakes.max()))
    sns.heatmap(
        images,
        mask=right | (images == 0),
        cmap=_mistakes_map(),
        vmin=0,
        vmax=max(1, mistakes.max()),
        cbar=not annotated,
        **shared,
    )
    shared.pop("cbar_kws", None)
    sns.heatmap(images, mask=~right, cmap=_flat_map(style.OUTCOMES["pass"].tint), cbar=False, **shared)
    _label_matrix(axes, names, annotated)
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        # Seaborn turns to white too early for orange: below this share of the map, ink has more contrast.
        text.set_color(style.PAPER if mistakes[row, column] > 0.6 * mistakes.max() else style.INK)
    axes.set_title(f"{count(mistakes.sum())} of {count(images.sum())} images misclassified")
    return canvas


def _mistakes_map() -> Any:
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    # A single mistake must be seen, so the map starts where it is no longer almost white.
    return ListedColormap([mpl.colormaps[style.MISTAKES](0.15 + 0.8 * step / 255) for step in range(256)])


def _flat_map(colour: str) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap([colour])


def _whole_ticks(highest: int) -> list[int]:
    step = max(1, -(-highest // 5))
    return list(range(0, max(1, highest) + 1, step))


def _label_matrix(axes: Any, names: Sequence[str], annotated: bool) -> None:
    long_names = max(map(len, names)) > 3
    size = style.SMALL_POINTS if annotated else 6.0
    axes.set_xticklabels(axes.get_xticklabels(), rotation=90 if long_names else 0, fontsize=size)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0, fontsize=size)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    axes.set_facecolor(style.SHADE)
    axes.grid(False)


def training_history(history: Sequence[Mapping[str, float]], best_step: int | None = None) -> bytes | None:
    """Draw loss and accuracy after each epoch or round, on training and validation rows; the kept step is marked.

    Args:
        history: ``history.csv``: ``step`` and whichever of the four metrics there are.
        best_step: The step whose weights were kept.

    Returns:
        ``None`` where the model has no history.
    """
    measured = {name for row in history for name, value in row.items() if name != "step" and not isnan(value)}
    metrics = [metric for metric in ("loss", "accuracy") if {metric, f"validation_{metric}"} & measured]
    return _history(history, metrics, best_step) if metrics else None


@drawn
def _history(history: Sequence[Mapping[str, float]], metrics: Sequence[str], best_step: int | None) -> Any:
    canvas = figure(3.9 * len(metrics), 3.3)
    panels = canvas.subplots(1, len(metrics), squeeze=False)[0]
    canvas.get_layout_engine().set(wspace=0.06)
    for axes, metric in zip(panels, metrics, strict=True):
        _draw_history(axes, history, metric)
        if best_step is not None:
            axes.axvline(best_step, color=style.MUTED, linewidth=1.0, linestyle=style.DATED, zorder=1)
            axes.annotate(f"kept: step {best_step}", (best_step, 1.0), **_ABOVE)
        axes.set_title(metric.capitalize(), pad=18)
    return canvas


_ABOVE = {
    "xycoords": ("data", "axes fraction"),
    "xytext": (0, 4),
    "textcoords": "offset points",
    "ha": "center",
    "color": style.MUTED,
    "fontsize": style.SMALL_POINTS,
}


def _draw_history(axes: Any, history: Sequence[Mapping[str, float]], metric: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    looks = (
        (metric, "training", style.MUTED, "o", style.DATED),
        (f"validation_{metric}", "validation", style.BLUE, "s", "-"),
    )
    few = len(history) <= 30
    for name, label, colour, marker, dashes in looks:
        points = [(row["step"], row[name]) for row in history if not isnan(row.get(name, nan))]
        if points:
            look = {"color": colour, "linestyle": dashes, "marker": marker if few else None, "markersize": 4}
            axes.plot(*zip(*points, strict=True), label=label, **look)
    axes.set_xlabel("epoch or round")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    margin = 0.5 + 0.02 * len(history)
    axes.set_xlim(history[0]["step"] - margin, history[-1]["step"] + margin)
    axes.margins(y=0.08)
    if metric == "accuracy":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.legend(loc="best")


@drawn
def calibration(bins: Sequence[CalibrationBin]) -> Any:
    """Draw how often the model is right at each confidence.

    Vertical lines are 95 % intervals (Clopper and Pearson); a bin with a handful of images is pale, and no line leads
    to it. Below, how many images are in each bin.

    Args:
        bins: ``scores.json``'s ``calibration``.
    """
    canvas = figure(4.4, 4.8)
    upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(4, 1.2))
    upper.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1.0, linestyle=style.DATED)
    upper.annotate("perfect calibration", (0.05, 0.05), xytext=(-4, 8), color=style.MUTED, **_ALONG)
    filled = [row for row in bins if row.images]
    firm = [row for row in filled if row.images >= HANDFUL]
    upper.plot([row.confidence for row in firm], [row.accuracy for row in firm], color=style.BLUE)
    for row in filled:
        paleness = 1.0 if row.images >= HANDFUL else 0.3
        upper.vlines(row.confidence, *_interval(row), color=style.BLUE, linewidth=1.2, alpha=paleness)
        dot = {"marker": "o", "markeredgecolor": style.PAPER, "markersize": 7, "clip_on": False}
        upper.plot(row.confidence, row.accuracy, color=style.mixed(style.PAPER, style.BLUE, paleness), **dot)
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share of right answers", title="Calibration")
    widths = [0.94 * (row.high - row.low) for row in filled]
    lower.bar([(row.low + row.high) / 2 for row in filled], [row.images for row in filled], widths, color=style.BLUE)
    lower.set(yscale="log", xlabel="confidence in the prediction", ylabel="images")
    _plain_ticks(upper, lower)
    return canvas


_ALONG = {
    "textcoords": "offset points",
    "rotation": 45,
    "rotation_mode": "anchor",
    "transform_rotates_text": True,
    "fontsize": style.SMALL_POINTS,
}


def _plain_ticks(upper: Any, lower: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    as_percent = FuncFormatter(lambda value, _: f"{100 * value:.0f} %")
    upper.yaxis.set_major_formatter(as_percent)
    lower.xaxis.set_major_formatter(as_percent)
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    lower.yaxis.set_major_locator(LogLocator(numticks=4))
    lower.yaxis.set_minor_locator(NullLocator())
    lower.set_ylim(bottom=0.7)


def _interval(row: CalibrationBin) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(round(row.accuracy * row.images), row.images, method="beta")
    return float(low), float(high)


@drawn
def robustness(by_corruption: Mapping[str, float], clean: float, champion: Mapping[str, float] | None = None) -> Any:
    """Draw accuracy on corrupted copies of the benchmark, worst last, with the clean accuracy as a line.

    Args:
        by_corruption: Accuracy by corruption, as in ``scores.json``.
        clean: Accuracy on the benchmark as it is.
        champion: The champion's accuracies, drawn as diamonds.
    """
    names = sorted(by_corruption, key=lambda name: -by_corruption[name])
    canvas = figure(4.6, 1.6 + 0.3 * len(names))
    axes = canvas.subplots()
    axes.barh(range(len(names)), [by_corruption[name] for name in names], height=0.62, color=style.BLUE)
    for place, name in enumerate(names):
        axes.annotate(f"{100 * by_corruption[name]:.1f} %", (1.02, place), color=style.INK, **_BESIDE)
        if champion and name in champion:
            marks = {"color": style.ORANGE, "markeredgecolor": style.PAPER, "markersize": 8, "linestyle": ""}
            label = "champion" if not axes.get_legend_handles_labels()[1] else None
            axes.plot(champion[name], place, marker="D", label=label, **marks)
    axes.axvline(clean, color=style.INK, linewidth=1.0, linestyle=style.DATED)
    axes.annotate(f"clean {100 * clean:.1f} %", (clean, 1.0), **_ABOVE)
    _name_rows(axes, [shortened(name.replace("_", " ")) for name in names])
    axes.set_xlim(0, 1)
    axes.set_title("Accuracy on corrupted copies", pad=20)
    if champion:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06))
    return canvas


_BESIDE = {
    "xycoords": ("axes fraction", "data"),
    "va": "center",
    "fontsize": style.SMALL_POINTS,
    "annotation_clip": False,
}


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g} %"))
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
