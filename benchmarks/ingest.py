"""Ingest of mixed files made from MNIST: pace, what a champion makes of them, polarity, near copies, and loading."""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import measure, mixed_files
from pipeline.application import Application
from pipeline.config import Settings
from pipeline.contracts import LabelledImages, UnlabelledImages
from pipeline.data import sources
from pipeline.data.near_copies import near_copies
from pipeline.growing.arrivals import Desk
from pipeline.growing.batch import Batch
from pipeline.growing.ingest import Order, ingest
from pipeline.store import production
from pipeline.store.home import Home

FILES = 10_000
LEAST_A_MINUTE = 10_000
JOBS = 2
SLOWEST_WARM_LOADS = 3
COPIES = 2_000
"""Training images of which changed copies are made."""


def main() -> str:
    """Return the section; the champion is ``cnn --effort quick`` on all of MNIST."""
    with tempfile.TemporaryDirectory() as place:
        home, folder = Home(Path(place) / "home"), Path(place)
        data = sources.load("mnist")
        assert data.official_test is not None
        test, train = np.flatnonzero(data.official_test)[:FILES], np.flatnonzero(~data.official_test)
        made = _write(data, test, folder / "first")
        _write(data, train[:FILES], folder / "second")
        champion = _champion(home, "mnist")
        first = _take_in(home, "mixed", str(folder / "first"))
        lines = _accuracy(champion, first, {str(one.path.relative_to(folder / "first")): one for one in made})
        # From here on there is a champion that doubts labels, and a benchmark that may hold near copies.
        _champion(home, "mixed")
        second = _take_in(home, "mixed", str(folder / "second"))
        lines += ["Ingest with 2 processes:", "", _pace(first, second), ""]
        lines += [*_near_copies(data, train, test), ""]
        _take_in(home, "seventy-thousand", "mnist")
        return "\n".join([*lines, _loading(home)])


def _write(data: LabelledImages, rows: NDArray[np.int64], folder: Path) -> list[mixed_files.Made]:
    names = [data.classes[label] for label in data.labels[rows]]
    return list(mixed_files.write(data.images[rows][..., 0], names, folder, seed=0))


def _pace(first: Batch, second: Batch) -> str:
    batches = {
        "first batch, nothing to hold it against": first,
        "second batch, against a champion and 2,000 benchmark images": second,
    }
    rows = [
        (what, f"{60 * FILES / batch.seconds:,.0f}", measure.yes(60 * FILES / batch.seconds >= LEAST_A_MINUTE))
        for what, batch in batches.items()
    ]
    return measure.table(("", "files a minute", f"at least {LEAST_A_MINUTE:,}"), rows)


def _near_copies(data: LabelledImages, train: NDArray[np.int64], test: NDArray[np.int64]) -> list[str]:
    """How many changed copies of training images are found among them, and how many test images are, by chance."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(train, COPIES, replace=False)
    known = data.images[train]
    changes: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        "shifted by one pixel": lambda image: np.roll(image, tuple(rng.choice(_SHIFTS)), axis=(0, 1)),
        "JPEG, quality 75": _recompressed,
        "noise of 10 grey levels": lambda image: np.clip(image + rng.normal(0, 10, image.shape), 0, 255).astype(
            np.uint8
        ),
    }
    rows = []
    for what, change in changes.items():
        copies = np.stack([change(image) for image in data.images[chosen]])
        rows.append((what, f"{100 * len(near_copies(known, copies)) / COPIES:.2f} %"))
    alarms = 100 * len(near_copies(known, data.images[test])) / len(test)
    return [
        measure.table((f"near copies of {COPIES:,} training images", "found"), rows),
        "",
        f"Of the {len(test):,} test images, which are no copies, {alarms:.2f} % are taken for one.",
    ]


_SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


def _clipped(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _recompressed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    content = io.BytesIO()
    Image.fromarray(image[..., 0]).save(content, "JPEG", quality=75)
    return np.asarray(Image.open(content))[..., None]


def _accuracy(champion: Application, batch: Batch, made: dict[str, mixed_files.Made]) -> list[str]:
    sound = [one for one in batch.outcomes if not one.prepared.fault]
    images = np.stack([one.prepared.pixels for one in sound])
    probabilities = champion.predict(UnlabelledImages("mixed", images, tuple(one.arrival.name for one in sound)))
    guessed = np.array(champion.classes)[probabilities.argmax(axis=1)]
    right = {one.arrival.name: one.arrival.label == guess for one, guess in zip(sound, guessed, strict=True)}
    turned = {one.arrival.name: one.prepared.polarity == "dark-on-light" for one in sound}
    lines = [
        "## Ingest",
        "",
        f"{len(made):,} files of {mixed_files.SMALLEST_SIDE} to {mixed_files.LARGEST_SIDE} pixels made from MNIST's "
        "test images, half of them dark on light, PNG and JPEG. Files that are refused count as wrong.",
        "",
        "| files | right | polarity right | refused |",
        "|---|---|---|---|",
    ]
    for kind in ("all", *mixed_files.KINDS):
        own = [name for name, one in made.items() if kind in ("all", one.kind)]
        known = [name for name in own if name in right]
        share = sum(right.get(name, False) for name in own) / len(own)
        polarity = sum(turned[name] == made[name].inverted for name in known) / len(known)
        lines.append(f"| {kind} | {100 * share:.2f} % | {100 * polarity:.2f} % | {len(own) - len(known)} |")
    return [*lines, ""]


def _loading(home: Home) -> str:
    started = time.perf_counter()
    data = sources.load("seventy-thousand", datasets=home.datasets)
    cold, warm = time.perf_counter() - started, []
    for _ in range(SLOWEST_WARM_LOADS):
        started = time.perf_counter()
        sources.load("seventy-thousand", datasets=home.datasets)
        warm.append(time.perf_counter() - started)
    return (
        f"Loading {len(data):,} stored images: {cold:.1f} s the first time, {min(warm):.2f} to {max(warm):.2f} s from "
        "the cache."
    )


def _take_in(home: Home, dataset: str, spec: str) -> Batch:
    desk = Desk(
        scratch=home.root,
        read_named=lambda name: sources.read(name, data_dir=None),
        download=_ignore,
        notify=print,
    )
    return ingest(home, Order((spec,), dataset, jobs=JOBS), desk, _ignore)


def _ignore(*values: object) -> None:
    """Take anything and do nothing."""
    del values


def _champion(home: Home, dataset: str) -> Application:
    from pipeline import simulator

    settings = Settings(dataset=dataset, models=("cnn",), train_sizes=("all",), effort="quick")
    simulator.run(settings, home, _Quiet())
    champion = production.current(home, dataset)
    assert champion is not None
    return Application(champion)


class _Quiet:
    """Watches a run without a word."""

    def __getattr__(self, name: str) -> Any:
        return lambda *values: _ignore  # noqa: ARG005


if __name__ == "__main__":
    print(main())
