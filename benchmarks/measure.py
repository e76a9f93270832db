"""Repeated measurements, kept on disk as they come, and how they are summed up."""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks.fit_once import Fit, Result, in_own_process

FOLDER = Path(__file__).parent
RAW = FOLDER / "raw"
LIBRARIES = ("tensorflow", "tensorflow-cpu", "xgboost", "xgboost-cpu", "scikit-learn", "onnxruntime", "numpy")


def fits(name: str, planned: Sequence[Fit], *, known_only: bool) -> list[tuple[Fit, Result]]:
    """Measure each fit once, skipping those already in ``raw/<name>.jsonl``.

    One after the other; those that want one core only come last, as many at once as there are cores. What was
    measured on another machine or with other libraries is measured again; after a change of a recipe, take its
    lines out of the file. With ``known_only`` nothing is measured, and what is missing is left out.
    """
    file, here = RAW / f"{name}.jsonl", machine()
    known = _latest(file)
    missing = [] if known_only else [fit for fit in planned if known.get(_key(fit), {}).get("machine") != here]
    writing = Lock()

    def measured(fit: Fit) -> None:
        print(f"{name}: {fit.recipe} {fit.overrides} on {fit.train_size:,}, seed {fit.seed}", flush=True)
        result = asdict(in_own_process(fit))
        line = {"fit": asdict(fit), "result": result, "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": here}
        with writing:
            known[_key(fit)] = line
            file.parent.mkdir(exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps(line) + "\n")

    for fit in missing:
        if not fit.one_core:
            measured(fit)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(measured, [fit for fit in missing if fit.one_core]))
    return [(fit, Result(**known[_key(fit)]["result"])) for fit in planned if _key(fit) in known]


def stamp(name: str) -> str:
    """Return when and on which machine the fits of a part were measured; without fits, now and here."""
    dates: dict[str, set[str]] = {}
    for line in _latest(RAW / f"{name}.jsonl").values():
        dates.setdefault(line["machine"], set()).add(line["date"])
    dates = dates or {machine(): {f"{datetime.now(UTC):%Y-%m-%d}"}}
    return "\n\n".join(
        f"Measured {' to '.join(sorted({min(days), max(days)}))} on {place}" for place, days in dates.items()
    )


def _key(fit: Fit) -> str:
    return json.dumps(asdict(fit), sort_keys=True)


def mean_and_spread(values: Iterable[float], scale: float = 1.0, digits: int = 2) -> str:
    """Return ``99.35 ± 0.04 (n = 5)``: mean, standard deviation, number."""
    numbers = [scale * value for value in values]
    spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.fmean(numbers):.{digits}f} ± {spread:.{digits}f} (n = {len(numbers)})"


def yes(reached: bool) -> str:
    """Return whether a target was reached, for a cell of a table."""
    return "yes" if reached else "**no**"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Return the machine and the libraries, in a sentence."""
    versions = [f"{name.removesuffix('-cpu')} {metadata.version(name)}" for name in LIBRARIES if _installed(name)]
    return f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, {', '.join(versions)}."


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _latest(file: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {_key(Fit(**line["fit"])): line for line in lines}
