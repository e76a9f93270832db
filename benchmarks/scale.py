"""How a run grows with the images of its dataset, up to more than memory holds."""

import json
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import large_sets, measure
from benchmarks.scale_once import Job, Phase, in_own_process
from pipeline.store.home import Home

RAW = measure.RAW / "scale_points.jsonl"
ALL, MIDDLE, MILLION, MOST = 60_000, 400_000, 1_000_000, 4_000_000
REPEATS = 3
QUICK, TREES = {"effort": "quick"}, {"rounds": 10}
FITS: Sequence[tuple[str, dict[str, Any], int, int]] = (
    ("cnn", QUICK, ALL, REPEATS),
    ("cnn", QUICK, MILLION, 1),
    ("cnn", QUICK, MOST, 1),
    ("xgboost", TREES, ALL, 1),
    ("xgboost", TREES, MIDDLE, 1),
)
LIMIT_MIB, LIMIT_RATIO = 1536, 1.2
SETTING = (
    "Images of 28 x 28 in the memory-mapped cache of a snapshot: copies of MNIST's 60,000 training images, shifted by "
    "up to two pixels, and its 10,000 test images as benchmark. A job loads the snapshot (every pixel checked against "
    "its digest), draws roles, plans, and trains one version on all images, a tenth of them for validation, up to the "
    f"exported and proven ONNX file: `cnn` in one full pass, `xgboost` in {TREES['rounds']} rounds, on one thread. "
    "Private memory is RssAnon: mapped files are not in it."
)
FIT_COLUMNS = (
    "recipe",
    "images",
    "MiB of pixels",
    "fit seconds",
    "processor seconds",
    "of them an image, µs",
    "peak, private MiB",
)
PLAN_COLUMNS = (
    "images",
    "load, pixels checked",
    "roles",
    "plan",
    "near copies of 1,000 benchmark images",
    "peak, private MiB",
)
Found = dict[tuple[str, int], list[dict[str, Phase]]]


def main(*, known_only: bool = False) -> str:
    """Measure and return the section of ``RESULTS.md``; a size that is not measured yet is left out."""
    planned = [(size, Job("", "")) for size in (ALL, MIDDLE, MILLION)]
    planned += [
        (size, Job("", "", recipe, overrides, repeat))
        for recipe, overrides, size, repeats in FITS
        for repeat in range(repeats)
    ]
    known = _known()
    for size in sorted({size for size, _ in planned}):
        missing = [job for one, job in planned if one == size and _key(size, job) not in known]
        if missing and not known_only:
            _measure(size, missing)
    return _section(planned, _known())


def _measure(size: int, jobs: Sequence[Job]) -> None:
    with tempfile.TemporaryDirectory(prefix="digit-pipeline-", dir=measure.FOLDER) as folder:
        home = Home(Path(folder))
        name = large_sets.make(home, size)
        for job in jobs:
            print(f"scale: {job.recipe or 'plan'} on {size:,}", flush=True)
            phases = in_own_process(Job(folder, name, job.recipe, job.overrides, job.repeat))
            shutil.rmtree(home.staging, ignore_errors=True)
            line = {"key": _key(size, job), "machine": measure.machine()}
            with RAW.open("a") as lines:
                lines.write(json.dumps(line | {"phases": {one: asdict(it) for one, it in phases.items()}}) + "\n")


def _section(planned: Sequence[tuple[int, Job]], known: dict[str, dict[str, Phase]]) -> str:
    found: Found = {}
    for size, job in planned:
        if (phases := known.get(_key(size, job))) is not None:
            found.setdefault((job.recipe or "", size), []).append(phases)
    plans = [_plan_row(size, phases) for (recipe, size), phases in found.items() if not recipe]
    fits = [_fit_row(recipe, size, phases) for (recipe, size), phases in found.items() if recipe]
    parts = ["## Larger than memory", SETTING]
    if targets := _targets(found):
        parts.append(measure.table(("what", "target", "measured", "reached"), targets))
    if fits:
        parts.append(measure.table(FIT_COLUMNS, fits))
    if plans:
        parts += ["Before anything is trained, processor seconds of:", measure.table(PLAN_COLUMNS, plans)]
    return "\n\n".join(parts)


def _targets(found: Found) -> list[tuple[str, ...]]:
    small, large = found.get(("cnn", ALL)), found.get(("cnn", MOST))
    if not small or not large:
        return []
    peak = max(_peak(phases) for phases in large)
    each = [statistics.fmean(one["fit"].cpu_seconds for one in part) for part in (small, large)]
    ratio = (each[1] / MOST) / (each[0] / ALL)
    return [
        (
            f"private memory of `cnn --effort quick` on {MOST:,} images, MiB",
            f"below {LIMIT_MIB:,}",
            f"{peak:,.0f}",
            measure.yes(peak < LIMIT_MIB),
        ),
        (
            f"its processor seconds an image, of {MOST:,} / of {ALL:,}",
            f"at most {LIMIT_RATIO}",
            f"{ratio:.2f}",
            measure.yes(ratio <= LIMIT_RATIO),
        ),
    ]


def _fit_row(recipe: str, size: int, phases: Sequence[dict[str, Phase]]) -> tuple[str, ...]:
    wall, cpu = ([getattr(one["fit"], kind) for one in phases] for kind in ("seconds", "cpu_seconds"))
    return (
        f"`{recipe}`",
        f"{size:,}",
        f"{size * 784 / 2**20:,.0f}",
        measure.mean_and_spread(wall, digits=1),
        measure.mean_and_spread(cpu, digits=1),
        f"{statistics.fmean(cpu) / size * 1e6:.0f}",
        f"{max(_peak(one) for one in phases):,.0f}",
    )


def _plan_row(size: int, phases: Sequence[dict[str, Phase]]) -> tuple[str, ...]:
    parts = ("load", "roles", "plan", "near copies")
    seconds = [measure.mean_and_spread((one[part].cpu_seconds for one in phases), digits=1) for part in parts]
    return (f"{size:,}", *seconds, f"{max(_peak(one) for one in phases):,.0f}")


def _peak(phases: dict[str, Phase]) -> float:
    return max(phase.peak_mib for phase in phases.values())


def _key(size: int, job: Job) -> str:
    return json.dumps([size, job.recipe, job.overrides, job.repeat], sort_keys=True)


def _known() -> dict[str, dict[str, Phase]]:
    lines = [json.loads(line) for line in RAW.read_text().splitlines()] if RAW.exists() else []
    here = measure.machine()
    return {
        line["key"]: {name: Phase(**phase) for name, phase in line["phases"].items()}
        for line in lines
        if line["machine"] == here
    }
