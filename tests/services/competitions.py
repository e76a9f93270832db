"""Small competitions, each of its own form or metric, with its answers: what the server on loopback offers."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from kaggle_server import KaggleServer
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, log_loss
from small_version import digits

TRAIN, TEST = 500, 200
TREES = ("birch", "elm", "oak")
HEIGHT, WIDTH = 6, 9


@dataclass(frozen=True)
class Competition:
    """One competition.

    Attributes:
        name: As in its address.
        files: What Kaggle has, by name.
        header: Of its sample.
        truth: The label of each row of the sample.
        options: What the command line needs beyond the name.
    """

    name: str
    files: Mapping[str, bytes]
    header: list[str]
    truth: list[str]
    options: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What it scores by."""
        return self.options[self.options.index("--metric") + 1] if "--metric" in self.options else "accuracy"

    def serve(self, site: KaggleServer) -> None:
        """Make a server offer it."""
        site.files, site.header, site.truth = dict(self.files), self.header, self.truth
        site.polls_until_scored = 0


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """A CSV."""
    return "".join(",".join(map(str, row)) + "\n" for row in [header, *rows]).encode()


def shuffled_pixels() -> Competition:
    """Pixels with ids from 0; test images and sample are each in an order of their own."""
    # The test images are those that the published versions of ``small_version`` have not seen.
    images, labels = (np.concatenate([part[:TRAIN], part[-TEST:]]) for part in digits())
    flat = images.reshape(len(images), -1)
    pixels = [f"pixel{number}" for number in range(flat.shape[1])]
    rng = np.random.default_rng(0)
    ids, asked = rng.permutation(TEST), rng.permutation(TEST)
    label_of = dict(zip(ids.tolist(), labels[TRAIN:].tolist(), strict=True))
    files = {
        "train.csv": table(["label", *pixels], np.column_stack([labels[:TRAIN], flat[:TRAIN]]).tolist()),
        "test.csv": table(["id", *pixels], np.column_stack([ids, flat[TRAIN:]]).tolist()),
        "sampleSubmission.csv": table(["id", "label"], [(name, 0) for name in asked]),
    }
    return Competition("shuffled-digits", files, ["id", "label"], [str(label_of[name]) for name in asked.tolist()])


def leaky() -> Competition:
    """``shuffled_pixels``, whose own training images hold 40 of its test images."""
    own, name = shuffled_pixels(), "leaky"
    images, labels = digits()
    flat = images.reshape(len(images), -1)
    rows = [*range(TRAIN), *range(len(images) - 40, len(images))]
    header = own.files["train.csv"].decode().partition("\n")[0].split(",")
    train = table(header, np.column_stack([labels[rows], flat[rows]]).tolist())
    return replace(own, name=name, files={**own.files, "train.csv": train})


def listed_pictures() -> Competition:
    """Colour pictures that are wider than high, in archives inside an archive, with a table of names and labels."""
    rng = np.random.default_rng(1)
    truth = [TREES[number % 3] for number in range(120)]
    pictures = [_png(rng, TREES.index(tree)) for tree in truth]
    names = [f"tree_{number:04}" for number in rng.permutation(1000)[:120]]
    train, test = range(90), list(range(90, 120))
    images = {
        "train.zip": zipped({f"train/{names[n]}.png": pictures[n] for n in train}),
        "test.zip": zipped({f"test/{names[n]}.png": pictures[n] for n in test} | {"__MACOSX/._x": b"nothing"}),
    }
    files = {
        "images.zip": zipped(images),
        "train.csv": table(["image", "site", "species"], [(f"{names[n]}.png", n % 4, truth[n]) for n in train]),
        "sample_submission.csv": table(["image", "species"], [(names[n], TREES[0]) for n in reversed(test)]),
    }
    return Competition("trees", files, ["image", "species"], [truth[n] for n in reversed(test)])


def probabilities() -> Competition:
    """Pixels of images that are not square, and a column for the probability of each class; scored by log loss."""
    images, labels = digits()
    rows = np.flatnonzero(labels < 4)[:480]
    flat = images[rows].reshape(len(rows), -1)
    names = np.array(["zero", "one", "two", "three"])[labels[rows]]
    pixels = [f"pixel{number}" for number in range(1, flat.shape[1] + 1)]
    columns = [f"is_{name}" for name in ("three", "zero", "two", "one")]
    files = {
        "train.csv": table([*pixels, "label"], [[*row, name] for row, name in zip(flat[:360], names, strict=False)]),
        "test.csv": table(pixels, flat[360:].tolist()),
        "sample_submission.csv": table(["id", *columns], [(f"img{n}", *[0.25] * 4) for n in range(120)]),
    }
    options = ("--shape", "4,16", "--metric", "log-loss")
    return Competition("four-digits", files, ["id", *columns], names[360:].tolist(), options)


def by_macro_f1() -> Competition:
    """``shuffled_pixels``, scored by macro F1."""
    return replace(shuffled_pixels(), name="digits-by-f1", options=("--metric", "macro-f1"))


def by_quadratic_kappa() -> Competition:
    """``shuffled_pixels``, scored by quadratic kappa, as where classes are degrees of one thing."""
    return replace(shuffled_pixels(), name="digits-by-kappa", options=("--metric", "quadratic-kappa"))


def score_by(metric: str, competition: Competition, rows: list[list[str]]) -> float:
    """What the rows of a submission score, by scikit-learn."""
    if metric == "log-loss":
        return mean_log_loss(rows, competition.truth, competition.header)
    given = [row[1] for row in rows]
    if metric == "macro-f1":
        return float(f1_score(competition.truth, given, average="macro"))
    if metric == "quadratic-kappa":
        return float(cohen_kappa_score([*map(int, competition.truth)], [*map(int, given)], weights="quadratic"))
    return float(accuracy_score(competition.truth, given))


def mean_log_loss(rows: list[list[str]], truth: Sequence[str], header: Sequence[str]) -> float:
    """What the probabilities of ``four-digits`` score, by scikit-learn, which wants its columns in sorted order."""
    classes = [name.removeprefix("is_") for name in header[1:]]
    given = np.array([[float(value) for value in row[1:]] for row in rows])
    given /= given.sum(axis=1, keepdims=True)  # written with nine digits
    return float(log_loss(list(truth), given[:, np.argsort(classes)], labels=sorted(classes)))


def _png(rng: np.random.Generator, colour: int) -> bytes:
    pixels: NDArray[np.uint8] = rng.integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[..., colour] += 120
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()
