"""The pixels of a shard, decoded once: ``.cache/<digest of the shard>/``, memory-mapped and checked at each load."""

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, Images, Labels
from pipeline.data import digests, shards
from pipeline.errors import DataError

FOLDER = ".cache"


@dataclass(frozen=True, eq=False)
class Pixels:
    """A shard as arrays: uint8 ``[N, H, W, C]``, int64 ``[N]``, ``V16 [N]``, and the selections, ``[N]``."""

    images: Images
    labels: Labels
    digests: Digests
    selection: NDArray[np.str_]


def pixels(folder: Path, shard: Path, sha256: str, shape: tuple[int, int, int]) -> Pixels:
    """Return the decoded content of a shard.

    Args:
        folder: The dataset's folder; the cache is in it.
        shard: The Parquet file.
        sha256: The digest of its content that the snapshot's manifest holds.
        shape: Height, width and channels.

    Raises:
        DataError: The shard is not what the manifest says, or a picture in it is not what its digest says.
    """
    place = _place(folder, sha256)
    if (kept := _kept(place, sha256, shape)) is not None:
        return kept
    made = _decoded(shard, sha256, shape)
    with contextlib.suppress(OSError):  # a full or read-only disk costs memory and the speed of the next load
        keep(folder, sha256, made)
    return _kept(place, sha256, shape) or made


def forget(folder: Path) -> None:
    """Delete the cache of a dataset."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _decoded(shard: Path, sha256: str, shape: tuple[int, int, int]) -> Pixels:
    rows = shards.read(shard)
    if shards.content_digest(rows) != sha256:
        raise DataError(f"{shard} was changed since its snapshot was made: restore it from a backup.")
    images = np.empty((rows.num_rows, *shape), np.uint8)
    for number, image in enumerate(rows.column("image")):
        try:
            images[number] = shards.decode(image["bytes"].as_py(), shape)
        except DataError as error:
            raise DataError(f"{shard}, row {number + 1}: {error}.") from error
    recorded = b"".join(bytes.fromhex(text) for text in rows.column("digest").to_pylist())
    found = digests.image_digests(images)
    if found.tobytes() != recorded:
        raise DataError(f"{shard} holds a picture that is not what its digest says: restore it from a backup.")
    labels = rows.column("label").to_numpy().astype(np.int64)
    return Pixels(images, labels, found, np.array(rows.column("selection").to_pylist(), np.str_))


def keep(folder: Path, sha256: str, made: Pixels) -> None:
    """Put the decoded content of a shard into the cache of its dataset.

    Raises:
        OSError: The disk is full or fails.
    """
    place = _place(folder, sha256)
    staging = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        np.save(staging / "images.npy", made.images)
        codes = np.array([shards.SELECTIONS.index(selection) for selection in made.selection.tolist()], np.uint8)
        np.savez(
            staging / "facts.npz",
            sha256=np.array(_seal(sha256, made)),
            labels=made.labels,
            digests=made.digests.view(np.uint8).reshape(-1, digests.DIGEST_BYTES),
            selection=codes,
        )
        shutil.rmtree(place, ignore_errors=True)
        staging.rename(place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _place(folder: Path, sha256: str) -> Path:
    return folder / FOLDER / sha256[:32]


def _kept(place: Path, sha256: str, shape: tuple[int, int, int]) -> Pixels | None:
    """What is in the cache; ``None`` if nothing is, or not what was put there."""
    try:
        images = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        with np.load(place / "facts.npz", allow_pickle=False) as facts:
            seal = str(facts["sha256"])
            labels, codes = facts["labels"], facts["selection"]
            recorded = np.ascontiguousarray(facts["digests"]).view(digests.DIGEST_DTYPE).reshape(-1)
        kept = Pixels(images, labels, recorded, np.array(shards.SELECTIONS, np.str_)[codes])
    except Exception:  # zipfile, zlib and numpy raise whatever the damage leads them to; the shard is decoded again
        return None
    whole = images.shape == (len(labels), *shape) and images.dtype == np.uint8
    same = whole and digests.image_digests(images).tobytes() == recorded.tobytes()
    return kept if same and _seal(sha256, kept) == seal else None


def _seal(sha256: str, part: Pixels) -> str:
    """Binds labels and selections to the shard; the pixels are bound by their digests."""
    return f"{sha256}:{digests.labelled_digest(part.digests, part.labels, part.selection.tolist())}"
