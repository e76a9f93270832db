"""Images of three classes that any recipe learns, and a log of what their champion served."""

import itertools
from pathlib import Path

import numpy as np

from pipeline.contracts import Images
from pipeline.store import production, served_upkeep
from pipeline.store.home import Home
from pipeline.store.prediction_ids import Numbering
from pipeline.store.served_files import Served, ServedFacts

NAME = "stripes"
STARTED = 1_700_000_000_000_000_000
"""Nanoseconds since 1970 of the first served image."""


def stripes(count: int, seed: int) -> tuple[Images, np.ndarray]:
    """Three classes of 8 x 8 images, each with one bright row."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.integers(0, 120, (count, 8, 8, 1), dtype=np.uint8)
    images[np.arange(count), 2 * labels + 1] += 100
    order = random.permutation(count)
    return images[order], labels[order]


def write_stripes(folder: Path) -> Path:
    """Write 900 stripes as images and labels; returns the file."""
    images, labels = stripes(900, 0)
    return _write(folder, images[..., 0], labels)


def write_few_stripes(folder: Path) -> Path:
    """Write 180 images, class by class, which a linear model tells apart more surely the more of them it sees."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 60)
    images = random.integers(0, 120, (len(labels), 8, 8), dtype=np.uint8)
    images[np.arange(len(labels)), labels, :] += 100
    return _write(folder, images, labels)


def _write(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    file = folder / f"{NAME}.npz"
    np.savez(file, images=images, labels=labels)
    return file


class Log:
    """Writes what a champion served, one image a millisecond."""

    def __init__(self, home: Home) -> None:
        clock = itertools.count(STARTED, 1_000_000)
        self._home, self._ids = home, Numbering(lambda: next(clock))

    def add(self, images: Images, together: int = 1) -> tuple[str, ...]:
        """Log images, so many in each request; returns their ids."""
        champion = production.current(self._home, NAME)
        assert champion is not None
        ids = tuple(self._ids.take(1)[0] for _ in images)
        facts = ServedFacts(dataset=NAME, version=champion.id, classes=("0", "1", "2"), shape=(8, 8, 1))
        requests = tuple(ids[row - row % together] for row in range(len(ids)))
        times = np.full(len(ids), np.datetime64("2023-11-14T22:13:20", "us"))
        probabilities = np.full((len(ids), 3), 1 / 3, np.float32)
        served_upkeep.append(
            self._home, Served(facts, ids, requests, times, ("pixels",) * len(ids), images, probabilities)
        )
        return ids
