"""The pipeline as a picture, for the README and the architecture page: ``python docs/diagram.py``."""

from io import BytesIO
from pathlib import Path
from typing import Any

from pipeline.reports import style

PICTURE = Path(__file__).parent / "images" / "pipeline.png"
HEIGHT = 1.0
COLOURS = 64
PERSON, STAGE, FOLDER = style.SHADE, "#dcedf8", style.PAPER
BOXES = {
    "arrive": (1.1, 2.6, 1.9, "Inbox", "folders, archives,\ntables, pictures", PERSON),
    "check": (3.85, 2.6, 1.9, "Ingest", "prepare, check,\nset doubts aside", STAGE),
    "store": (6.6, 2.6, 1.9, "datasets/", "snapshots; roles\nthat never change", FOLDER),
    "train": (9.35, 2.6, 1.9, "Trainer", "fit, export to ONNX,\nprove parity", STAGE),
    "judge": (12.1, 2.6, 1.9, "Watcher", "benchmark against\nthe champion", STAGE),
    "promote": (14.85, 2.6, 1.9, "Deployer", "promote\nwhat passed", STAGE),
    "serve": (17.6, 2.6, 2.05, "Web page, API", "predictions, feedback", STAGE),
    "review": (3.85, 4.6, 2.05, "Review", "a person decides", PERSON),
    "versions": (
        12.1,
        0.6,
        3.4,
        "versions/",
        "every version, its verdict and report;\nthose that failed in versions/failed/",
        FOLDER,
    ),
    "results": (7.9, 0.6, 3.1, "metric_results/", "tables, plots, workbook, overview", FOLDER),
    "production": (14.85, 0.6, 1.75, "production/", "the champion", FOLDER),
    "application": (17.6, 0.6, 2.05, "Application", "predict, submit\nto Kaggle", STAGE),
}
"""Centre, width, title, text and colour of each box."""
FLOWS = (
    ("arrive", "check", "arrive"),
    ("check", "store", "store"),
    ("store", "train", "train"),
    ("train", "judge", "judge"),
    ("judge", "promote", "promote"),
    ("promote", "serve", "serve"),
    ("judge", "versions", "pass or fail"),
    ("promote", "production", ""),
    ("production", "application", ""),
    ("versions", "results", ""),
)


def draw() -> None:
    """Draw the stages and what flows between them."""
    import matplotlib.pyplot as plt

    with style.plotting():
        figure, axes = plt.subplots(figsize=(15, 4.4))
        axes.set(xlim=(0, 18.7), ylim=(-0.1, 5.7))
        axes.axis("off")
        for box in BOXES.values():
            _box(axes, box)
        for start, end, label in FLOWS:
            _flow(axes, start, end, label)
        loop = {"colour": style.ORANGE, "dashes": (0, (4, 2))}
        _path(axes, [(17.6, 3.1), (17.6, 4.6), (4.875, 4.6)], **loop)
        _label(axes, 11.2, 4.67, "corrections, doubtful and audited images")
        _path(axes, [(4.3, 3.1), (4.3, 4.1)], **loop)
        _label(axes, 4.4, 3.5, "quarantine", ha="left")
        _path(axes, [(3.4, 4.1), (3.4, 3.1)], **loop)
        _label(axes, 3.3, 3.5, "decisions", ha="right")
        _path(axes, [(6.6, 2.1), (6.6, 1.7), (11.5, 1.7), (11.5, 2.1)], colour=style.MUTED)
        _label(axes, 9.05, 1.4, "benchmark rows, which no model is trained on")
        _save(figure)


def _save(figure: Any) -> None:
    """Save with a palette, at a fraction of the size."""
    from PIL import Image

    content = BytesIO()
    figure.savefig(content, format="png", dpi=style.DPI, bbox_inches="tight", facecolor=style.PAPER)
    picture = Image.open(content).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


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
        towards = 1 if x1 > x0 else -1
        ends = x0 + towards * width0 / 2, x1 - towards * width1 / 2
        _path(axes, [(ends[0], y0), (ends[1], y1)], colour=style.BLUE)
        _label(axes, sum(ends) / 2, y0 + 0.08, label)
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
