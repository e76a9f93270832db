"""What every plot shares: drawing in the project's style, PNG bytes, number formats and labels that keep apart."""

import functools
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, ParamSpec

from pipeline.reports import style
from pipeline.reports.formats import count

__all__ = [
    "count",
    "drawn",
    "figure",
    "free_places",
    "label_beside",
    "log_axis",
    "percent",
    "seconds",
    "shortened",
    "spread",
]

P = ParamSpec("P")
LONGEST_NAME = 28
HANDFUL = 10
"""A share of fewer images than this says next to nothing."""
FEWEST_TICKS = 3
WIDE = 3e4
"""From this ratio of its ends on, a logarithmic axis is labelled at powers of ten alone."""


def drawn(draw: Callable[P, Any]) -> Callable[P, bytes]:
    """Make a function that draws a matplotlib ``Figure`` into one that returns the picture as PNG bytes.

    The same input gives the same bytes; nothing of pyplot's global state is touched.
    """

    @functools.wraps(draw)
    def png(*args: P.args, **kwargs: P.kwargs) -> bytes:
        with style.plotting():
            content = BytesIO()
            draw(*args, **kwargs).savefig(content, format="png", metadata={"Software": None})
        return content.getvalue()

    return png


def figure(width: float, height: float) -> Any:
    """Return an empty ``Figure`` of the given inches, laid out so that its parts do not overlap."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def percent(fraction: float) -> str:
    """Return a fraction as an axis label, with no more digits than needed: ``97 %``, ``0.35 %``."""
    return f"{float(f'{100 * fraction:.4g}'):.12g} %" if fraction < 0.1 else f"{float(f'{100 * fraction:.6g}'):.12g} %"


def seconds(value: float) -> str:
    """Return seconds as an axis label: ``0.3 s``, ``45 s``, ``3 min``, ``2 h``."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s"


def shortened(name: str) -> str:
    """Return a class or recipe name that fits beside a plot."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def log_axis(axis: Any, text: Callable[[float], str], round_values: Sequence[float] = ()) -> None:
    """Give a logarithmic axis at least three labels in plain numbers, however narrow its range is; call it last.

    Args:
        axis: With its final limits.
        text: Writes a tick's value.
        round_values: The values that may be labelled; 1, 2 and 5 times powers of ten where there are none.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    candidates = round_values or LogLocator(subs=(1.0, 2.0, 5.0) if high / low < WIDE else (1.0,)).tick_values(
        low, high
    )
    ticks = [value for value in candidates if low <= value <= high]
    if len(ticks) < FEWEST_TICKS:
        # Less than about a decade: even steps, of which the axis shows the curvature.
        even = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        ticks = [value for value in even if low <= value <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_locator(LogLocator(subs=range(1, 10), numticks=30))
    axis.set_minor_formatter(NullFormatter())


def free_places(
    candidates: Sequence[Sequence[tuple[float, float]]], sizes: Sequence[tuple[float, float]]
) -> list[tuple[float, float] | None]:
    """Return for each label the first of its candidate centres at which it covers no label before it.

    Args:
        candidates: For each label, the best first.
        sizes: Width and height of each label, in the units of the candidates.

    Returns:
        A centre for each label; ``None`` where none is free.
    """
    taken: list[tuple[float, float, float, float]] = []
    chosen: list[tuple[float, float] | None] = []
    for places, (width, height) in zip(candidates, sizes, strict=True):
        free = (
            (x, y)
            for x, y in places
            if all(abs(x - a) >= (width + w) / 2 or abs(y - b) >= (height + h) / 2 for a, b, w, h in taken)
        )
        chosen.append(next(free, None))
        if chosen[-1] is not None:
            taken.append((*chosen[-1], width, height))
    return chosen


def label_beside(axes: Any, label: str, point: tuple[Any, float], height: float, look: Mapping[str, Any]) -> None:
    """Write the label of a line on the right of its panel, with a thin line that leads to the line's last point.

    Args:
        axes: The panel.
        label: The text.
        point: The last point, in the panel's data.
        height: Of the label, as a fraction of the panel; ``spread`` keeps several apart.
        look: Arguments for the text; ``leader`` is the colour of the thin line.
    """
    text = {name: value for name, value in look.items() if name != "leader"}
    line = {
        "arrowstyle": "-",
        "color": look["leader"],
        "linewidth": 0.6,
        "alpha": 0.7,
        "shrinkB": 4,
        "relpos": (0, 0.5),
    }
    place = {"xytext": (1.03, height), "textcoords": "axes fraction", "va": "center", "annotation_clip": False}
    axes.annotate(label, xy=point, arrowprops=line, **place, **text)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions as near to those wanted as a minimum gap allows, within bounds where they fit.

    Labels that would touch are pushed apart in equal parts, their order kept.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _start(groups[-1], wanted, gap, low, high) < _end(groups[-2], wanted, gap, low, high):
            groups[-2:] = [groups[-2] + groups[-1]]
    placed = [0.0] * len(wanted)
    for group in groups:
        start = _start(group, wanted, gap, low, high)
        for rank, index in enumerate(group):
            placed[index] = start + rank * gap
    return placed


def _start(group: Sequence[int], wanted: Sequence[float], gap: float, low: float, high: float) -> float:
    length = (len(group) - 1) * gap
    centre = sum(wanted[index] for index in group) / len(group)
    return max(low, min(centre - length / 2, high - length))


def _end(group: Sequence[int], wanted: Sequence[float], gap: float, low: float, high: float) -> float:
    return _start(group, wanted, gap, low, high) + len(group) * gap
