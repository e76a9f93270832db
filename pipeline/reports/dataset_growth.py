"""How a dataset grew: a row and a point for each snapshot."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.reports import style
from pipeline.reports.figures import count, label_beside, spread

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("dataset", "snapshot", "created_at", "images", "benchmark_images", "champion")

PROMOTED = "◆ a version trained on this snapshot was promoted"
_MOMENTS = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
"""How moments are written on an axis of years, months, days, hours, minutes and seconds."""
_AT_ZERO = ["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M:%S"]
_DAYS = ["", "%Y", "%Y", "%Y", "%d %b %Y", "%d %b %Y"]
"""What all of them share, at the end of the axis."""


def table(
    snapshots: Sequence[tuple[str, str, str, int]], results: "pd.DataFrame", served: Sequence[DeploymentRecord]
) -> "pd.DataFrame":
    """Return a row for each snapshot: when it was made, its images, and what came of it.

    ``benchmark_images`` is empty where nothing was judged on a snapshot, and ``champion`` where no version that was
    trained on it was ever promoted.

    Args:
        snapshots: Dataset, id, moment (UTC, ISO 8601) and number of images of each.
        results: ``tables.results_table``.
        served: Every deployment.
    """
    import pandas as pd

    promoted = {record.id for record in served if record.action == "promote"}
    judged: dict[str, int] = {}
    champions: dict[str, str] = {}
    for version, snapshot, images in results[["version", "snapshot", "benchmark_images"]].itertuples(index=False):
        judged[snapshot] = max(judged.get(snapshot, 0), int(images))
        if version in promoted:
            champions[snapshot] = version
    rows = [(*one, judged.get(one[1]), champions.get(one[1], "")) for one in snapshots]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw_growth(axes: Any, growth: "pd.DataFrame") -> None:
    """Draw one dataset's images and benchmark images over time; marks are snapshots of which a version was promoted.

    Args:
        axes: Where to draw.
        growth: The rows of one dataset of ``table``, oldest first.
    """
    import pandas as pd

    when = pd.to_datetime(growth["created_at"]).dt.tz_localize(None)
    judged = growth["benchmark_images"].notna()
    promoted = growth["champion"] != ""
    # A step has no length where there is one snapshot alone, so that each snapshot has a dot as well.
    steps: Mapping[str, Any] = {"where": "post", "marker": "o", "markersize": 4}
    axes.fill_between(when, growth["images"], step="post", color=style.BLUE, alpha=0.12, linewidth=0)
    axes.step(when, growth["images"], color=style.BLUE, **steps)
    axes.step(when[judged], growth.loc[judged, "benchmark_images"], color=style.MUTED, linestyle="--", **steps)
    marks: Mapping[str, Any] = {"marker": "D", "linestyle": "", "markeredgecolor": style.PAPER, "markersize": 7}
    axes.plot(when[promoted], growth.loc[promoted, "images"], color=style.ORANGE, zorder=4, **marks)
    _format(axes, when.iloc[0], when.iloc[-1])
    ends = [("images", when.iloc[-1], growth["images"].iloc[-1], style.BLUE)]
    if judged.any():
        last = growth.loc[judged, "benchmark_images"].iloc[-1]
        ends.append(("benchmark images", when[judged].iloc[-1], last, style.MUTED))
    _name(axes, ends, promoted=bool(promoted.any()))


def _name(axes: Any, ends: Sequence[tuple[str, Any, float, str]], *, promoted: bool) -> None:
    """Name the lines beside the panel, as the learning curve does, and the marks once."""
    top = axes.get_ylim()[1]
    heights = spread([value / top for _, _, value, _ in ends], gap=0.1, low=0.02, high=0.98)
    for (label, when, value, colour), height in zip(ends, heights, strict=True):
        look = {"color": style.mixed(colour, "#000000", 0.2), "leader": colour, "fontweight": "bold"}
        label_beside(axes, label, (when, value), height, look)
    if promoted:
        axes.annotate(PROMOTED, (0, 1.0), xycoords="axes fraction", va="bottom", color=style.ORANGE)


def _format(axes: Any, first: "pd.Timestamp", last: "pd.Timestamp") -> None:
    from datetime import timedelta

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter

    margin = 0.05 * (last - first) or timedelta(minutes=30)
    axes.set_xlim(first - margin, last + margin)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, formats=_MOMENTS, zero_formats=_AT_ZERO, offset_formats=_DAYS)
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("when (UTC)")
    axes.set_ylabel("images in the dataset")
