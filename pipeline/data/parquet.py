"""Parquet files of pictures and labels, as Hugging Face's image datasets have them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.data.shards import HUGGING_FACE_KEY
from pipeline.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES = ("image", "img", "picture")
LABELS = ("label", "labels", "class", "fine_label")
ROWS_AT_A_TIME = 512


@dataclass(frozen=True)
class ParquetRow:
    """The bytes of a picture file and the name of its class; ``None`` if it has none."""

    picture: bytes
    label: str | None


def read(path: Path) -> Iterator[ParquetRow]:
    """Yield the rows of a Parquet file.

    The column ``image`` (or ``img``) holds bytes, or a struct with ``bytes``; ``label`` holds names, or numbers whose
    names are in the file's own metadata.

    Raises:
        DataError: The file is damaged, or lacks the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            columns = file.schema_arrow
            image, label = _column(path, columns, IMAGES), _label_column(columns)
            names = _class_names(columns, label) if label else None
            wanted = [image, label] if label else [image]
            for batch in file.iter_batches(batch_size=ROWS_AT_A_TIME, columns=wanted):
                yield from (_row(path, row[image], row.get(label), names) for row in batch.to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}.") from error


def _column(path: Path, columns: "pa.Schema", known: Sequence[str]) -> str:
    found = next((name for name in known if name in columns.names), None)
    if found is None:
        raise DataError(f"{path} has the columns {', '.join(columns.names)}; one named 'image' is expected.")
    return found


def _label_column(columns: "pa.Schema") -> str | None:
    return next((name for name in LABELS if name in columns.names), None)


def _class_names(columns: "pa.Schema", label: str) -> list[str] | None:
    try:
        metadata = json.loads((columns.metadata or {}).get(HUGGING_FACE_KEY, b"{}"))
        names = metadata["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return [str(name) for name in names] if isinstance(names, list) else None


def _row(path: Path, image: Any, label: Any, names: list[str] | None) -> ParquetRow:
    content = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(content, bytes):
        raise DataError(f"{path} holds images as {type(image).__name__}, not as the bytes of picture files.")
    if not isinstance(label, int | str | None):
        raise DataError(
            f"{path} holds {type(label).__name__} as labels; a name or a number is expected for each image."
        )
    if label in {None, -1, ""}:
        return ParquetRow(content, None)
    if names is not None and isinstance(label, int) and 0 <= label < len(names):
        return ParquetRow(content, names[label])
    return ParquetRow(content, str(label))
