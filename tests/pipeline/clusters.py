"""Dask clusters on this machine, their processes real."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def local_cluster(*, workers: int, threads: int) -> Any:
    """A scheduler and its workers, in processes of their own."""
    distributed = pytest.importorskip("distributed")
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=threads, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )


@contextmanager
def command_line_cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler and one worker that nothing starts again, with their two processes."""
    pytest.importorskip("distributed")
    file, log = folder / "scheduler.json", (folder / "cluster.log").open("wb")
    own = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    commands = [["scheduler", "--port", "0", *own], ["worker", "--nthreads", "1", "--no-nanny", *own]]
    same_imports = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-m", "dask", *command], stderr=log, env=same_imports) for command in commands
    ]
    try:
        while not file.exists():
            assert processes[0].poll() is None
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"], processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
        log.close()
