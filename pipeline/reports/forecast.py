"""How many training images a recipe would need for an accuracy, from a power law fitted to its learning curve."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import SettingsError, StoreError
from pipeline.judging.intervals import clopper_pearson
from pipeline.reports.figures import percent
from pipeline.reports.formats import count
from pipeline.reports.tables import line_label

if TYPE_CHECKING:
    import pandas as pd

CAVEAT = (
    "A forecast only holds if errors keep falling as they did over the measured sizes, with the same kind of images "
    "and the same recipe. Its interval covers chance in the measured errors, not a change of trend; far beyond the "
    "largest measured size, a forecast is a guess."
)
LEAST_SIZES = 3
SIZES_FOR_A_FLOOR = 4
"""Three parameters need more than three sizes, else every curve fits: from three, the law is fitted without a floor."""
LEAST_SPREAD, SPREAD_OF_THREE = 0.01, 0.1
"""Misfit of the law that an interval allows for at least; three sizes say next to nothing about it."""
RESAMPLES = 300
OUT_OF_REACH = 1e9
"""Images; a size beyond it is reported as 'never, at this rate'."""
_NO_FLOOR = 1e-6
_EXPONENTS = np.geomspace(0.005, 3.0, 150)
_NO_SHARE = np.zeros(1)
_SHARES = np.concatenate([_NO_SHARE, np.geomspace(1e-3, 1e3, 90)])

Floats = NDArray[np.float64]
Line = tuple[str, str, str, str]
"""Dataset, digest of the benchmark, recipe and settings."""


@dataclass(frozen=True)
class PowerLaw:
    """``error(n) = scale * n ** -exponent + floor``, with ``floor`` at least 0 (Hestness and others, 2017).

    Attributes:
        scale, exponent, floor: The parameters; errors are fractions, ``n`` counts training images.
        spread: Standard deviation of the logarithm of the measured errors about the law.
    """

    scale: float
    exponent: float
    floor: float
    spread: float

    def error(self, size: ArrayLike) -> Floats:
        """Return the expected error with this many training images, at most 1."""
        return np.minimum(1.0, self.scale * np.asarray(size, dtype=float) ** -self.exponent + self.floor)

    def size(self, accuracy: float) -> float:
        """Return the training images at which the law reaches an accuracy; infinite where it never does."""
        above_floor = 1.0 - accuracy - self.floor
        if above_floor <= 0 or self.exponent < 1e-6:
            return float("inf")
        logarithm = np.log(self.scale / above_floor) / self.exponent
        return float(np.exp(logarithm)) if logarithm < 700 else float("inf")


@dataclass(frozen=True)
class Forecast:
    """When a recipe would reach an accuracy on a dataset.

    Attributes:
        dataset, benchmark_sha256, recipe, settings, accuracy: What is asked.
        law: The fitted law; ``None`` where too few sizes were measured.
        size: Training images needed; ``None`` for never, at this rate, or unknown.
        low, high: 95 % interval of the size; ``high`` is ``None`` where it has no upper end.
        reached_at: The smallest measured size whose mean accuracy is already enough.
        sentence: All of it for a person.
    """

    dataset: str
    benchmark_sha256: str
    recipe: str
    settings: str
    accuracy: float
    law: PowerLaw | None
    size: float | None
    low: float | None
    high: float | None
    reached_at: int | None
    sentence: str


def fit_power_law(sizes: ArrayLike, errors: ArrayLike, test_images: ArrayLike) -> PowerLaw:
    """Fit a power law to measured errors in the logarithm, each weighted by its binomial certainty.

    An error of nothing counts as half an error. As real curves are no exact power laws, 5 % of misfit is allowed
    at every size, so that a huge test set does not make one size count for all.

    Args:
        sizes: Training images, ``[S]``, at least three different ones; from three the law has no floor.
        errors: Fractions of test images misclassified, ``[S]``.
        test_images: How many were tested, a number or ``[S]``.

    Raises:
        SettingsError: Fewer than three sizes.
    """
    sizes, errors, tested = _arrays(sizes, errors, test_images)
    if len(np.unique(sizes)) < LEAST_SIZES:
        raise SettingsError(f"A power law needs at least {LEAST_SIZES} training sizes; there are {len(set(sizes))}.")
    sigma = np.sqrt(_binomial_variance(errors, tested) + 0.05**2)
    if len(np.unique(sizes)) < SIZES_FOR_A_FLOOR:
        (law,) = _nearest_on_grid(sizes, errors[None], sigma, _NO_SHARE)
        scale, exponent, floor, fitted = law.scale, law.exponent, 0.0, 2
    else:
        scale, exponent, floor = _polished(sizes, errors, sigma, _nearest_on_grid(sizes, errors[None], sigma)[0])
        fitted = 3
    residuals = np.log(errors) - np.log(scale * sizes**-exponent + floor)
    return PowerLaw(scale, exponent, floor, float(np.sqrt(np.sum(residuals**2) / (len(sizes) - fitted))))


def forecast(curve: "pd.DataFrame", accuracy: float, seed: int = 0) -> list[Forecast]:
    """Forecast each line of a learning curve: dataset, benchmark, recipe and settings.

    From three sizes, the law has no floor, but those of the interval do: it then often has no upper end.
    The interval comes from ``RESAMPLES`` refits to errors drawn from the law: binomial noise of the test images,
    and the misfit of the law, which the spread between runs is part of.

    Args:
        curve: ``tables.learning_curve_table``.
        accuracy: The accuracy asked for, above 0 and below 1.
        seed: Of the resampling.

    Raises:
        SettingsError: The accuracy is not between 0 and 1.
        StoreError: The curve has no point yet.
    """
    if not 0 < accuracy < 1:
        raise SettingsError(f"An accuracy to forecast lies between 0 and 1, such as 0.998; {accuracy:g} does not.")
    if curve.empty:
        raise StoreError(
            f"There is nothing to forecast from yet: train at least {LEAST_SIZES} sizes, for instance with "
            "`simulator.py run --train-sizes 0.02,0.06,0.2,0.6,all`."
        )
    groups = curve.groupby(["dataset", "benchmark_sha256", "recipe", "settings"], sort=True)
    benchmarks = curve.groupby("dataset")["benchmark_sha256"].nunique().to_dict()
    return [
        _forecast(of, _subject(of, benchmarks), points.sort_values("train_size"), accuracy, seed)
        for of, points in groups
    ]


def _subject(of: Line, benchmarks: Mapping[str, int]) -> str:
    """The line's name, with dataset and benchmark where there are several; ``benchmarks`` counts by dataset."""
    dataset, benchmark_sha256, recipe, settings = of
    name = line_label(recipe, settings)
    if benchmarks[dataset] > 1:
        return f"{name} on {dataset} (benchmark {benchmark_sha256[:12]})"
    return f"{name} on {dataset}" if len(benchmarks) > 1 else name


