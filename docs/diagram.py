"""The pipeline as a picture, for the README and the architecture page: ``python docs/diagram.py``."""

from pathlib import Path
from typing import Any

from pipeline.reports import style

PICTURE = Path(__file__).parent / "images" / "pipeline.png"
HEIGHT = 1.0
PERSON, STAGE, FOLDER = style.SHADE, "#dcedf8", style.PAPER
BOXES = {
    "data": (1.2, 2.6, 2.0, "Data", "check, prepare,\nassign roles", PERSON),
    "trainer": (4.5, 2.6, 2.0, "Trainer", "fit, export to ONNX,\nprove parity", STAGE),
    "watcher": (7.8, 2.6, 2.0, "Watcher", "benchmark against\nthe champion", STAGE),
    "deployer": (11.1, 2.6, 2.0, "Deployer", "promote\nwhat passed", STAGE),
    "application": (14.4, 2.6, 2.0, "Application", "predict, submit\nto Kaggle", STAGE),
    "versions": (
        7.8,
        0.6,
        3.0,
        "versions/",
        "every version, its verdict and report;\nthose that failed in versions/failed/",
        FOLDER,
    ),
    "results": (12.6, 0.6, 3.5, "metric_results/", "tables, plots, workbook, overview", FOLDER),
    "production": (11.1, 4.6, 2.0, "production/", "the champion", FOLDER),
    "serve": (14.4, 4.6, 2.2, "Web page, API", "predictions, feedback", FOLDER),
    "review": (4.5, 4.6, 2.0, "Review", "a person decides", PERSON),
}
"""Centre, width, title, text and colour of each box."""
FLOWS = (
    ("data", "trainer", "training rows"),
    ("trainer", "watcher", "candidate"),
    ("watcher", "deployer", "pass"),
    ("deployer", "application", "deployment"),
    ("watcher", "versions", "pass or fail"),
    ("deployer", "production", "champion"),
    ("production", "serve", ""),
    ("versions", "results", ""),
)


def draw() -> None:
    """Draw the stages and what flows between them."""
    import matplotlib.pyplot as plt

    with style.plotting():
        figure, axes = plt.subplots(figsize=(12, 4.4))
        axes.set(xlim=(0, 15.7), ylim=(-0.1, 5.7))
        axes.axis("off")
        for box in BOXES.values():
            _box(axes, box)
        for start, end, label in FLOWS:
            _flow(axes, start, end, label)
        loop = {"colour": style.ORANGE, "dashes": (0, (4, 2))}
        _path(axes, [(14.4, 5.1), (14.4, 5.4), (4.5, 5.4), (4.5, 5.1)], **loop)
        _label(axes, 9.45, 5.47, "corrections, doubtful and audited images")
        _path(axes, [(3.5, 4.6), (1.2, 4.6), (1.2, 3.1)], **loop)
        _label(axes, 2.35, 4.67, "accepted images")
        _path(axes, [(1.2, 2.1), (1.2, 1.7), (7.2, 1.7), (7.2, 2.1)], colour=style.MUTED)
        _label(axes, 4.2, 1.4, "benchmark rows, which no model is trained on")
        figure.savefig(PICTURE, dpi=style.DPI, bbox_inches="tight", facecolor=style.PAPER)


def _box(axes: Any, box: tuple[float, float, float, str, str, str]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, title, text, colour = box
    shape = "round,pad=0,rounding_size=0.12"
    corner = (x - width / 2, y - HEIGHT / 2)
    axes.add_patch(FancyBboxPatch(corner, width, HEIGHT, boxstyle=shape, fc=colour, ec=style.MUTED))
    axes.text(x, y + 0.26, title, ha="center", va="center", fontsize=10, fontweight="bold", color=style.INK)
    axes.text(x, y - 0.18, text, ha="center", va="center", fontsize=7.5, color=style.INK, linespacing=1.35)


def _flow(axes: Any, start: str, end: str, label: str) -> None:
    x0, y0, width0, *_ = BOXES[start]
    x1, y1, width1, *_ = BOXES[end]
    if y0 == y1:
        _path(axes, [(x0 + width0 / 2, y0), (x1 - width1 / 2, y1)], colour=style.BLUE)
        _label(axes, (x0 + width0 / 2 + x1 - width1 / 2) / 2, y0 + 0.08, label)
        return
    side = HEIGHT / 2 if y1 > y0 else -HEIGHT / 2
    _path(axes, [(x0, y0 + side), (x1, y1 - side)], colour=style.BLUE)
    _label(axes, x0 + 0.1, (y0 + y1) / 2 - 0.1, label, ha="left")


def _path(axes: Any, points: list[tuple[float, float]], *, colour: str, dashes: Any = "-") -> None:
    """A line with right angles that ends in an arrowhead."""
    axes.plot(*zip(*points, strict=True), color=colour, lw=1.4, ls=dashes, solid_capstyle="butt")
    (x0, y0), (x1, y1) = points[-2:]
    near = (x1 - 0.05 * (x1 > x0) + 0.05 * (x1 < x0), y1 - 0.05 * (y1 > y0) + 0.05 * (y1 < y0))
    arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], near, arrowprops=arrow)


def _label(axes: Any, x: float, y: float, text: str, ha: str = "center") -> None:
    axes.text(x, y, text, fontsize=7.5, color=style.MUTED, ha=ha, va="bottom")


if __name__ == "__main__":
    draw()
