"""MNIST's IDX format, gzipped or not."""

import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.raw import RawPart, RawSet
from pipeline.data.reading import COPY_AGAIN, blaming, require_affordable
from pipeline.errors import DataError

UNSIGNED_BYTE = 0x08
PIECE = 2**20
NAME = re.compile(r"(?P<stem>.*?)[-_.]?(?P<kind>images|labels)[-.]idx[13]-ubyte(?:\.gz)?", re.IGNORECASE)


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    Args:
        path: The file, gzipped or not (its content decides).
        dimensions: 3 for images ``[N, H, W]``, 1 for labels ``[N]``.

    Raises:
        DataError: The file is missing, truncated, too long, damaged, far too large, or not an IDX file.
    """
    with blaming(path, "an IDX file"), _open(path) as stream:
        header = stream.read(4 + 4 * dimensions)
        shape = _shape(path, header, dimensions)
        size = require_affordable(str(path), shape)
        content = _at_most(stream, size + 1)
    if len(content) != size:
        more_or_less = "more bytes" if len(content) > size else f"only {len(content):,} bytes"
        raise DataError(f"{path} declares {shape[0]:,} items, {size:,} bytes, but holds {more_or_less}: {COPY_AGAIN}.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    with path.open("rb") as stream:
        gzipped = stream.read(2) == b"\x1f\x8b"
    return gzip.GzipFile(path) if gzipped else path.open("rb")


def _at_most(stream: gzip.GzipFile | io.BufferedReader, size: int) -> bytearray:
    """Read in pieces, since a header may declare more than the file holds."""
    content = bytearray()
    while len(content) < size and (piece := stream.read(min(PIECE, size - len(content)))):
        content += piece
    return content


def _shape(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    if len(header) < 4 or header[:2] != b"\0\0":
        raise DataError(f"{path} is not an IDX file: its first bytes are {header[:4].hex(' ') or 'missing'}.")
    if header[2] != UNSIGNED_BYTE:
        raise DataError(f"{path} holds IDX type 0x{header[2]:02x}; only unsigned bytes (0x08) are read.")
    if header[3] != dimensions:
        what = "images" if dimensions == 3 else "labels"
        raise DataError(f"{path} has {header[3]} dimensions, but {what} have {dimensions}: is it the right file?")
    if len(header) < 4 + 4 * dimensions:
        raise DataError(f"{path} ends inside its header: {COPY_AGAIN}.")
    shape = tuple(int(length) for length in np.frombuffer(header, ">u4", offset=4))
    if 0 in shape:
        raise DataError(f"{path} declares {' x '.join(f'{length:,}' for length in shape)} values: it is empty.")
    return shape


@dataclass(frozen=True)
class FilePair:
    """The two files of one part of an IDX set."""

    images: Path
    labels: Path


def find(folder: Path) -> dict[str, FilePair]:
    """Return the complete pairs of IDX files in a folder, by ``train`` and ``test`` (or ``train`` alone).

    Raises:
        DataError: Images lack their labels, or labels their images, or there are several sets.
    """
    files: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # so that an uncompressed file comes after its .gz, and wins
        match = NAME.fullmatch(path.name)
        if match and path.is_file():
            files[match["stem"].lower(), match["kind"].lower()] = path
    pairs: dict[str, FilePair] = {}
    for stem in sorted({stem for stem, _ in files}):
        part = "test" if stem.endswith(("t10k", "test")) else "train"
        images, labels = files.get((stem, "images")), files.get((stem, "labels"))
        if images is None or labels is None:
            lone = images or labels
            raise DataError(f"{lone} has no {'labels' if images else 'images'} file next to it: add it.")
        if part in pairs:
            raise DataError(f"{folder} holds several {part} sets ({pairs[part].images.name}, {images.name}): keep one.")
        pairs[part] = FilePair(images, labels)
    return pairs


def read_folder(folder: Path) -> RawSet:
    """Read a folder with a pair of IDX files, or with a training and a test pair named as MNIST's.

    Raises:
        DataError: Something is missing or wrong with a file.
    """
    parts = {name: _part(pair) for name, pair in find(folder).items()}
    if "train" not in parts:
        raise DataError(f"{folder} holds no training set as IDX files (such as train-images-idx3-ubyte.gz): add it.")
    return RawSet(folder.resolve().name, f"IDX files in {folder}", parts["train"], parts.get("test"))


def _part(pair: FilePair) -> RawPart:
    return RawPart(str(pair.images), str(pair.labels), read(pair.images, 3), read(pair.labels, 1))
