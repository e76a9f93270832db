"""Repeated measurements, kept on disk as they come, and how they are summed up."""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks.fit_once import Fit, Result, in_own_process

FOLDER = Path(__file__).parent
RAW = FOLDER / "raw"
LIBRARIES = ("tensorflow", "tensorflow-cpu", "xgboost", "xgboost-cpu", "scikit-learn", "onnxruntime", "numpy")


def fits(name: str, planned: Sequence[Fit], *, known_only: bool) -> list[tuple[Fit, Result]]:
    """Measure each fit once, skipping those that stand in ``raw/<name>.jsonl`` already.

    One after the other; those that want one core only come last, as many at once as there are cores. With
    ``known_only`` nothing is measured, and what is missing is left out.
    """
    file = RAW / f"{name}.jsonl"
    known = {json.dumps(line["fit"], sort_keys=True): line["result"] for line in _lines(file)}
    missing = [] if known_only else [fit for fit in planned if _key(fit) not in known]
    writing = Lock()

    def measured(fit: Fit) -> None:
        print(f"{name}: {fit.recipe} {fit.overrides} on {fit.train_size:,}, seed {fit.seed}", flush=True)
        result = asdict(in_own_process(fit))
        with writing:
            known[_key(fit)] = result
            file.parent.mkdir(exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps({"fit": asdict(fit), "result": result}) + "\n")

    for fit in missing:
        if not fit.one_core:
            measured(fit)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(measured, [fit for fit in missing if fit.one_core]))
    return [(fit, Result(**known[_key(fit)])) for fit in planned if _key(fit) in known]


def _key(fit: Fit) -> str:
    return json.dumps(asdict(fit), sort_keys=True)


def mean_and_spread(values: Iterable[float], scale: float = 1.0, digits: int = 2) -> str:
    """``99.35 ± 0.04 (n = 5)``: mean, standard deviation, number."""
    numbers = [scale * value for value in values]
    spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.fmean(numbers):.{digits}f} ± {spread:.{digits}f} (n = {len(numbers)})"


def yes(reached: bool) -> str:
    """Whether a target was reached, for a cell of a table."""
    return "yes" if reached else "**no**"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """The machine and the libraries, in a sentence."""
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


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
