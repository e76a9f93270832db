"""Ingest of mixed files made from MNIST: files a minute, what a champion makes of them, polarity, and loading."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import mixed_files
from pipeline.application import Application
from pipeline.config import Settings
from pipeline.contracts import UnlabelledImages
from pipeline.data import sources
from pipeline.growing.arrivals import Desk, Item
from pipeline.growing.batch import Batch
from pipeline.growing.ingest import Order, ingest
from pipeline.growing.preparing import prepare_all
from pipeline.store import production
from pipeline.store.home import Home

FILES = 10_000
JOBS = 2
SLOWEST_WARM_LOADS = 3


def main() -> str:
    """Return the section; the champion is ``cnn --effort quick`` on all of MNIST."""
    with tempfile.TemporaryDirectory() as place:
        home, folder = Home(Path(place) / "home"), Path(place) / "files"
        data = sources.load("mnist")
        assert data.official_test is not None
        test = np.flatnonzero(data.official_test)[:FILES]
        names = [data.classes[label] for label in data.labels[test]]
        made = list(mixed_files.write(data.images[test][..., 0], names, folder, seed=0))
        champion = _champion(home)
        batch = _take_in(home, "mixed", str(folder))
        lines = _accuracy(champion, batch, {str(one.path.relative_to(folder)): one for one in made})
        pace, of_a_core = 60 * FILES / batch.seconds, 60 * FILES / _processor_seconds(folder, batch)
        lines.append(
            f"Ingest with {JOBS} processes: {pace:,.0f} files a minute here and now; {of_a_core:,.0f} a minute of one "
            "core's time, which says what quiet cores do."
        )
        _take_in(home, "sixty-thousand", "mnist")
        return "\n".join([*lines, _loading(home)])


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


def _processor_seconds(folder: Path, batch: Batch) -> float:
    """What the preparation of all files takes of one core."""
    items = [Item(path.name, path, None) for path in sorted(folder.rglob("*.*"))]
    started = time.process_time()
    for _ in prepare_all(items, batch.preparation, jobs=1):
        pass
    return time.process_time() - started


def _loading(home: Home) -> str:
    started = time.perf_counter()
    data = sources.load("sixty-thousand", datasets=home.datasets)
    cold, warm = time.perf_counter() - started, []
    for _ in range(SLOWEST_WARM_LOADS):
        started = time.perf_counter()
        sources.load("sixty-thousand", datasets=home.datasets)
        warm.append(time.perf_counter() - started)
    return (
        f"Loading {len(data):,} stored images: {cold:.1f} s the first time, {min(warm):.2f} to {max(warm):.2f} s from "
        "the cache."
    )


def _take_in(home: Home, dataset: str, spec: str) -> Batch:
    desk = Desk(
        scratch=home.root,
        read_named=lambda name: sources.read(name, data_dir=None, kaggle_dir=None),
        download=_ignore,
        notify=print,
    )
    return ingest(home, Order((spec,), dataset, jobs=JOBS), desk, _ignore)


def _ignore(*values: object) -> None:
    """Take anything and do nothing."""
    del values


def _champion(home: Home) -> Application:
    from pipeline import simulator

    simulator.run(Settings(dataset="mnist", models=("cnn",), train_sizes=("all",), effort="quick"), home, _Quiet())
    champion = production.current(home, "mnist")
    assert champion is not None
    return Application(champion)


class _Quiet:
    """Watches a run without a word."""

    def __getattr__(self, name: str) -> Any:
        return lambda *values: _ignore  # noqa: ARG005


if __name__ == "__main__":
    print(main())
