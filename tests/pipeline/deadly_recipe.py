"""Recipes whose process dies in training, as it does when memory runs out, or never ends."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def build(shape: Any, n_classes: int, *, versions: str = "") -> Any:
    """Wait until another cell is judged, then kill the process."""
    while not list(Path(versions).glob("*/manifest.json")):
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def wait(shape: Any, n_classes: int) -> Any:
    """Train until the process is killed."""
    time.sleep(600)
