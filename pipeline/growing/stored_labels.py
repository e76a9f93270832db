"""Which images a dataset holds, and as what: 18 bytes an image, where a dictionary takes some 200."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests
from pipeline.data.digests import DIGEST_DTYPE, positions
from pipeline.data.snapshots import Snapshot
from pipeline.growing import snapshot_store


class StoredLabels(Mapping[str, str]):
    """Class names by hexadecimal digest.

    Args:
        images: One digest an image, ``[N]``, all different.
        labels: Their classes, ``[N]``.
        classes: The class names, in label order.
    """

    def __init__(self, images: Digests, labels: NDArray[np.uint16], classes: Sequence[str]) -> None:
        order = np.argsort(images)
        self._images, self._labels, self._classes = images[order], labels[order], classes

    def __getitem__(self, digest: str) -> str:
        place = int(positions(_parsed([digest]), self._images)[0])
        if place < 0:
            raise KeyError(digest)
        return self._classes[int(self._labels[place])]

    def __iter__(self) -> Iterator[str]:
        return (image.hex() for image in self._images.tolist())

    def __len__(self) -> int:
        return len(self._images)


def of(folder: Path, snapshot: Snapshot | None) -> StoredLabels:
    """Return what a snapshot holds; without one, nothing.

    Raises:
        DataError: A shard is missing or damaged.
    """
    images, labels = [_parsed([])], [np.empty(0, np.uint16)]
    for rows in snapshot_store.stored_rows(folder, snapshot, ["digest", "label"]) if snapshot else ():
        images.append(_parsed(rows.column("digest").to_pylist()))
        labels.append(rows.column("label").to_numpy().astype(np.uint16))
    return StoredLabels(np.concatenate(images), np.concatenate(labels), snapshot.classes if snapshot else ())


def _parsed(digests: Sequence[str]) -> Digests:
    """Hexadecimal digests as an array."""
    return np.frombuffer(bytes.fromhex("".join(digests)), DIGEST_DTYPE)
