"""Parquet shards of labelled images, in the form that Hugging Face's ``datasets`` reads as an image dataset.

A row is an image: its bytes (PNG) and path, its label, and where it came from. pandas, DuckDB and
``datasets.load_dataset`` open a shard as it is. The columns are fixed from the first shard on, since a later
shard with one column more cannot be read together with the others.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.contracts import Images
from pipeline.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

FACTS = ("digest", "source", "arrived_at", "batch", "labelled_by", "selection", "polarity", "reason")
"""The columns of text beside ``image`` and ``label``."""
ROWS_IN_A_GROUP = 4096
HUGGING_FACE_KEY = b"huggingface"

ARRIVED, AUDITED, DOUBTFUL, CORRECTED, TESTING, TRAINING = SELECTIONS = (
    "arrival",
    "audit",
    "doubtful",
    "corrected",
    "test",
    "training",
)
"""How an image came to be chosen. Only unselected arrivals and random audits may join the benchmark: what was selected
as doubtful, or corrected, is training data alone. ``test`` and ``training`` are the two parts of a source that sets its
own test images aside."""


@dataclass(frozen=True)
class Entry:
    """One stored image.

    Attributes:
        png: The prepared image as PNG bytes.
        label: Index of its class.
        digest: Hexadecimal digest of its pixels (``pipeline.data.digests``).
        source: The file it came from, relative to what was ingested, or the row.
        arrived_at: UTC, ISO 8601.
        batch: The ingest that brought it.
        labelled_by: The person or file that gave the label; empty if unknown.
        selection: How it was chosen; one of ``SELECTIONS``.
        polarity: What the preparation decided: ``light on dark``, ``dark on light``, or empty where it does not ask.
        reason: Why it is in quarantine; empty for stored images.
    """

    png: bytes
    label: int
    digest: str
    source: str
    arrived_at: str
    batch: str
    labelled_by: str = ""
    selection: str = ARRIVED
    polarity: str = ""
    reason: str = ""


def schema(classes: Sequence[str]) -> "pa.Schema":
    """Return the columns of a shard, with the metadata that makes ``datasets`` decode images and class names."""
    import pyarrow as pa

    features = {"image": {"_type": "Image"}, "label": {"names": list(classes), "_type": "ClassLabel"}}
    metadata = {HUGGING_FACE_KEY: json.dumps({"info": {"features": features}}).encode()}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    text = [(name, pa.string()) for name in FACTS]
    return pa.schema([("image", image), ("label", pa.int64()), *text], metadata=metadata)


def table(entries: Sequence[Entry], classes: Sequence[str]) -> "pa.Table":
    """Return entries as an Arrow table."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        "image": [{"bytes": entry.png, "path": f"{entry.digest}.png"} for entry in entries],
        "label": [entry.label for entry in entries],
    }
    columns |= {name: [getattr(entry, name) for entry in entries] for name in FACTS}
    return pa.Table.from_pydict(columns, schema=schema(classes))


def content(rows: "pa.Table") -> bytes:
    """Return a table as the bytes of a Parquet file, each page with a checksum."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", row_group_size=ROWS_IN_A_GROUP, write_page_checksum=True)
    return buffer.getvalue()


def read(path: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """Return the rows of a shard, every page checked.

    Raises:
        DataError: The file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}. Restore it from a backup.") from error


def entries(rows: "pa.Table") -> Iterator[Entry]:
    """Return the entries of a table that ``table`` made."""
    for row in rows.to_pylist():
        facts = {name: row[name] or "" for name in FACTS}
        yield Entry(png=row["image"]["bytes"], label=row["label"], **facts)


def content_digest(rows: "pa.Table") -> str:
    """Return the SHA-256, in hexadecimal, of a table's content, whichever library wrote its file.

    The pixels enter by their digest, which is checked against the bytes whenever these are decoded.
    """
    digest = hashlib.sha256()
    for name in ("digest", "label", *FACTS[1:]):
        digest.update(json.dumps([name, rows.column(name).to_pylist()], ensure_ascii=False).encode())
    return digest.hexdigest()


def encode(pixels: Images) -> bytes:
    """Return one image, uint8 ``[H, W, 1 or 3]``, as PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def decode(png: bytes, shape: tuple[int, int, int]) -> Images:
    """Return the pixels of ``encode``, uint8 ``[H, W, C]``.

    Raises:
        DataError: The bytes are no picture of this shape.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            pixels = np.asarray(picture)
    except Exception as error:  # decoders raise whatever the damage leads them to
        raise DataError(f"a stored picture is damaged ({error}): restore the shard from a backup") from error
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise DataError(f"a stored picture has the shape {pixels.shape} where {shape} is recorded")
    return pixels
