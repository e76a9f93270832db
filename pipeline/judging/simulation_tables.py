"""The simulations as Markdown: what `gate simulate` prints and docs/gate.md holds."""

from collections.abc import Iterable, Iterator, Mapping

from pipeline.judging import growth_simulation, spending
from pipeline.judging.policy import PRESETS, GatePolicy
from pipeline.judging.simulation import SCENES, power_of, series

CHALLENGERS = 200
BEFORE = "0.05 / 200 each"
GAINS = (0.001, 0.002, 0.004, 0.01)
SIZES = ((400, 160), (2_000, 800), (10_000, 6_000), (60_000, 24_000))
"""Benchmark and validation images."""
LARGE_GAINS = (0.005, 0.01, 0.02)
POOLS = (600, 1_000, 1_797, 4_000, 10_000)
BENCHMARK_SHARE, VALIDATION_SHARE = 5, 10
"""Of a pool of images one in five judges, and of the others one in ten validates."""
GROWTH_SHARE = 10
"""The slower simulation of growth has this many times fewer repetitions."""


def tables(policies: Mapping[str, GatePolicy], repetitions: int = 1000, seed: int = 0) -> str:
    """Return every table that concerns these policies."""
    parts: list[str] = []
    unseen = {name: policy for name, policy in policies.items() if not policy.out_of_fold}
    if unseen:
        parts = [
            _title(f"P(at least one false promotion) over {CHALLENGERS} challengers that are no better"),
            *_false_promotions(unseen, repetitions, seed),
            _title(f"Power to promote a challenger that is better by {_names(GAINS)} points"),
            *_powers(unseen, seed),
        ]
    for name, policy in policies.items():
        if policy.out_of_fold:
            title = f"`{name}`: power to promote a first challenger that is better by {_names(LARGE_GAINS)} points"
            parts += [_title(title), *_powers_in_folds(name, policy, seed)]
        if policy.mode == "growing":
            fewer = max(repetitions // GROWTH_SHARE, 2)
            title = f"`{name}`: {CHALLENGERS} challengers with more images each, but no better or worse, {fewer} times"
            parts += [_title(title), *_losses(policy, fewer, seed)]
    return "\n".join(parts).strip()


def _false_promotions(policies: Mapping[str, GatePolicy], repetitions: int, seed: int) -> Iterator[str]:
    # Challengers that are not the champion's recipe with more images are judged alike by these two.
    guarded = {name: policy for name, policy in policies.items() if policy.promises and policy.mode == "better"}
    others = {name: policy for name, policy in policies.items() if not policy.promises}
    names = [f"`{name}`" for name in (*guarded, *others)]
    first = [BEFORE] if guarded else []
    left = [f"left of alpha, {name}" for name in guarded]
    yield _row(["challengers", *first, *names, *left])
    yield "|---|" + "---|" * (len(first) + len(names) + len(left))
    for place, scene in enumerate(SCENES):
        found = [series(policy, scene, repetitions=repetitions, seed=seed) for policy in guarded.values()]
        before = [
            series(policy, scene, repetitions=repetitions, seed=seed, equal_shares=True)
            for policy in list(guarded.values())[:1]
        ]
        # What promises nothing is only shown where everybody looks first.
        rest = [series(policy, scene, repetitions=repetitions, seed=seed) for policy in others.values() if place == 0]
        shown = [*(f"{one.any_promoted:.3f}" for one in (*before, *found, *rest)), *[""] * (len(others) - len(rest))]
        yield _row([scene.name, *shown, *(f"{one.left:.3f}" for one in found)])


def _powers(policies: Mapping[str, GatePolicy], seed: int) -> Iterator[str]:
    yield _row(["gate", *(f"{images:,} images" for images, _ in SIZES)])
    yield "|---|" + "---|" * len(SIZES)
    for name, policy in policies.items():
        if policy.mode == "growing":
            continue
        if policy.promises:
            yield _row([BEFORE, *_power_row(policy, seed, level=policy.alpha / CHALLENGERS)])
            yield _row([f"`{name}`, first judgement", *_power_row(policy, seed)])
            late = policy.alpha * (1 - spending.mean_share()) ** 100
            yield _row([f"`{name}`, after 100 that were no better", *_power_row(policy, seed, left=late)])
        else:
            yield _row([f"`{name}`", *_power_row(policy, seed)])


def _powers_in_folds(name: str, policy: GatePolicy, seed: int) -> Iterator[str]:
    yield _row(["gate", *(f"{images:,} images in all" for images in POOLS)])
    yield "|---|" + "---|" * len(POOLS)
    guarded = PRESETS["guarded"]
    benchmarks = [(images // BENCHMARK_SHARE, images * 4 // BENCHMARK_SHARE // VALIDATION_SHARE) for images in POOLS]
    for title, rules, sizes in (
        ("`guarded`, on a fifth of them", guarded, benchmarks),
        (f"`{name}`, on all of them", policy, [(images, 0) for images in POOLS]),
    ):
        powers = (
            " / ".join(_rate(power_of(rules, gain, images, validation, seed=seed)) for gain in LARGE_GAINS)
            for images, validation in sizes
        )
        yield _row([title, *powers])


def _power_row(
    policy: GatePolicy, seed: int, *, left: float | None = None, level: float | None = None
) -> Iterator[str]:
    for images, validation in SIZES:
        powers = (power_of(policy, gain, images, validation, left, seed=seed, level=level) for gain in GAINS)
        yield " / ".join(_rate(one) for one in powers)


def _losses(policy: GatePolicy, repetitions: int, seed: int) -> Iterator[str]:
    margin = f"P(production {policy.margin_pp:g} points or more below its best)"
    yield _row(["challengers", margin, "largest loss, points", "mean loss, points", "promoted, mean"])
    yield "|---|---|---|---|---|"
    for scene in growth_simulation.GROWING_SCENES:
        found = growth_simulation.losses(policy, scene, challengers=CHALLENGERS, repetitions=repetitions, seed=seed)
        figures = (f"{found.beyond_margin:.2f}", f"{found.largest_pp:.2f}", f"{found.mean_pp:.2f}")
        yield _row([scene.name, *figures, f"{found.promoted:.1f}"])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _title(text: str) -> str:
    return f"\n{text}:\n"


def _names(gains: Iterable[float]) -> str:
    return " / ".join(f"{100 * gain:g}" for gain in gains)


def _rate(value: float) -> str:
    return f"{value:.2f}" if 0.995 > value >= 0.005 else f"{value:.0f}"
