"""Drift: how often a monitor is wrong about unchanged images, and how soon it finds changed ones, with a real champion.

The champion is `cnn --effort quick` on MNIST as a run trains it. Reference and streams are drawn, with replacement,
from all 16,000 images that it was not trained on, so that unchanged streams are exchangeable with the reference.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure
from pipeline.contracts import Images, LabelledImages, Split
from pipeline.data import sources, splits
from pipeline.data.preparation import default_for, prepare
from pipeline.inference.features import FeaturePredictor
from pipeline.inspection.drift_reference import MOST_TRAINED, see
from pipeline.models import registry
from pipeline.models.fitting import FitRequest
from pipeline.models.runtime import prepare_process
from pipeline.monitoring import image_scores
from pipeline.monitoring.image_scores import BINS, WEIGHTS, Scorer
from pipeline.monitoring.martingales import Martingale, limits
from pipeline.monitoring.monitor import ALPHA, level

if TYPE_CHECKING:
    from PIL import ImageFont

STREAMS, LIFE, CLEAN, REFERENCE = 200, 20_000, 1_000, 5_000
POOL = 4_000
"""Images that are changed, or letters that are drawn; each stream draws from them."""
SLOW, STEPS = 3_000, 61
"""Images over which a slow rotation goes from 0 to 30 degrees, and angles that it takes on the way."""
NEVER = 10**6
Streams = NDArray[np.int16]
"""Bins of images in every score."""


class Bench:
    """A champion, and what it makes of images that it was not trained on.

    Attributes:
        rng: Draws everything.
        classes: How many there are.
        labels: The truth of the images it was not trained on, ``[N]``.
        usual: Their bins, ``[N, K]``.
        some: A part of them, uint8 ``[POOL, H, W, C]``.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        data, split = _split(seed)
        self._model = _champion(data, split, seed)
        held_out = np.concatenate([split.validation, split.benchmark])
        self._scorer = self._fitted(data, split, seed)
        self.classes = len(data.classes)
        self.labels, self.usual = data.labels[held_out], self.bins(data.images[held_out])
        self.some = data.images[self.rng.choice(held_out, POOL, replace=False)]

    def bins(self, images: Images) -> Streams:
        """Return the bins of images in every score, ``[N, K]``."""
        return image_scores.bins(self._scorer, see(self._model, images)).astype(np.int16)

    def references(self, size: int) -> NDArray[np.int64]:
        """Return the counts of a reference for each stream, ``[STREAMS, K, BINS]``."""
        drawn = self.drawn(self.usual, size)
        return np.stack([[np.bincount(column, minlength=BINS) for column in own.T] for own in drawn])

    def drawn(self, bins: Streams, images: int) -> Streams:
        """Return images drawn for each stream, ``[STREAMS, images, K]``."""
        return bins[self.rng.integers(len(bins), size=(STREAMS, images))]

    def first_alarms(self, references: NDArray[np.int64], streams: Streams) -> NDArray[np.int64]:
        """Return which image of each stream raises the alarm, counted from 1; ``NEVER`` where none does."""
        monitors = Martingale(references.copy(), self._scorer.vanishing)
        needed = limits(level(1), WEIGHTS, self.classes)
        found = np.full(len(streams), NEVER)
        for step in range(streams.shape[1]):
            evidence = monitors.update(streams[:, step].astype(np.int64), 1 - self.rng.random(streams[:, step].shape))
            found[(evidence >= needed).any(axis=1) & (found == NEVER)] = step + 1
            if (found < NEVER).all():
                break
        return found

    def _fitted(self, data: LabelledImages, split: Split, seed: int) -> Scorer:
        trained = self.rng.permutation(split.train)[:MOST_TRAINED]
        return image_scores.fit(see(self._model, data.images[trained]), data.labels[trained], seed)


def rotated(images: Images, degrees: float) -> Images:
    """Return images turned about their centre, by cubic splines."""
    from scipy.ndimage import rotate

    turned = rotate(images.astype(np.float32), degrees, axes=(1, 2), reshape=False, order=3)
    clipped: Images = np.clip(np.rint(turned), 0, 255).astype(np.uint8)
    return clipped


def blurred(images: Images) -> Images:
    """Return images blurred by two pixels."""
    from scipy.ndimage import gaussian_filter

    blurry: Images = np.rint(gaussian_filter(images.astype(np.float32), (0, 2, 2, 0))).astype(np.uint8)
    return blurry


def letters(rng: np.random.Generator, *, prepared: bool) -> Images:
    """Return capitals in DejaVu's fonts, drawn straight into 28 x 28 pixels or prepared as digits are."""
    from PIL import Image, ImageDraw

    side = 120 if prepared else 28
    fonts, drawn = _fonts(round(0.7 * side)), []
    for _ in range(POOL):
        picture = Image.new("L", (side, side), 0)
        letter, font = chr(ord("A") + rng.integers(26)), fonts[rng.integers(len(fonts))]
        ImageDraw.Draw(picture).text((side / 2, side / 2), letter, fill=255, font=font, anchor="mm")
        drawn.append(prepare(picture, default_for((28, 28, 1))) if prepared else np.asarray(picture)[..., None])
    return np.stack(drawn)


@dataclass(frozen=True)
class Change:
    """A way in which images change.

    Attributes:
        what: In words.
        images: How many changed images a stream has.
        streams: Returns them, ``[STREAMS, images, K]``.
        median, most: The delay allowed, in images: median and 95 % quantile; ``None`` where there is no target.
    """

    what: str
    images: int
    streams: Callable[[Bench, int], Streams]
    median: int | None = None
    most: int | None = None


