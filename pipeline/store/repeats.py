"""The cells of a sweep that are measured but never judged: ``metric_results/repeats.csv``."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from pipeline.store import atomic
from pipeline.store.home import Home

COLUMNS = (
    "cell",
    "dataset",
    "recipe",
    "parameters",
    "train_size",
    "repeat",
    "seed",
    "fit_seconds",
    "benchmark_images",
    "accuracy",
    "errors",
    "log_loss",
    "benchmark_sha256",
)


def file(home: Home) -> Path:
    """The table."""
    return home.metric_results / "repeats.csv"


def record(home: Home, facts: Mapping[str, str | int | float]) -> None:
    """Append one measured cell durably; the facts are the columns by name."""
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="").writerow(facts)
    atomic.append_line(file(home), text.getvalue(), header=",".join(COLUMNS))


def by_cell(home: Home) -> dict[str, dict[str, str]]:
    """Every measured cell, the newest where one was measured again."""
    return {row["cell"]: row for row in csv.DictReader(atomic.read_lines(file(home)))}
