"""A run that is killed at its N-th touch of the disk, in a process of its own.

Before each call that changes what is on disk a counter goes up; at the chosen number the process kills itself
with SIGKILL, so nothing is flushed, no ``finally`` runs, and no lock is given back but by the operating system.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOUCHES = ("fsync", "replace", "rename", "mkdir", "unlink", "ftruncate", "open")


def run(data: Path, home: Path, kill_at: int | None, count_file: Path | None = None) -> None:
    """Two sizes and one recipe on a small dataset, under a gate that lets the second challenger pass."""
    from pipeline import simulator
    from pipeline.config import Settings
    from pipeline.store.home import Home

    settings = Settings(
        dataset=str(data), train_sizes=("60", "all"), models=("logistic",), gate={"preset": "as-good", **LENIENT}
    )
    touched = _count_touches(home, kill_at)
    simulator.run(settings, Home(home), Silent())
    if count_file is not None:
        count_file.write_text(str(touched[0]))


LENIENT = {"accuracy_floor": 0.01, "recall_floor": "off", "robustness_margin_pp": "off"}


class Silent:
    """An observer that shows nothing."""

    def notice(self, sentence: str) -> None: ...
    def planned(self, cells: Any) -> None: ...
    def judging(self, cell: Any) -> None: ...
    def finished(self, row: Any) -> None: ...
    def fitting(self, cell: Any) -> Callable[..., None]:
        return lambda step, steps, metrics: None


def _count_touches(home: Path, kill_at: int | None) -> list[int]:
    touched = [0]

    def touch() -> None:
        touched[0] += 1
        if touched[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in TOUCHES:
        setattr(os, name, _counted(getattr(os, name), touch, home if name == "open" else None))
    shutil.copyfile = _counted(shutil.copyfile, touch, None)
    return touched


def _counted(real: Callable[..., Any], touch: Callable[[], None], only_below: Path | None) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        if only_below is None or str(args[0]).startswith(str(only_below)):
            touch()
        return real(*args, **kwargs)

    return counted
