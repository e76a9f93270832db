"""A run that is killed, or finds the disk full, at its N-th touch of the disk, in a process of its own.

Before each call that changes what is on disk a counter goes up. At the chosen number the process kills itself
with SIGKILL, so nothing is flushed, no ``finally`` runs, and no lock is given back but by the operating system; or
from then on every call that needs space fails as on a full disk.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from short_runs import LENIENT, Silent

TOUCHES = ("write", "fsync", "replace", "rename", "mkdir", "unlink", "ftruncate", "open")
NEED_SPACE = ("write", "fsync", "mkdir")


def run(data: Path, home: Path, kill_at: int | None, count_file: Path | None = None) -> None:
    """Two sizes and one recipe on a small dataset, under a gate that lets the second challenger pass."""

    def kill(touched: int, name: str) -> None:
        if touched == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    touched = _count_touches(home, kill)
    _simulate(data, home)
    if count_file is not None:
        count_file.write_text(str(touched[0]))


def run_on_full_disk(data: Path, home: Path, full_at: int) -> None:
    """The same, on a disk that is full from the N-th touch on; ends with status 3 after an error of one sentence."""
    from pipeline.errors import PipelineError

    def refuse(touched: int, name: str) -> None:
        if touched >= full_at and name in NEED_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _count_touches(home, refuse)
    try:
        _simulate(data, home)
    except PipelineError as error:
        sys.exit(3 if "No space left on device" in str(error) else 4)


def _simulate(data: Path, home: Path) -> None:
    from pipeline import simulator
    from pipeline.config import Settings
    from pipeline.store.home import Home

    gate = {"preset": "as-good", **LENIENT}
    settings = Settings(dataset=str(data), train_sizes=("60", "all"), models=("logistic",), gate=gate)
    simulator.run(settings, Home(home), Silent())


def _count_touches(home: Path, before: Callable[[int, str], None]) -> list[int]:
    touched = [0]

    def touch(name: str) -> None:
        touched[0] += 1
        before(touched[0], name)

    for name in TOUCHES:
        setattr(os, name, _counted(getattr(os, name), touch, name, home))
    return touched


def _counted(real: Callable[..., Any], touch: Callable[[str], None], name: str, home: Path) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        if name != "open" or str(args[0]).startswith(str(home)):
            touch(name)
        return real(*args, **kwargs)

    return counted
