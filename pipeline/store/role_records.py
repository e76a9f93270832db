"""The role of every image ever seen, recorded permanently."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Roles
from pipeline.errors import StoreError
from pipeline.store import atomic, typed_files
from pipeline.store.home import Home

DIGEST_BYTES = 16
LARGEST_ROLE = 2
FOLDER = ".roles"


def load(home: Home, dataset: str) -> Roles | None:
    """Return the roles recorded for a dataset, ``None`` if it was never seen.

    Raises:
        StoreError: The record is damaged; redrawing the roles could turn training images into benchmark images.
    """
    path = _path(home, dataset)
    if not path.exists():
        return None
    content = atomic.read_bytes(path)
    try:
        found = typed_files.parse_arrays(content, path, ("digests", "roles"))
    except StoreError as error:
        raise _damaged(path, "it cannot be read as a NumPy archive") from error
    digests, roles = found["digests"], found["roles"]
    if fault := _fault(digests, roles):
        raise _damaged(path, fault)
    return Roles(digests=np.ascontiguousarray(digests).view(f"V{DIGEST_BYTES}").reshape(-1), roles=roles)


def names(home: Home) -> list[str]:
    """Return the datasets whose roles are recorded, by name."""
    return [path.stem for path in files(home)]


def files(home: Home) -> list[Path]:
    """Return the file of each of them, by name."""
    return sorted((home.versions / FOLDER).glob("[!.]*.npz"))


def save(home: Home, dataset: str, roles: Roles) -> None:
    """Record the roles of a dataset in one step."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, digests=roles.digests.view(np.uint8).reshape(-1, DIGEST_BYTES), roles=roles.roles)
    atomic.write_bytes(_path(home, dataset), buffer.getvalue())


def _path(home: Home, dataset: str) -> Path:
    return home.versions / FOLDER / f"{dataset}.npz"


def _fault(digests: NDArray[Any], roles: NDArray[Any]) -> str | None:
    """Return what is wrong with a record: searches rely on its order, and splits on its values."""
    if digests.dtype != np.uint8 or digests.ndim != 2 or digests.shape[1] != DIGEST_BYTES:
        return f"its digests are {digests.dtype} {digests.shape}, not uint8 (images, {DIGEST_BYTES})"
    if roles.dtype != np.uint8 or roles.shape != (len(digests),):
        return f"its roles are {roles.dtype} {roles.shape}, not uint8 ({len(digests)},)"
    if (roles > LARGEST_ROLE).any():
        return f"its image {int((roles > LARGEST_ROLE).argmax()) + 1:,} has the unknown role {roles.max()}"
    return None if _is_increasing(digests) else "its digests are not sorted and different"


def _is_increasing(digests: NDArray[np.uint8]) -> bool:
    """Whether each row of bytes is larger than the one before it."""
    halves = np.ascontiguousarray(digests).view(">u8")
    before, after = halves[:-1], halves[1:]
    larger = (after[:, 0] > before[:, 0]) | ((after[:, 0] == before[:, 0]) & (after[:, 1] > before[:, 1]))
    return bool(larger.all())


def _damaged(path: Path, fault: str) -> StoreError:
    return StoreError(
        f"{path} is damaged ({fault}): restore it from a backup, or give the dataset another --name to start afresh."
    )
