"""The gate ``cross-fit``: how often it promotes a recipe that is no better, and its power, with models really fitted.

The recipes are linear discriminants, fitted anew on every draw of images: thousands of cross-fitted comparisons take
seconds. Images are vectors of a mixture of Gaussians, which never runs out, and those of MNIST (principal components)
where ``PIPELINE_DATA`` has it. What is measured is what is approximate: the members of different folds share training
images, so that the answers which are compared are not independent.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.judging import paired, spending
from pipeline.judging.paired import Counts, Floats
from pipeline.judging.policy import PRESETS

Bits = NDArray[np.bool_]
Draw = Callable[[np.random.Generator, int, int], Floats]
"""Draws ``[R, K, n, d]``: for each of R datasets n images of each class."""
POLICY = PRESETS["cross-fit"]
CLASSES, FEATURES, FOLDS = 10, 24, 5
BATCH = 50
LEVELS = (0.05, 0.025, 0.005, 0.00125)
SEARCHED = 400
"""Datasets on which two recipes are matched in accuracy."""
CHALLENGERS = 200


@dataclass(frozen=True)
class Recipe:
    """A linear discriminant.

    Attributes:
        shrinkage: Of the covariance towards a multiple of the identity, 0 to 1.
        features: How many it looks at: the first, or of every member others, drawn at random.
        random: Whether they are drawn.
    """

    shrinkage: float = 0.1
    features: int = FEATURES
    random: bool = False


LUCKY = Recipe(features=22, random=True)
"""A recipe whose members differ by luck."""


def mixture(seed: int = 0, spread: float = 1.5) -> Draw:
    """Return images of a mixture of Gaussians with one covariance, of which some features tell more than others."""
    rng = np.random.default_rng(seed)
    weights = np.geomspace(1, 0.35, FEATURES)
    means = rng.normal(0, spread, (CLASSES, FEATURES)) * weights
    mixing = np.eye(FEATURES) + 0.25 * rng.normal(0, 1, (FEATURES, FEATURES)) / np.sqrt(FEATURES)

    def draw(random: np.random.Generator, datasets: int, each: int) -> Floats:
        noise = random.normal(0, 1, (datasets, CLASSES, each, FEATURES)) @ mixing
        images: Floats = means[None, :, None] + noise
        return images

    return draw


def mnist(folder: Path) -> Draw:
    """Return images of MNIST, drawn without replacement, as their first principal components."""
    from pipeline.data import sources

    data = sources.load("mnist", data_dir=folder)
    pixels = data.images[:].reshape(len(data), -1).astype(np.float32) / 255
    pixels -= pixels.mean(axis=0)
    _, vectors = np.linalg.eigh(pixels.T @ pixels)
    components = (pixels @ vectors[:, ::-1][:, :FEATURES]).astype(np.float64)
    by_class = [components[data.labels == label] for label in range(CLASSES)]

    def draw(random: np.random.Generator, datasets: int, each: int) -> Floats:
        return np.stack(
            [np.stack([own[random.permutation(len(own))[:each]] for own in by_class]) for _ in range(datasets)]
        )

    return draw


def out_of_fold(recipe: Recipe, images: Floats, rng: np.random.Generator) -> Bits:
    """Return whether the member that never saw it answers each image rightly, ``[R, K, n]``; n is a multiple of 5."""
    right = np.empty(images.shape[:3], bool)
    fold = np.arange(images.shape[2]) % FOLDS
    for number in range(FOLDS):
        right[:, :, fold == number] = answers(recipe, images[:, :, fold != number], images[:, :, fold == number], rng)
    return right


def answers(recipe: Recipe, train: Floats, test: Floats, rng: np.random.Generator) -> Bits:
    """Fit on ``[R, K, n, d]`` and return whether each image of ``[R, K, m, d]`` is answered rightly, ``[R, K, m]``."""
    x, y = train[..., : recipe.features], test[..., : recipe.features]
    if recipe.random:
        chosen = rng.random((len(train), FEATURES)).argsort(axis=1)[:, None, None, : recipe.features]
        x, y = (np.take_along_axis(part, chosen, axis=3) for part in (train, test))
    means = x.mean(axis=2)
    centred = x - means[:, :, None]
    rows = centred.reshape(len(x), -1, recipe.features)
    covariance = np.swapaxes(rows, 1, 2) @ rows / rows.shape[1]
    scale = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / recipe.features
    shrunk = (1 - recipe.shrinkage) * covariance + recipe.shrinkage * scale * np.eye(recipe.features)
    slopes = np.linalg.solve(shrunk, np.swapaxes(means, 1, 2))
    offsets = 0.5 * np.einsum("rkd,rdk->rk", means, slopes)
    scores = y.reshape(len(y), -1, recipe.features) @ slopes - offsets[:, None]
    truth = np.repeat(np.arange(CLASSES), y.shape[2])
    return np.asarray(scores.argmax(axis=2) == truth).reshape(y.shape[:3])


def counts(champion: Bits, challenger: Bits) -> tuple[Counts, Counts]:
    """Return how many errors were fixed and made in each dataset, ``[R]`` each."""
    fixed, made = challenger & ~champion, champion & ~challenger
    return fixed.reshape(len(fixed), -1).sum(axis=1), made.reshape(len(made), -1).sum(axis=1)


def accuracy(recipe: Recipe, draw: Draw, each: int, seed: int = 1) -> float:
    """Return the expected accuracy of a recipe fitted on so many images of each class."""
    rng = np.random.default_rng(seed)
    found = [
        answers(recipe, images[:, :, :each], images[:, :, each:], rng).mean()
        for images in (draw(rng, BATCH, each + 60) for _ in range(SEARCHED // BATCH))
    ]
    return float(np.mean(found))


def matched(draw: Draw, each: int, weak: Recipe) -> Recipe:
    """Return a recipe with much shrinkage that is as accurate as a weak one with fewer features."""
    goal, low, high = accuracy(weak, draw, each), 0.1, 0.9999
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if accuracy(Recipe(middle), draw, each) > goal else (low, middle)
    return Recipe((low + high) / 2)


@dataclass(frozen=True)
class Null:
    """How often a recipe that is no better is proven better.

    Attributes:
        name: For a table.
        rejected: By level, the share of comparisons.
        spread: Standard deviation of the standardised difference; 1 if answers were independent.
        disagreements: Mean number.
    """

    name: str
    rejected: dict[float, float]
    spread: float
    disagreements: float


def null(name: str, draw: Draw, pair: tuple[Recipe, Recipe], *, each: int, datasets: int, seed: int = 0) -> Null:
    """Compare two recipes of equal accuracy out of fold, both ways, on many datasets."""
    rng = np.random.default_rng(seed)
    found = [
        counts(*(out_of_fold(recipe, images, rng) for recipe in pair))
        for images in (draw(rng, BATCH, each) for _ in range(datasets // BATCH))
    ]
    return _summed_up(name, found)


def _summed_up(name: str, pairs: Sequence[tuple[Counts, Counts]]) -> Null:
    fixed, made = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    p = np.concatenate([paired.p_better(fixed, made), paired.p_better(made, fixed)])
    z = (fixed - made) / np.sqrt(np.maximum(fixed + made, 1))
    rejected = {level: float((p <= level).mean()) for level in LEVELS}
    return Null(name, rejected, float(np.sqrt((z**2).mean())), float((fixed + made).mean()))


def series(draw: Draw, recipe: Recipe, each: int, datasets: int, seed: int = 0) -> float:
    """Return the probability of any false promotion over 200 challengers that are no better, under the preset."""
    rng = np.random.default_rng(seed)
    images = draw(rng, datasets, each)
    champion = out_of_fold(recipe, images, rng)
    left, promoted = np.full(datasets, POLICY.alpha), np.zeros(datasets, bool)
    for _ in range(CHALLENGERS):
        challenger = out_of_fold(recipe, images, rng)
        level = left * spending.OUT_OF_FOLD_SHARE / POLICY.caution
        wins = paired.p_better(*counts(champion, challenger)) <= level
        left = np.where(wins, left, left - level * POLICY.caution)
        champion, promoted = np.where(wins[:, None, None], challenger, champion), promoted | wins
    return float(promoted.mean())


def powers(draw: Draw, weak: Recipe, each: int, datasets: int, seed: int = 0) -> tuple[float, float, float]:
    """Return a challenger's true gain in points, and how often ``guarded`` and ``cross-fit`` promote it at first."""
    rng, strong, won = np.random.default_rng(seed), Recipe(), []
    benchmark = each // FOLDS
    fitted = benchmark + (each - benchmark) // 10
    for _ in range(datasets // BATCH):
        images = draw(rng, BATCH, each)
        train, parts = images[:, :, fitted:], (images[:, :, benchmark:fitted], images[:, :, :benchmark])
        on_validation, on_benchmark = (
            paired.p_better(*counts(*(answers(recipe, train, part, rng) for recipe in (weak, strong))))
            for part in parts
        )
        in_folds = paired.p_better(*counts(*(out_of_fold(recipe, images, rng) for recipe in (weak, strong))))
        guarded = on_benchmark <= POLICY.alpha * spending.share(on_validation)
        won.append([guarded, in_folds <= POLICY.alpha * spending.OUT_OF_FOLD_SHARE / POLICY.caution])
    gain = accuracy(strong, draw, each * 4 // 5) - accuracy(weak, draw, each * 4 // 5)
    return 100 * gain, *np.concatenate(won, axis=1).mean(axis=1).tolist()


def networks(draw: Draw, datasets: int, each: int = 60, seed: int = 0) -> Null:
    """Compare a small neural network with itself, trained from other seeds, out of fold."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    rng, fold = np.random.default_rng(seed), np.arange(each) % FOLDS
    truth = np.repeat(np.arange(CLASSES), each).reshape(CLASSES, each)

    def right(images: Floats, start: int) -> Bits:
        found = np.empty((1, CLASSES, each), bool)
        for number in range(FOLDS):
            train, test = fold != number, fold == number
            model = MLPClassifier((32,), max_iter=40, learning_rate_init=0.01, random_state=start + number)
            model.fit(images[0][:, train].reshape(-1, FEATURES), truth[:, train].ravel())
            answered = model.predict(images[0][:, test].reshape(-1, FEATURES))
            found[0][:, test] = (answered == truth[:, test].ravel()).reshape(CLASSES, -1)
        return found

    pairs = []
    for number in range(datasets):
        images = draw(rng, 1, each)
        pairs.append(counts(*(right(images, FOLDS * (2 * number + one)) for one in (0, 1))))
    return _summed_up("a network of 32 units, from other seeds", pairs)


def populations() -> dict[str, Draw]:
    """Return what images are drawn from, by name."""
    found: dict[str, Draw] = {"Gaussians": mixture()}
    if "PIPELINE_DATA" in os.environ:
        found["MNIST"] = mnist(Path(os.environ["PIPELINE_DATA"]))
    return found


def null_table(datasets: int, fitted_networks: int) -> Iterator[str]:
    """Yield the table of null rejections."""
    yield f"| images | recipes | {' | '.join(f'p <= {level:g}' for level in LEVELS)} | spread | disagreements |"
    yield "|---|---|" + "---|" * (len(LEVELS) + 2)
    for name, draw in populations().items():
        for each in (60, 180):
            weak = Recipe(features=FEATURES - 3)
            pairs = {
                "fewer features, against more shrinkage": (weak, matched(draw, each * 4 // 5, weak)),
                "one recipe, each member on 22 of 24 features": (LUCKY, LUCKY),
            }
            for words, pair in pairs.items():
                yield _row(f"{CLASSES * each:,} of {name}", null(words, draw, pair, each=each, datasets=datasets))
        yield _row(f"600 of {name}", networks(draw, fitted_networks))


def power_table(datasets: int) -> Iterator[str]:
    """Yield the table of powers."""
    yield "| images | benchmark images | gain, points | `guarded` | `cross-fit` |"
    yield "|---|---|---|---|---|"
    for name, draw in populations().items():
        for each in (60, 180):
            for features in (FEATURES - 4, FEATURES - 7, FEATURES - 10):
                gain, guarded, folds = powers(draw, Recipe(features=features), each, datasets)
                size = f"{CLASSES * each:,} of {name} | {CLASSES * each // FOLDS:,}"
                yield f"| {size} | {gain:.2f} | {guarded:.2f} | {folds:.2f} |"


def main(datasets: int = 2_000) -> str:
    """Measure; returns a section of the results."""
    series_of = datasets // 10
    parts = [
        "## The gate `cross-fit`",
        f"Share of comparisons out of fold, of two equally accurate recipes, that prove one better ({datasets:,} "
        f"datasets, {datasets // 20} for the networks, both ways). Independent answers would give at most the level, "
        "and a spread of 1 (of the standardised difference):",
        "\n".join(null_table(datasets, datasets // 20)),
        f"P(any false promotion) over {CHALLENGERS} challengers that are no better, each member on 22 of 24 features, "
        f"600 images, {series_of} series:",
        "\n".join(f"- {name}: {series(draw, LUCKY, 60, series_of):.3f}" for name, draw in populations().items()),
        "Power of a first judgement, all of alpha left:",
        "\n".join(power_table(datasets // 4)),
    ]
    return "\n\n".join(parts)


def _row(images: str, found: Null) -> str:
    shares = " | ".join(f"{found.rejected[level]:.4f}" for level in LEVELS)
    return f"| {images} | {found.name} | {shares} | {found.spread:.2f} | {found.disagreements:.0f} |"


if __name__ == "__main__":
    print(main())
