"""The story of a dataset that grows, twice: MNIST's digits, and coloured shapes of mixed sizes.

500 labelled images, a champion that serves, and twelve batches that arrive in the inbox, each larger than the last.
"""

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import measure, story_pictures, telling
from benchmarks.story_pictures import Labelled
from benchmarks.telling import Story, Told
from pipeline.data import sources
from pipeline.data.roles import BENCHMARK
from pipeline.reports import style
from pipeline.reports.figures import count, drawn, figure, percent
from pipeline.store import role_records, versions

FIRST, BATCHES = 500, 12
DIGITS, SHAPES = 20_000, 6_000
"""Images at the end."""
HELD_BACK = 5_000
"""Of each class of story; of the digits, MNIST's 10,000 test images."""
MARGIN_PP = 0.5
PICTURES = Path(__file__).parents[1] / "docs" / "images"
PREPARED = ("--jobs", "2")


def main() -> str:
    """Tell both stories and return the section; the pictures go to ``docs/images/``."""
    sections = ["## A dataset that grows", "", _INTRODUCTION]
    for name, story in (("digits", digits()), ("colour", shapes())):
        with tempfile.TemporaryDirectory() as place:
            told = telling.tell(story, Path(place))
            _keep(told, name)
            sections += ["", _section(told, story, name)]
    return "\n".join(sections)


_INTRODUCTION = (
    f"A champion of {FIRST} labelled images serves, and {BATCHES} batches arrive in the inbox of `watch`, each larger "
    "than the last and in turn as folders of classes, a folder, a zip archive and a folder with a list, copied "
    "slowly. `cnn --effort quick`, gate `growing`. *Truth* is accuracy on images that no command ever saw."
)


def digits() -> Story:
    """Return the story of MNIST: its training images arrive, its test images are held back."""
    arriving, held_back = mnist(DIGITS)
    return _story("digits-arriving", arriving, held_back, ("--as", "as-is", *PREPARED))


def mnist(count: int) -> tuple[list[Labelled], list[Labelled]]:
    """Return so many of MNIST's training images, drawn at random, and its test images."""
    data = sources.load("mnist")
    assert data.official_test is not None
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(~data.official_test))[:count]
    pictures, held_back = (
        [(data.classes[data.labels[row]], Image.fromarray(data.images[row, :, :, 0])) for row in rows]
        for rows in (drawn, np.flatnonzero(data.official_test))
    )
    return pictures, held_back


def shapes() -> Story:
    """Return the story of coloured shapes of mixed sizes, turned, behind stray lines and in noise."""
    pictures = story_pictures.shapes(SHAPES + HELD_BACK, seed=0, disturbance=0.35)
    options = ("--as", "fit", "--image-size", "24,24,3", *PREPARED)
    return _story("shapes-arriving", pictures[:SHAPES], pictures[SHAPES:], options)


def _story(name: str, arriving: Sequence[Labelled], held_back: Sequence[Labelled], ingest: tuple[str, ...]) -> Story:
    ends = np.geomspace(FIRST, len(arriving), BATCHES + 1).round().astype(int).tolist()
    return Story(
        dataset=name,
        first=arriving[:FIRST],
        batches=[arriving[start:end] for start, end in pairwise(ends)],
        held_back=held_back,
        ingest=ingest,
        runs=("--models", "cnn", "--effort", "quick"),
        gate=f"margin_pp = {MARGIN_PP}\npreset = 'growing'",
        every=1,
    )


def _section(told: Told, story: Story, name: str) -> str:
    moments = told.moments
    promotions = len(told.served)
    rows = [
        (
            str(one.batch) if one.batch else "first set",
            one.form,
            f"{one.images:,}",
            _trained_on(told, one.champion),
            f"{100 * one.accuracy:.2f} %",
            f"{100 * max(before.accuracy for before in moments[: place + 1]):.2f} %",
        )
        for place, one in enumerate(moments)
    ]
    best = max(told.truth.values())
    return "\n\n".join(
        [
            f"**{name.capitalize()}**, `{story.dataset}`:",
            measure.table(("batch", "arrived as", "images stored", "champion's images", "truth", "best so far"), rows),
            f"Promotions: {promotions}, refusals: {len(told.truth) - promotions}. Production was never more than "
            f"{told.worst_loss_pp:.2f} points worse than the best it had been (margin {MARGIN_PP:g}), and ends "
            f"{100 * (best - moments[-1].accuracy):.2f} points below the best of all {len(told.truth)} versions that "
            f"were trained. {told.requests:,} predictions were asked for meanwhile, {len(told.failed)} failed; the "
            f"slowest took {told.slowest_ms:,.0f} ms. {_benchmark(told, story)}",
            f"![Error on images held back, version by version](../docs/images/story-{name}.png)",
        ]
    )


def _trained_on(told: Told, version: str) -> str:
    return f"{versions.find(told.home, version).manifest.rows.train_size:,}"


def _benchmark(told: Told, story: Story) -> str:
    roles = role_records.load(told.home, story.dataset)
    assert roles is not None
    return f"The benchmark grew to {int((roles.roles == BENCHMARK).sum()):,} images."


def _keep(told: Told, name: str) -> None:
    """Keep the figures, the picture of the truth, and the pictures that the project itself made of it."""
    (measure.RAW / f"story-{name}.json").write_text(telling.as_json(told) + "\n")
    (PICTURES / f"story-{name}.png").write_bytes(picture(told))
    if name == "digits":
        made = told.home.metric_results / "learning_curve.png"
        (PICTURES / "growing-curve.png").write_bytes(made.read_bytes())


@drawn
def picture(told: Told) -> Any:
    """Draw the error of every version on what was held back, and the way that production took."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    listed = versions.list_versions(told.home)
    served = set(told.served)
    canvas = figure(7.4, 4.4)
    axes = canvas.subplots()
    axes.set(xscale="log", yscale="log", xlabel="images in the dataset", ylabel="error on images held back")
    for version in listed:
        fill, edge = (style.BLUE, style.BLUE) if version.id in served else (style.PAPER, style.MUTED)
        look = {"color": fill, "markeredgecolor": edge, "marker": "o", "markersize": 7, "linestyle": "", "zorder": 4}
        axes.plot(version.manifest.dataset.images, 1 - told.truth[version.id], **look)
    axes.step(
        [one.images for one in told.moments],
        [1 - one.accuracy for one in told.moments],
        where="post",
        color=style.BLUE,
        zorder=3,
    )
    handles = [
        axes.plot([], [], color=style.BLUE, marker="o", label="in production")[0],
        axes.plot([], [], color=style.PAPER, markeredgecolor=style.MUTED, marker="o", linestyle="", label="refused")[0],
    ]
    axes.legend(handles=handles, loc="upper right")
    for axis, text in ((axes.xaxis, count), (axes.yaxis, percent)):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=30))
        axis.set_major_formatter(FuncFormatter(lambda value, _, text=text: text(value)))
        axis.set_minor_formatter(NullFormatter())
    axes.set_title("Production as the dataset grows")
    return canvas
