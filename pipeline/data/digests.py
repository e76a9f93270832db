"""Digests of images: what an image *is*, whatever file or row it came from."""

import hashlib
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, Labels
from pipeline.stored_images import ImageSource, blocks

DIGEST_BYTES = 16
DIGEST_DTYPE = np.dtype(f"V{DIGEST_BYTES}")
ERASED = np.zeros(1, DIGEST_DTYPE)
"""What takes the place of an erased image's digest in the records of versions."""
BLOCK = 4096
"""Images that are read at once."""


def image_digests(images: ImageSource) -> Digests:
    """Return the BLAKE2b digest of each image, over its shape and its pixels.

    Args:
        images: uint8 ``[N, H, W, C]``.

    Returns:
        ``V16`` ``[N]``. The shape is BLAKE2b's personalisation (RFC 7693), so equal bytes of another shape are another
        image.
    """
    shape = struct.pack("<3I", *images.shape[1:])
    size = int(np.prod(images.shape[1:]))
    content = bytearray()
    for block in blocks(images, BLOCK):
        pixels = np.ascontiguousarray(block).reshape(-1).data
        for start in range(0, len(pixels), size):
            content += hashlib.blake2b(pixels[start : start + size], digest_size=DIGEST_BYTES, person=shape).digest()
    return np.frombuffer(bytes(content), DIGEST_DTYPE)


def unique(digests: Digests) -> Digests:
    """Return the sorted unique digests, ``[M]``."""
    # Asking for the index makes numpy sort by argsort, which is several times faster on bytes.
    return np.unique(digests, return_index=True)[0]


def set_digest(digests: Digests) -> str:
    """Return the SHA-256, in hexadecimal, of a *set* of images: neither order, names nor copies change it."""
    return hashlib.sha256(unique(digests).tobytes()).hexdigest()


def labelled_digest(images: Digests, labels: Labels, names: Sequence[str]) -> str:
    """Return the SHA-256, in hexadecimal, of images and labels in their order, and of class names."""
    digest = hashlib.sha256(images.tobytes())
    digest.update(labels.astype("<i8").tobytes())
    digest.update("\0".join(names).encode())
    return digest.hexdigest()


def truth_digest(digests: Digests, labels: Labels) -> str:
    """Return the SHA-256, in hexadecimal, of a set of labelled images; neither names nor order change it."""
    rows = [image + label.tobytes() for image, label in zip(digests.tolist(), labels.astype("<i8"), strict=True)]
    return hashlib.sha256(b"".join(sorted(rows))).hexdigest()


def positions(digests: Digests, known: Digests) -> NDArray[np.int64]:
    """Return the position of each digest in the sorted unique ``known``, ``[N]``; -1 where it is missing."""
    if len(known) == 0:
        return np.full(len(digests), -1, np.int64)
    found = np.minimum(np.searchsorted(known, digests), len(known) - 1)
    return np.where(known[found] == digests, found, -1).astype(np.int64)


def contained(digests: Digests, others: Digests) -> NDArray[np.bool_]:
    """Return whether each of ``digests`` is among ``others``, boolean ``[N]``."""
    return positions(digests, unique(others)) >= 0


def overlap(first: Digests, second: Digests) -> int:
    """Return how many different images both sets hold."""
    return int(contained(unique(first), second).sum())
