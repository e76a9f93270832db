"""Does the model of all images serve in the end? MNIST rows that grow from 2,000 to 8,000, under two gates.

Each size's network is trained once; the gate's own functions then decide as a run at each size would.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure
from pipeline.contracts import LabelledImages, Labels
from pipeline.data import sources
from pipeline.judging import paired, spending
from pipeline.judging.claims import accepted, claim_of, p_value
from pipeline.judging.policy import PRESETS, GatePolicy
from pipeline.models import registry
from pipeline.models.fitting import FitRequest

FILE = "growing_champion_datasets.jsonl"
SIZES = (2_000, 4_000, 8_000)
BENCHMARK, VALIDATION = 0.2, 0.08
"""Shares of the images: a fifth, and a tenth of the rest."""
POLICIES = ("growing", "guarded")
LEAST_SEEDS = 20
LEAST_SHARE = 0.8
Bits = NDArray[np.bool_]


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
        return max(max(self.served[: at + 1]) - one for at, one in enumerate(self.served))


@dataclass(frozen=True, eq=False)
class _Answers:
    """Which images of a role each size's model answers rightly, their labels, and how many of them each size has."""

    right: dict[int, Bits]
    labels: Labels
    images: dict[int, int]

    def counts(self, before: int, after: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many errors one model fixes and makes against another, by class, ``[10]`` each."""
        seen = slice(self.images[size])
        old, new, labels = self.right[before][seen], self.right[after][seen], self.labels[seen]
        return np.bincount(labels[~old & new], minlength=10), np.bincount(labels[old & ~new], minlength=10)


@dataclass
class _Production:
    """What a series of runs leaves behind: champions, the newest last, and what remains of alpha."""

    policy: GatePolicy
    champions: list[int] = field(default_factory=list)
    left: float = 0.0

    def judge(self, size: int, benchmark: _Answers, validation: _Answers) -> None:
        """Judge the model of all images there are at a size."""
        if not self.champions:
            self.champions, self.left = [size], self.policy.alpha
            return
        policy, champion = self.policy, self.champions[-1]
        fixed, made = validation.counts(champion, size, size)
        if policy.screen_alpha and paired.clearly_worse(fixed.sum()[None], made.sum()[None], policy.screen_alpha)[0]:
            return
        claim, images = claim_of(policy, grown=True), benchmark.images[size]
        p = float(p_value(policy, claim, fixed.sum(), made.sum(), validation.images[size]))
        level = spending.level(self.left, p)
        against = self.champions if claim == "non-inferior" else [champion]
        errors = (int((~benchmark.right[other][:images]).sum()) for other in against)
        if any(float(p_value(policy, claim, one, 0, images)) > level for one in errors):
            return
        pairs = [tuple(side.sum() for side in benchmark.counts(other, size, size)) for other in against]
        proven = all(float(p_value(policy, claim, fixed, made, images)) <= level for fixed, made in pairs)
        if proven and accepted(policy, *benchmark.counts(champion, size, size), images, level, grown=True):
            self.champions.append(size)
        else:
            self.left -= level


def main(*, known_only: bool, seeds: int = LEAST_SEEDS) -> str:
    """Measure and return the section of ``RESULTS.md``; at least 20 seeds, whatever is asked for."""
    file = measure.RAW / FILE
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    found = [Grown(**one) for one in known]
    missing = set(range(max(seeds, LEAST_SEEDS))) - {one.seed for one in found}
    data = sources.load("mnist", name="bench-growing") if missing and not known_only else None
    for seed in sorted(missing) if data else ():
        grown = grow(data, seed) if data else []
        found += grown
        with file.open("a") as lines:
            lines.writelines(json.dumps(asdict(one)) + "\n" for one in grown)
    return _section(found)


def grow(data: LabelledImages, seed: int) -> list[Grown]:
    """Let a dataset of MNIST rows grow; one model is trained at each size, and judged under each policy."""
    rows = np.random.default_rng(seed).permutation(len(data.labels))[: SIZES[-1]]
    drawn = np.random.default_rng([seed, 1]).random(len(rows))
    roles = {"benchmark": drawn < BENCHMARK, "validation": (drawn >= BENCHMARK) & (drawn < BENCHMARK + VALIDATION)}
    asked = {role: rows[chosen] for role, chosen in roles.items()}
    asked["unseen"] = np.setdiff1d(np.arange(len(data.labels)), rows)
    right: dict[str, dict[int, Bits]] = {role: {} for role in asked}
    for size in SIZES:
        own = {role: rows[:size][chosen[:size]] for role, chosen in roles.items()}
        train = np.setdiff1d(rows[:size], np.concatenate(list(own.values())))
        recipe = registry.find("cnn")
        parameters = registry.parameters_of(recipe, {"effort": "quick"})
        model, _ = registry.create(recipe, parameters, shape=data.shape, n_classes=len(data.classes))
        labels = data.labels
        model.fit(
            FitRequest(data.at(train), labels[train], data.at(own["validation"]), labels[own["validation"]], seed)
        )
        for role, where in asked.items():
            right[role][size] = model.predict(data.images[where]).argmax(axis=1) == labels[where]
    answers = {
        role: _Answers(right[role], data.labels[asked[role]], {size: int(chosen[:size].sum()) for size in SIZES})
        for role, chosen in roles.items()
    }
    unseen = {size: float(bits.mean()) for size, bits in right["unseen"].items()}
    return [_served(policy, seed, answers["benchmark"], answers["validation"], unseen) for policy in POLICIES]


def _served(policy: str, seed: int, benchmark: _Answers, validation: _Answers, unseen: dict[int, float]) -> Grown:
    production, served = _Production(PRESETS[policy]), []
    for size in SIZES:
        production.judge(size, benchmark, validation)
        served.append(unseen[production.champions[-1]])
    return Grown(seed, policy, tuple(unseen.values()), tuple(served))


def _section(found: list[Grown]) -> str:
    by_policy = {policy: [one for one in found if one.policy == policy] for policy in POLICIES}
    columns = ("gate", "datasets", "the model of all images serves at the end", "served at the end, unseen images, %")
    growing, margin = by_policy["growing"], PRESETS["growing"].margin
    share = float(np.mean([one.ends_with_all for one in growing])) if growing else 0.0
    return "\n\n".join(
        [
            "## Growing datasets: does the last champion serve?",
            f"Random MNIST rows grow from {SIZES[0]:,} to {SIZES[1]:,} and {SIZES[2]:,}, a fifth of them the "
            "benchmark's; `cnn --effort quick` is trained on all there are, each time, and judged by the gate's own "
            "functions. Accuracy is measured on the 62,000 other images.",
            measure.table((*columns, "largest loss against the best so far, points"), _rows(by_policy)),
            f"Target under `growing`: the model of all images serves in at least {LEAST_SHARE:.0%}: "
            f"{measure.yes(share >= LEAST_SHARE)}. Production never loses {100 * margin:g} points: "
            f"{measure.yes(all(one.largest_loss < margin for one in growing))}.",
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
