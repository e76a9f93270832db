"""The one place that holds colours, marks and type sizes, for plots, workbooks and HTML alike.

The hues start from Okabe and Ito's palette (2008), which people with red-green colour blindness can read,
darkened where a line on white paper would be too pale. Colour never carries a meaning alone: each recipe
also has a marker and a dash pattern, and each outcome a tick, a cross or an exclamation mark.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.contracts import Standing

INK = "#1b2026"
MUTED = "#59636e"
RULE = "#d5dbe1"
GRID = "#e7ebef"
PAPER = "#ffffff"
SHADE = "#f4f6f8"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#008a64"
PURPLE = "#7a4fa3"

FONT_STACK = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MONO_STACK = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'

TEXT_POINTS = 9.5
SMALL_POINTS = 8.0
TITLE_POINTS = 12.0
DPI = 144
"""Pixels an inch of every PNG: sharp on a dense screen, small enough to embed in a report."""

MISTAKES = "Oranges"
"""Colour map for amounts of mistakes, so that they never look like right answers; it grows evenly
darker and so survives a black and white printer."""


@dataclass(frozen=True)
class OutcomeStyle:
    """How an outcome looks: a strong colour for text, a tint behind it, a mark and words that need no colour.

    Attributes:
        word: Of a version.
        of_check: Of one check.
        meaning: What ``word`` says of a version, for a legend.
    """

    colour: str
    tint: str
    mark: str
    word: str
    of_check: str
    meaning: str


_NEUTRAL = ("#4a545f", "#e9edf1", "–")

OUTCOMES: Mapping[Standing, OutcomeStyle] = MappingProxyType(
    {
        "pass": OutcomeStyle("#00568a", "#dcedf8", "✓", "passed", "passed", "met every requirement"),
        "passed_before": OutcomeStyle(*_NEUTRAL, "passed before", "not shown", "passed once, but not when judged last"),
        "unproven": OutcomeStyle(
            *_NEUTRAL, "not promoted", "not shown", "not shown to be good enough to replace the champion"
        ),
        "fail": OutcomeStyle("#a84300", "#fdebdd", "✗", "failed", "failed", "misses a requirement"),
        "error": OutcomeStyle("#663d8f", "#efe6f7", "!", "undecided", "undecided", "could not be judged"),
    }
)


@dataclass(frozen=True)
class SeriesStyle:
    """How one recipe's line looks: matplotlib's colour, marker and dash pattern (``(offset, on-off points)``).

    No marker points to a side: at the end of the line that leads to its label, it would look like an arrow.
    """

    colour: str
    marker: str
    dashes: tuple[int, tuple[float, ...]]

    @property
    def text_colour(self) -> str:
        """The colour, darkened enough to be read as small text on white."""
        return mixed(self.colour, "#000000", 0.2)


_SOLID = (0, ())
_LONG = (0, (7.0, 1.6))
_SHORT = (0, (3.5, 1.5))
_DOTS = (0, (1.2, 1.4))
_DASH_DOT = (0, (6.0, 1.6, 1.2, 1.6))

OTHER_SETTINGS = (_SHORT, _DOTS, _DASH_DOT, _LONG)
"""The dash patterns of a recipe's second and later settings."""
DATED = (0, (4.0, 2.5))
"""The dash pattern of figures that were measured elsewhere, long ago."""

RECIPES: Mapping[str, SeriesStyle] = MappingProxyType(
    {
        "cnn": SeriesStyle(BLUE, "o", _SOLID),
        "cnn_ensemble": SeriesStyle("#12355b", "D", _SOLID),
        "xgboost": SeriesStyle(ORANGE, "s", _SOLID),
        "mlp": SeriesStyle(GREEN, "^", _LONG),
        "xgboost_2018": SeriesStyle("#b07d00", "v", _LONG),
        "cnn_baseline": SeriesStyle("#3797cf", "P", _SHORT),
        "cnn_dropout": SeriesStyle("#bb5f92", "X", _SHORT),
        "cnn_batchnorm": SeriesStyle(PURPLE, "h", _DASH_DOT),
        "logistic": SeriesStyle("#6f7780", "p", _DASH_DOT),
        "dummy": SeriesStyle("#22262b", "*", _DOTS),
    }
)

_SPARE = (
    SeriesStyle("#8c2d19", "P", _SOLID),
    SeriesStyle("#3f7d20", "p", _SHORT),
    SeriesStyle("#a8408f", "d", _LONG),
    SeriesStyle("#2f6f79", "H", _DASH_DOT),
    SeriesStyle("#7d6608", "8", _DOTS),
)


def series_styles(recipes: Iterable[str]) -> dict[str, SeriesStyle]:
    """Return a style for each recipe: known ones always look the same, others take the spare ones by name."""
    names = sorted(set(recipes))
    unknown = [name for name in names if name not in RECIPES]
    spare = {name: _SPARE[index % len(_SPARE)] for index, name in enumerate(unknown)}
    return {name: RECIPES.get(name) or spare[name] for name in names}


def mixed(colour: str, other: str, share: float) -> str:
    """Return a colour with a share (0 to 1) of another in it."""
    pairs = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(one + share * (two - one)):02x}" for one, two in pairs)


@contextmanager
def plotting() -> Iterator[None]:
    """Use this project's matplotlib style within the block; afterwards the settings are as before."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_plot_settings())
        yield


def css_properties() -> str:
    """Return the same constants as CSS custom properties: ``:root { --ink: #1b2026; … }``."""
    names = {
        "ink": INK,
        "muted": MUTED,
        "rule": RULE,
        "grid": GRID,
        "paper": PAPER,
        "shade": SHADE,
        "accent": BLUE,
        "contrast": ORANGE,
        "font": FONT_STACK,
        "mono": MONO_STACK,
    }
    for outcome, style in OUTCOMES.items():
        names |= {outcome: style.colour, f"{outcome}-tint": style.tint}
    for recipe, series in RECIPES.items():
        names[f"series-{recipe.replace('_', '-')}"] = series.colour
    body = "\n".join(f"  --{name}: {value};" for name, value in names.items())
    return f":root {{\n{body}\n}}\n"


def _plot_settings() -> dict[str, object]:
    return {
        "figure.facecolor": PAPER,
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "savefig.facecolor": PAPER,
        "savefig.bbox": "tight",
        "savefig.pad_inches": 0.15,
        "font.family": "DejaVu Sans",
        "font.size": TEXT_POINTS,
        "axes.titlesize": TITLE_POINTS,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 12.0,
        "axes.labelsize": TEXT_POINTS,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "text.parse_math": False,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": SMALL_POINTS,
        "ytick.labelsize": SMALL_POINTS,
        "lines.linewidth": 1.8,
        "lines.markersize": 5.0,
        "legend.frameon": False,
        "legend.fontsize": SMALL_POINTS,
    }
