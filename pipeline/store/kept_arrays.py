"""Cached arrays in ``versions/.cache``: a model's outputs for certain images, which can be recomputed."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StoreError
from pipeline.store import atomic, typed_files


@dataclass(frozen=True)
class KeptArray:
    """What an array was computed from.

    Attributes:
        folder: Where arrays are cached.
        kind: What was computed, safe as part of a file name.
        model_sha256: Digest of the model file.
        rows_sha256: Digest of the images, in their order.
    """

    folder: Path
    kind: str
    model_sha256: str
    rows_sha256: str

    @property
    def path(self) -> Path:
        """The file that holds the array."""
        return self.folder / f"{self.model_sha256[:24]}-{self.rows_sha256[:24]}-{self.kind}.npz"


def read(entry: KeptArray) -> NDArray[np.float32] | None:
    """Return the cached array; ``None`` unless its digest matches this content, model and images."""
    try:
        found = typed_files.parse_arrays(atomic.read_bytes(entry.path), entry.path, ("values", "sha256"))
    except StoreError:
        return None
    values, digest = found["values"], found["sha256"]
    fits = values.dtype == np.float32 and digest.shape == () and str(digest) == _digest(entry, values)
    return values if fits else None


def write(entry: KeptArray, values: NDArray[np.float32]) -> None:
    """Cache an array in one step, with the digest that ``read`` checks.

    Raises:
        StoreError: The disk fails.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, values=values, sha256=np.array(_digest(entry, values)))
    atomic.write_bytes(entry.path, buffer.getvalue())


def _digest(entry: KeptArray, values: NDArray[Any]) -> str:
    named = f"{entry.kind}\n{entry.model_sha256}\n{entry.rows_sha256}\n{values.dtype.str}\n{values.shape}\n"
    return hashlib.sha256(named.encode() + np.ascontiguousarray(values).tobytes()).hexdigest()