def _all(change: Callable[[Bench], Images]) -> Callable[[Bench, int], Streams]:
    return lambda bench, images: bench.drawn(bench.bins(change(bench)), images)


def _one_in_ten(change: Callable[[Bench], Images]) -> Callable[[Bench, int], Streams]:
    def streams(bench: Bench, images: int) -> Streams:
        usual, changed = bench.drawn(bench.usual, images), bench.drawn(bench.bins(change(bench)), images)
        return np.where(bench.rng.random(usual.shape[:2])[..., None] < 0.1, changed, usual)

    return streams


def _without_a_class(bench: Bench, images: int) -> Streams:
    left = [bench.usual[bench.labels != stream % bench.classes] for stream in range(STREAMS)]
    return np.stack([own[bench.rng.integers(len(own), size=images)] for own in left])


def _slowly_rotated(bench: Bench, images: int) -> Streams:
    some = bench.some[: POOL // 4]
    turned = np.stack([bench.bins(rotated(some, degrees)) for degrees in np.linspace(0, 30, STEPS)])
    steps = np.minimum(np.rint(np.arange(1, images + 1) / SLOW * (STEPS - 1)).astype(int), STEPS - 1)
    drawn: Streams = turned[steps, bench.rng.integers(len(some), size=(STREAMS, images))]
    return drawn


CHANGES = (
    Change("rotation by 30°", 200, _all(lambda bench: rotated(bench.some, 30)), 40, 75),
    Change("inversion", 200, _all(lambda bench: 255 - bench.some), 40, 75),
    Change("heavy blur (two pixels)", 200, _all(lambda bench: blurred(bench.some)), 40, 75),
    Change("letters in a font's form", 200, _all(lambda bench: letters(bench.rng, prepared=False)), 40, 75),
    Change("one in ten such a letter", 1_500, _one_in_ten(lambda bench: letters(bench.rng, prepared=False)), 250, 500),
    Change("one class vanishes", 800, _without_a_class, 200, 300),
    Change("rotation from 0 to 30° over 3,000 images", 2_000, _slowly_rotated, 1_000, 1_200),
    Change("letters, prepared as digits are", 200, _all(lambda bench: letters(bench.rng, prepared=True))),
    Change("one in ten such a letter", 1_500, _one_in_ten(lambda bench: letters(bench.rng, prepared=True))),
)
SMALLER = (2_000, 1_000)
"""Sizes of references beside ``REFERENCE``."""


def main() -> str:
    """Measure; returns a section of the results."""
    bench = Bench()
    false = bench.first_alarms(bench.references(REFERENCE), bench.drawn(bench.usual, LIFE)) < NEVER
    references = bench.references(REFERENCE)
    rows = [_row(bench, change, references) for change in CHANGES]
    vanishing = next(change for change in CHANGES if change.streams is _without_a_class)
    small = [_row(bench, vanishing, bench.references(size), f", reference of {size:,}") for size in SMALLER]
    return "\n\n".join(
        [
            "## Drift",
            f"The promise is {100 * ALPHA:g} % for the life of a dataset; this is its first monitor, with "
            f"{100 * level(1):g} %. Champion `cnn --effort quick`; {STREAMS} streams, references of {REFERENCE:,}, "
            f"drawn with replacement from all {len(bench.usual):,} images that the champion was not trained on.",
            measure.table(
                ("what", "target", "measured", "reached"),
                [
                    (
                        f"false alarms in {STREAMS} streams of {LIFE:,} unchanged images",
                        "at most 2",
                        str(false.sum()),
                        measure.yes(false.sum() <= 2),
                    )
                ],
            ),
            f"Delay in images, after {CLEAN:,} unchanged ones:",
            measure.table(
                ("change", "target: median, 95 %", "median, 95 %", "alarms before it", "reached"), rows + small
            ),
        ]
    )


def _row(bench: Bench, change: Change, references: NDArray[np.int64], note: str = "") -> tuple[str, ...]:
    streams = np.concatenate([bench.drawn(bench.usual, CLEAN), change.streams(bench, change.images)], axis=1)
    found = bench.first_alarms(references, streams)
    early = int((found <= CLEAN).sum())
    median, most = np.quantile(found[found > CLEAN] - CLEAN, [0.5, 0.95], method="higher").astype(int)
    print(f"drift: {change.what}{note}: {median}, {most}", flush=True)
    shown = [f"{delay:,}" if delay < change.images else "never" for delay in (median, most)]
    if change.median is None or change.most is None or note:
        return f"{change.what}{note}", "", ", ".join(shown), str(early), ""
    reached = median <= change.median and most <= change.most
    target = f"{change.median:,}, {change.most:,}"
    return change.what, target, ", ".join(shown), str(early), measure.yes(bool(reached))


def _split(seed: int) -> tuple[LabelledImages, Split]:
    data = sources.load("mnist")
    roles = splits.assign_roles(data)
    available = splits.sizes(data, roles)
    return data, splits.plan(data, roles, available.train, available.benchmark, seed)


def _champion(data: LabelledImages, split: Split, seed: int) -> FeaturePredictor:
    prepare_process()
    recipe = registry.find("cnn")
    parameters = registry.parameters_of(recipe, {"effort": "quick"})
    model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
    rows: Sequence[NDArray[np.int64]] = (split.train, split.validation)
    (images, labels), held_out = ((data.images[own], data.labels[own]) for own in rows)
    model.fit(FitRequest(images, labels, *held_out, seed))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export_onnx(path)
        return FeaturePredictor(path.read_bytes(), threads=1)


def _fonts(size: int) -> list["ImageFont.FreeTypeFont"]:
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [
        ImageFont.truetype(path, size) for path in sorted(folder.glob("DejaVuS*.ttf")) if "Display" not in path.stem
    ]
