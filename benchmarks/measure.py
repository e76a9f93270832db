"""Repeated measurements, kept on disk as they come, and how they are summed up."""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.fit_once import Fit, Result, in_own_process

FOLDER = Path(__file__).parent
RAW = FOLDER / "raw"
LIBRARIES = ("tensorflow", "tensorflow-cpu", "xgboost", "xgboost-cpu", "scikit-learn", "onnxruntime", "numpy")


def fits(name: str, planned: Sequence[Fit]) -> list[tuple[Fit, Result]]:
    """Measure each fit once, in turn, skipping those that stand in ``raw/<name>.jsonl`` already."""
    file = RAW / f"{name}.jsonl"
    known = {json.dumps(line["fit"], sort_keys=True): line["result"] for line in _lines(file)}
    done = []
    for number, fit in enumerate(planned, 1):
        key = json.dumps(asdict(fit), sort_keys=True)
        if key not in known:
            print(f"{name}: {number} of {len(planned)}: {fit.recipe} {fit.overrides} on {fit.train_size:,}", flush=True)
            known[key] = asdict(in_own_process(fit))
            file.parent.mkdir(exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps({"fit": asdict(fit), "result": known[key]}) + "\n")
        done.append((fit, Result(**known[key])))
    return done


def mean_and_spread(values: Iterable[float], scale: float = 1.0, digits: int = 2) -> str:
    """``99.35 ± 0.04 (n = 5)``: mean, standard deviation, number."""
    numbers = [scale * value for value in values]
    spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.fmean(numbers):.{digits}f} ± {spread:.{digits}f} (n = {len(numbers)})"


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