def _forecast(of: Line, subject: str, points: "pd.DataFrame", accuracy: float, seed: int) -> Forecast:
    enough = points.loc[points["accuracy"] >= accuracy, "train_size"]
    reached_at = int(enough.min()) if len(enough) else None
    law = size = low = high = None
    if len(points) >= LEAST_SIZES:
        sizes, tested = points["train_size"].to_numpy(), points["benchmark_images"].to_numpy()
        law = fit_power_law(sizes, points["error"].to_numpy(), tested)
        size = _reachable(law.size(accuracy))
        low, high = _size_interval(law, sizes, tested, accuracy, seed)
    bare = Forecast(*of, accuracy, law, size, low, high, reached_at, "")
    return replace(bare, sentence=_sentence(bare, subject, points))


def _size_interval(
    law: PowerLaw, sizes: ArrayLike, test_images: ArrayLike, accuracy: float, seed: int
) -> tuple[float | None, float | None]:
    rng = np.random.default_rng(seed)
    sizes, expected, tested = _arrays(sizes, law.error(sizes), test_images)
    least = LEAST_SPREAD if len(sizes) >= SIZES_FOR_A_FLOOR else SPREAD_OF_THREE
    sigma = np.sqrt(_binomial_variance(expected, tested) + max(law.spread, least) ** 2)
    drawn = np.minimum(expected * np.exp(rng.normal(0.0, sigma, (RESAMPLES, len(sizes)))), 1.0)
    needed = np.sort([refit.size(accuracy) for refit in _nearest_on_grid(sizes, drawn, sigma)])
    # Order statistics rather than interpolation: some of the sizes are infinite.
    low, high = (float(needed[int(share * RESAMPLES)]) for share in (0.025, 0.975))
    size = law.size(accuracy)
    return _reachable(min(low, size)), _reachable(max(high, size))


