"""MNIST, from a local folder, Keras' cache, or the file that Keras downloads."""

import hashlib
import os
import struct
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data import idx, npz
from pipeline.data.notices import Notify
from pipeline.data.raw import RawSet
from pipeline.errors import DataError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
BYTES = 11_490_434
MD5S = {
    "training images": "6bbc9ace898e44ae57da46a324031adb",
    "training labels": "a25bea736e30d166cdddb491f175f624",
    "test images": "2646ac647ad5339dbf082846283269ea",
    "test labels": "27ae3e4e09519cfbb04c329615203637",
}
"""Of the four uncompressed IDX files, as published."""
CHUNK = 2**16


def stored(folders: list[Path], cache: Path, notify: Notify) -> RawSet | None:
    """Return MNIST from the first of several folders that has it, or from Keras' cache; ``None`` if it is in neither.

    Args:
        folders: Named by the user; each may also hold it in ``mnist/``.
        cache: Keras' own ``mnist.npz``, which may be missing.
        notify: Called with a sentence on each place without MNIST.

    Raises:
        DataError: A file in one of the folders is damaged or is not MNIST.
    """
    for folder in folders:
        for place in (folder, folder / "mnist"):
            if (raw := _local(place)) is not None:
                return raw
        notify(f"{folder} does not hold MNIST (IDX files or mnist.npz): looking elsewhere.")
    if cache.is_file():
        try:
            return _verified(npz.read_labelled(cache))
        except DataError as error:
            notify(f"Keras' copy of MNIST is not used: {error}")
    return None


def downloaded(cache: Path, timeout: float) -> RawSet:
    """Return MNIST, downloaded into Keras' cache.

    Raises:
        DataError: It cannot be downloaded or stored.
    """
    download(cache, timeout)
    return _verified(npz.read_labelled(cache))


def keras_cache() -> Path:
    """Return where Keras keeps MNIST; ``KERAS_HOME`` moves it, as it does in Keras."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets" / "mnist.npz"


def download(target: Path, timeout: float, url: str | None = None) -> None:
    """Download Keras' ``mnist.npz``, check it, and only then put it in place.

    Args:
        target: The file to write; its folder is made.
        timeout: Seconds to wait for an answer; the whole download may take twenty times as long.
        url: Another place to get the same file from.

    Raises:
        DataError: The server cannot be reached, is too slow, or sends something else.
    """
    from http.client import HTTPException

    try:
        content = _fetch(url or URL, timeout)
    except (OSError, HTTPException) as error:
        raise DataError(
            f"MNIST could not be downloaded ({error}): check the network, or name its folder with --data-dir."
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"{url or URL} sent something other than MNIST (its SHA-256 differs): nothing was kept.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mnist-") as folder:
            part = Path(folder) / target.name
            part.write_bytes(content)
            part.replace(target)
    except OSError as error:
        raise DataError(f"MNIST was downloaded but cannot be stored in {target}: {error}.") from error


def _fetch(url: str, timeout: float) -> bytes:
    from urllib.request import urlopen

    deadline = time.monotonic() + 20 * timeout
    content = bytearray()
    with urlopen(url, timeout=timeout) as reply:
        while chunk := reply.read(CHUNK):
            content += chunk
            if len(content) > BYTES or time.monotonic() > deadline:
                break
    return bytes(content)


def _local(folder: Path) -> RawSet | None:
    if not folder.is_dir():
        return None
    if (folder / "mnist.npz").is_file():
        return _verified(npz.read_labelled(folder / "mnist.npz"))
    return _verified(idx.read_folder(folder)) if "train" in idx.find(folder) else None


def _verified(raw: RawSet) -> RawSet:
    """Check the content by the published MD5s, whatever it was packed in."""
    if raw.test is None:
        raise DataError(
            f"{raw.source}: MNIST's test images (t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte) are missing."
        )
    arrays = (raw.part.images, raw.part.labels, raw.test.images, raw.test.labels)
    files = (raw.part.images_file, raw.part.labels_file, raw.test.images_file, raw.test.labels_file)
    for (what, md5), array, file in zip(MD5S.items(), arrays, files, strict=True):
        if _idx_md5(array) != md5:
            raise DataError(f"{file} does not hold MNIST's {what} (their MD5 differs): copy or download them again.")
    return replace(raw, name="mnist", origin="mnist", classes=tuple(str(digit) for digit in range(10)))


def _idx_md5(array: NDArray[Any]) -> str:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, idx.UNSIGNED_BYTE, array.ndim, *array.shape)
    digest = hashlib.md5(header, usedforsecurity=False)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
