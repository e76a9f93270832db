"""How the heavy numeric libraries start: quietly, and with as many threads as they are given."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""TensorFlow, XGBoost and NumPy's linear algebra read these once, when they start."""
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")
"""Where Linux' driver lists them."""


def prepare_process(threads: int = 0) -> None:
    """Let TensorFlow, XGBoost and scikit-learn use at most ``threads`` threads each in this process; 0: any number.

    It also keeps TensorFlow's log lines off the terminal, and makes XGBoost's waiting threads sleep. By default
    they spin, which on busy cores slowed a fit of one second to twenty and more. All of it has an effect only before
    the first of these libraries is imported, scikit-learn among them: call it at the start of a process. On a GPU,
    TensorFlow takes the memory that it needs, not all there is, so that processes can share it.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threads > 0:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


def granted_threads() -> int:
    """Return how many threads this process may use; 0: any number."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def import_keras() -> ModuleType:
    """Return Keras on TensorFlow, imported without TensorFlow's log lines."""
    _start_tensorflow()
    import keras

    return keras  # type: ignore[no-any-return]


def import_tensorflow() -> ModuleType:
    """Return TensorFlow, imported without its log lines."""
    _start_tensorflow()
    import tensorflow

    return tensorflow  # type: ignore[no-any-return]


def import_xgboost() -> ModuleType:
    """Return XGBoost, its threads prepared if nothing else was imported before."""
    prepare_process()
    import xgboost

    return xgboost  # type: ignore[no-any-return]


def tree_device() -> str:
    """Return where XGBoost grows its trees: ``cuda`` if its build and the driver allow it, else ``cpu``."""
    built_for_it = import_xgboost().build_info()["USE_CUDA"]
    return "cuda" if built_for_it and NVIDIA_GPUS.is_dir() and any(NVIDIA_GPUS.iterdir()) else "cpu"


def _start_tensorflow() -> None:
    if "tensorflow" in sys.modules:
        return
    with quiet_tensorflow():
        import tensorflow  # noqa: F401


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Let whoever imports TensorFlow or Keras for the first time, a user's module for instance, do so quietly."""
    prepare_process()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    finder = _QuietFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _QuietFinder(MetaPathFinder):
    """Finds TensorFlow where Python does, with a loader that prints nothing."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "tensorflow" else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _QuietLoader(spec.loader.name, spec.loader.path)
        return spec


class _QuietLoader(SourceFileLoader):
    """Runs TensorFlow's code without what it prints meanwhile."""

    def exec_module(self, module: Any) -> None:
        with _silent_stderr():
            super().exec_module(module)
        # Else it warns of retracing, which is all that happens when one process uses many models.
        module.get_logger().setLevel("ERROR")


@contextmanager
def _silent_stderr() -> Iterator[None]:
    # TensorFlow prints a few lines from C++ before it reads its log level, so only the file descriptor helps.
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
