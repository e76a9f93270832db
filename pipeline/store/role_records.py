"""The role of every image ever seen, kept for good."""

import io

import numpy as np

from pipeline.contracts import Roles
from pipeline.errors import StoreError
from pipeline.store import atomic
from pipeline.store.home import Home


def load(home: Home, dataset: str) -> Roles | None:
    """The roles recorded for a dataset, ``None`` if it was never seen.

    Raises:
        StoreError: The record is damaged; drawing the roles anew could turn training images into benchmark images.
    """
    path = home.versions / ".roles" / f"{dataset}.npz"
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Roles(digests=arrays["digests"].view("V16").reshape(-1), roles=arrays["roles"])
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(
            f"{path} is damaged: {error}. Restore it from a copy, or give the dataset another --name to start afresh."
        ) from error


def save(home: Home, dataset: str, roles: Roles) -> None:
    """Record the roles of a dataset in one step."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, digests=roles.digests.view(np.uint8).reshape(-1, 16), roles=roles.roles)
    atomic.write_bytes(home.versions / ".roles" / f"{dataset}.npz", buffer.getvalue())
