"""Does the model of all images serve in the end? MNIST rows that grow from 2,000 to 8,000, under two gates."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import measure
from pipeline import simulator
from pipeline.application import Application
from pipeline.cli.progress import RunProgress
from pipeline.config import Settings
from pipeline.contracts import LabelledImages, UnlabelledImages
from pipeline.data import sources
from pipeline.store import production, versions
from pipeline.store.home import Home

NAME = "growing_champion"
SIZES = (2_000, 4_000, 8_000)
POLICIES = ("growing", "guarded")
LEAST_SHARE = 0.8
MARGIN = 0.005
"""The margin of the preset ``growing``."""


@dataclass(frozen=True)
class Grown:
    """How one dataset grew under one policy.

    Attributes:
        seed: Which MNIST rows these are, and the seed of every network.
        policy: The gate's preset.
        trained: Accuracy of each size's model on all MNIST images that are not in the dataset.
        served: The same of the champion after each size.
    """

    seed: int
    policy: str
    trained: tuple[float, ...]
    served: tuple[float, ...]

    @property
    def ends_with_all(self) -> bool:
        """Whether the model of all images serves at the end."""
        return self.served[-1] == self.trained[-1]

    @property
    def largest_loss(self) -> float:
        """By how much production was worse than the best champion before it, at most."""
        return max(0.0, *(max(self.served[: at + 1]) - one for at, one in enumerate(self.served)))


def main(*, known_only: bool, seeds: int = 20) -> str:
    """Measure and return the section of ``RESULTS.md``; at least 20 seeds, whatever is asked for."""
    file = measure.RAW / f"{NAME}.jsonl"
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    found = {(one["seed"], one["policy"]): Grown(**one) for one in known}
    if not known_only:
        data = sources.load("mnist", name="bench-growing")
        for policy in POLICIES:
            for seed in range(max(seeds, 20)):
                if (seed, policy) not in found:
                    found[seed, policy] = grow(data, seed, policy)
                    with file.open("a") as lines:
                        lines.write(json.dumps(asdict(found[seed, policy])) + "\n")
    return _section(list(found.values()))


def grow(data: LabelledImages, seed: int, policy: str) -> Grown:
    """Let a dataset of MNIST rows grow, with a run at each size."""
    rows = np.random.default_rng(seed).permutation(len(data.labels))[: SIZES[-1]]
    rest = np.setdiff1d(np.arange(len(data.labels)), rows)
    unseen = UnlabelledImages("unseen", data.images[rest], tuple(map(str, rest)))
    trained: list[float] = []
    served: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        home, file = Home(Path(folder) / "home"), Path(folder) / "grown.npz"
        for size in SIZES:
            np.savez(file, images=data.images[rows[:size], ..., 0], labels=data.labels[rows[:size]])
            settings = Settings(
                dataset=str(file), train_sizes=("all",), models=("cnn",), effort="quick", seed=seed,
                gate={"preset": policy},
            )  # fmt: skip
            with RunProgress(Console(stderr=True), print) as progress:
                simulator.run(settings, home, progress)
            newest = max(versions.list_versions(home), key=lambda version: version.manifest.rows.train_size)
            champion = production.current(home, "grown")
            assert champion is not None
            trained.append(_accuracy(Application(newest), unseen, data.labels[rest]))
            served.append(trained[-1] if champion.id == newest.id else served[-1])
    return Grown(seed, policy, tuple(trained), tuple(served))


def _accuracy(application: Application, images: UnlabelledImages, labels: np.ndarray) -> float:
    return float((application.predict(images).argmax(axis=1) == labels).mean())


def _section(found: list[Grown]) -> str:
    by_policy = {policy: [one for one in found if one.policy == policy] for policy in POLICIES}
    columns = ("gate", "datasets", "the model of all images serves at the end", "served at the end, unseen images, %")
    steps = " to ".join(f"{size:,}" for size in SIZES)
    return "\n\n".join(
        [
            "## A dataset that grows",
            f"Random MNIST rows grow from {steps}, a fifth of them the benchmark's; `cnn --effort quick` is trained on "
            "all there are, each time. Accuracy is measured on the 62,000 other images.",
            measure.table((*columns, "largest loss against the best so far, points"), _rows(by_policy)),
            f"Target: at least {LEAST_SHARE:.0%} under `growing`: {_reached(by_policy['growing'])}. It never loses "
            f"{100 * MARGIN:g} points: {measure.yes(all(one.largest_loss < MARGIN for one in by_policy['growing']))}.",
        ]
    )


def _rows(by_policy: dict[str, list[Grown]]) -> Iterator[tuple[str, ...]]:
    for policy, grown in by_policy.items():
        if grown:
            yield (
                f"`{policy}`",
                str(len(grown)),
                f"{np.mean([one.ends_with_all for one in grown]):.2f}",
                measure.mean_and_spread([one.served[-1] for one in grown], 100),
                f"{100 * max(one.largest_loss for one in grown):.2f}",
            )


def _reached(grown: list[Grown]) -> str:
    return measure.yes(bool(grown) and float(np.mean([one.ends_with_all for one in grown])) >= LEAST_SHARE)