def _nearest_on_grid(sizes: Floats, errors: Floats, sigma: Floats, shares: Floats = _SHARES) -> list[PowerLaw]:
    """The best law for each row of errors ``[R, S]``, to within the grid, and never a local optimum.

    ``log error = level + log((n / largest) ** -exponent + share)``: the level is a weighted mean, so that only
    exponent and share (of the floor, relative to the part that still falls at the largest size) are searched.
    """
    largest, weights = sizes.max(), sigma**-2 / np.sum(sigma**-2)
    exponents, all_shares = (axis.ravel() for axis in np.meshgrid(_EXPONENTS, shares))
    shapes = np.log((sizes / largest) ** -exponents[:, None] + all_shares[:, None])
    logarithms = np.log(errors)
    levels = (logarithms @ weights)[:, None] - shapes @ weights
    cost = (shapes**2 @ weights) - 2 * (logarithms * weights) @ shapes.T - levels**2
    best = np.argmin(cost, axis=1)
    levels = np.exp(levels[np.arange(len(errors)), best])
    triples = zip(levels, exponents[best], all_shares[best], strict=True)
    return [PowerLaw(float(a * largest**b), float(b), float(a * share), 0.0) for a, b, share in triples]


def _polished(sizes: Floats, errors: Floats, sigma: Floats, start: PowerLaw) -> tuple[float, float, float]:
    from scipy.optimize import least_squares

    def residuals(parameters: Floats) -> Floats:
        predicted = np.exp(parameters[0]) * sizes ** -parameters[1] + parameters[2] * errors.min()
        return np.asarray((np.log(predicted) - np.log(errors)) / sigma)

    guess = (np.log(start.scale), start.exponent, start.floor / errors.min())
    scale, exponent, floor = least_squares(residuals, guess, bounds=([-50, 0, 0], [80, 5, 5])).x
    floor = floor * errors.min()
    return float(np.exp(scale)), float(exponent), float(floor) if floor > _NO_FLOOR else 0.0


def _arrays(sizes: ArrayLike, errors: ArrayLike, test_images: ArrayLike) -> tuple[Floats, Floats, Floats]:
    sizes = np.asarray(sizes, dtype=float)
    tested = np.broadcast_to(np.asarray(test_images, dtype=float), sizes.shape)
    return sizes, np.clip(np.asarray(errors, dtype=float), 0.5 / tested, 1.0), tested


def _binomial_variance(errors: Floats, tested: Floats) -> Floats:
    """Of the logarithm of an error rate, by the delta method."""
    return (1.0 - np.minimum(errors, 0.999)) / (tested * errors)


def _reachable(size: float) -> float | None:
    return size if size <= OUT_OF_REACH else None


def _sentence(bare: Forecast, subject: str, points: "pd.DataFrame") -> str:
    goal, law = percent(round(bare.accuracy, 6)), bare.law
    smallest, largest = int(points["train_size"].min()), int(points["train_size"].max())
    if bare.reached_at is not None:
        return (
            f"{subject} already reached {goal} with {count(bare.reached_at)} training images, averaged over its runs"
            f"{_unproven(bare, points)}."
        )
    if law is None:
        measured = f"{len(points)} of the at least {LEAST_SIZES} training sizes"
        return f"{subject} was measured at {measured} that a forecast needs: sweep more sizes."
    span = f"between {count(smallest)} and {count(largest)} images"
    if bare.size is None:
        reason = _why_never(law, bare.accuracy, smallest, largest)
        return f"{subject} never reaches {goal} at the rate seen {span}: {reason}{_unless(bare.low)}."
    low = _about(bare.low or bare.size)
    interval = f"{low} to {_about(bare.high)}" if bare.high else f"{low} or more, with no upper end"
    return (
        f"{subject} would reach {goal} at about {_about(bare.size)} training images (95 % interval: {interval}), "
        f"{float(f'{bare.size / largest:.2g}'):,g} times the largest measured, if its errors keep falling as seen "
        f"{span}{_of_three(points)}."
    )


def _unproven(bare: Forecast, points: "pd.DataFrame") -> str:
    point = points.loc[points["train_size"] == bare.reached_at].iloc[0]
    images = int(point["benchmark_images"])
    low = float(clopper_pearson(round(images * point["accuracy"]), images).low)
    if low >= bare.accuracy:
        return ""
    start = percent(round(low, 4))
    return f"; on {count(images)} benchmark images, the 95 % interval of its accuracy starts at {start}"


def _of_three(points: "pd.DataFrame") -> str:
    if len(points) >= SIZES_FOR_A_FLOOR:
        return ""
    return "; three sizes do not show where they level off, which the interval allows for"


def _why_never(law: PowerLaw, accuracy: float, smallest: int, largest: int) -> str:
    if law.error(smallest) < 1.1 * law.error(largest):
        return "its errors hardly fall with more images"
    if law.size(accuracy) == float("inf"):
        return f"its errors level off near {percent(law.floor)}"
    return "it would take over a billion images"


def _unless(low: float | None) -> str:
    return f", though within the 95 % interval {_about(low)} images could be enough" if low else ""


def _about(size: float) -> str:
    return count(float(f"{size:.2g}"))
